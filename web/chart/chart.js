/**
 * Prices over time: a picture whose values a pointer or the arrow keys read out, and the same as a table. It knows
 * plain values and what is to happen when a range is chosen.
 */
import { h, kept } from "../draw/dom.js";
import { cents, chance, shares, spokenMoment, when } from "../draw/format.js";
import { choices } from "../parts/choices.js";
import { createCandleTable } from "./candle_table.js";
import { plot } from "./plot.js";
import { scaleFor } from "./scale.js";

/** Room for the names of prices at the right and of moments below. */
const MARGIN = { right: 44, top: 8, bottom: 26 };
/** Candles that a page key goes. */
const PAGE = 10;

/**
 * @typedef {import("../feeds/candles.js").Candle} Candle
 * @typedef {import("../feeds/candles.js").Past} Past
 *
 * @param {() => void} redraw
 * @param {(range: string) => void} choose
 */
export function createChart(redraw, choose) {
  let room = { width: 0, height: 0 };
  let isTable = false;
  /** Which candle is read out, by its beginning: others come while one looks. @type {number | null} */
  let reading = null;
  const table = createCandleTable();
  const observer = new ResizeObserver(([{ contentRect: { width, height } }]) => {
    room = { width: width - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    redraw();
  });

  const scaled = kept((/** @type {Past} */ past, /** @type {number | null} */ last, /** @type {typeof room} */ size) =>
    /** @type {any} */ (scaleFor(pricesOf(past, last), past, size)));
  const picture = kept((/** @type {Past} */ past, /** @type {any} */ scale) => h("g", { key: "past" }, plot(past, scale)));

  /** Only what stands there now: what was taken away is told of once more, as nothing wide. @param {Element} element */
  function measure(element) {
    observer.disconnect();
    observer.observe(element);
  }

  /** @param {number | null} at */
  function readOut(at) {
    if (at === reading) return;
    reading = at;
    redraw();
  }

  /** @param {Past} past */
  function pointed(past) {
    return (/** @type {PointerEvent} */ event) => {
      const { left } = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
      const at = past.from + ((event.clientX - left) / room.width) * (past.to - past.from);
      readOut(nearest(past.items, at - past.length / 2)?.at ?? null);
    };
  }

  /** @param {Past} past @param {number} shown */
  function keyed({ items }, shown) {
    return (/** @type {KeyboardEvent} */ event) => {
      const to = {
        ArrowLeft: shown - 1, ArrowDown: shown - 1, ArrowRight: shown + 1, ArrowUp: shown + 1,
        PageDown: shown - PAGE, PageUp: shown + PAGE, Home: 0, End: items.length - 1,
      }[event.key];
      if (event.key === "Escape") readOut(null);
      if (to === undefined || items.length === 0) return;
      event.preventDefault();
      readOut(items[Math.min(items.length - 1, Math.max(0, to))].at);
    };
  }

  /**
   * @param {{
   *   ranges: {name: string, title: string}[], range: string, past: Past | null, last: number | null,
   * }} what `past` null as long as it is being read; `last` the price of the newest trade
   */
  function view({ ranges, range, past, last }) {
    const items = past?.items ?? [];
    const found = items.findIndex(({ at }) => at === reading);
    const shown = found === -1 ? items.length - 1 : found;
    return [
      h("div", { class: "chart-bar" },
        choices({ label: "Range", of: ranges.map(({ name, title }) => ({ value: name, text: title })), chosen: range, choose }),
        h("button", { key: "table", class: "quiet", "aria-pressed": String(isTable), on: { click: () => { isTable = !isTable; redraw(); } } },
          "Table")),
      h("p", { class: "chart-values" }, shown >= 0 ? values(items[shown], found === -1 && last !== null ? last : priceAt(items, shown)) : "\u00a0"),
      isTable ? table(items) : drawing(past, shown, found !== -1, last),
    ];
  }

  /** @param {Past | null} past @param {number} shown @param {boolean} isRead @param {number | null} last */
  function drawing(past, shown, isRead, last) {
    const candle = past?.items[shown];
    return h("div", {
        key: "plot", class: "chart-plot", role: "slider", tabindex: "0", "aria-label": "Price of YES over time",
        "aria-valuemin": 0, "aria-valuemax": Math.max(0, (past?.items.length ?? 0) - 1), "aria-valuenow": Math.max(0, shown),
        "aria-valuetext": candle && past ? spoken(candle, priceAt(past.items, shown)) : "No trades yet",
        made: measure,
        on: past ? { pointermove: pointed(past), pointerdown: pointed(past), pointerleave: () => readOut(null), keydown: keyed(past, shown) } : {},
      },
      past && room.width > 0 && h("svg", { width: room.width + MARGIN.right, height: room.height + MARGIN.top + MARGIN.bottom, "aria-hidden": "true" },
        h("g", { transform: `translate(0 ${MARGIN.top})` }, drawn(past, isRead ? candle : undefined, last))),
      note(past, last));
  }

  /** @param {Past} past @param {Candle | undefined} candle @param {number | null} last */
  function drawn(past, candle, last) {
    const scale = /** @type {any} */ (scaled(past, last, room));
    return [picture(past, scale), last !== null && newest(past, last, scale), candle && crosshair(candle, past, scale)];
  }

  return {
    view,
    close: () => observer.disconnect(),
  };
}

/** What must be seen: what was paid; where nobody has traded, what was bid and asked. @param {Past} past @param {number | null} last */
function pricesOf({ items }, last) {
  const paid = items.flatMap(({ high, low }) => (high === null || low === null ? [] : [high, low]));
  const seen = last === null ? paid : [...paid, last];
  return seen.length > 0 ? seen : items.flatMap(({ bid, ask }) => (bid === null || ask === null ? [] : [bid, ask]));
}

/** The newest price, up to the right edge, ahead of the candle that will tell of it. @param {Past} past @param {number} last @param {any} scale */
function newest({ items, length }, last, { x, y, width }) {
  const before = items.findLast(({ close }) => close !== null);
  const from = before ? x(before.at + length / 2) : width;
  const start = before ? `M${from} ${y(/** @type {number} */ (before.close))}V${y(last)}` : `M${from} ${y(last)}`;
  return h("g", { key: "newest" },
    h("path", { class: "chart-line", d: `${start}H${width}` }),
    h("line", { class: "chart-level", x1: 0, x2: width, y1: y(last), y2: y(last) }),
    h("circle", { class: "chart-dot", cx: width, cy: y(last), r: 3.5 }),
    h("rect", { class: "chart-tag", x: width + 4, y: y(last) - 10, width: 38, height: 20, rx: 4 }),
    h("text", { class: "chart-tag-text", x: width + 8, y: y(last), "dominant-baseline": "middle" }, cents(last)));
}

/** @param {Candle} candle @param {Past} past @param {any} scale */
function crosshair({ at, close }, { length }, { x, y, height }) {
  const middle = x(at + length / 2);
  return h("g", { key: "crosshair" },
    h("line", { class: "chart-cross", x1: middle, x2: middle, y1: 0, y2: height }),
    close !== null && h("circle", { class: "chart-dot", cx: middle, cy: y(close), r: 4 }));
}

/** What was paid last, then or before. @param {Candle[]} items @param {number} index */
function priceAt(items, index) {
  for (; index >= 0; index -= 1) if (items[index].close !== null) return items[index].close;
  return null;
}

/** @param {Candle} candle @param {number | null} price */
function values({ at, bid, ask, volume, trades }, price) {
  return [when(at), h("strong", null, price === null ? "No price" : `${cents(price)} · ${chance(price)}`),
    h("span", null, `Bid ${cents(bid)} · Ask ${cents(ask)}`), h("span", null, traded(volume, trades))];
}

/** @param {Candle} candle @param {number | null} price */
function spoken({ at, bid, ask, volume, trades }, price) {
  return `${spokenMoment(at)}: ${price === null ? "no price" : cents(price)}, bid ${cents(bid)}, ask ${cents(ask)}, ${traded(volume, trades)}`;
}

/** @param {number} volume @param {number} trades */
function traded(volume, trades) {
  if (trades === 0) return "no trades";
  return `${shares(volume)} ${volume === 1 ? "share" : "shares"} in ${shares(trades)} ${trades === 1 ? "trade" : "trades"}`;
}

/** @param {Past | null} past @param {number | null} last */
function note(past, last) {
  if (past === null) return h("p", { class: "chart-note", role: "status" }, "Loading");
  if (past.items.some(({ trades }) => trades > 0)) return null;
  return h("p", { class: "chart-note" }, last === null ? "No trades yet" : "No trades in this time");
}

/** @param {Candle[]} items in order @param {number} at */
function nearest(items, at) {
  let [low, high] = [0, items.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].at < at) low = middle + 1;
    else high = middle;
  }
  const [before, behind] = [items[low - 1], items[low]];
  return before && at - before.at < behind.at - at ? before : behind;
}
