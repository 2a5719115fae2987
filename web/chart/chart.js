/**
 * Prices over time: a picture whose values a pointer or the arrow keys read out, and the same as a table. It knows
 * plain values and what is to happen when a range is chosen.
 */
import { h, kept } from "../draw/dom.js";
import { cents, chance, counted, spokenMoment, when } from "../draw/format.js";
import { choices } from "../parts/choices.js";
import { redraw } from "../store/store.js";
import { candleTable } from "./candle_table.js";
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
 * @param {(range: string) => void} choose
 */
export function createChart(choose) {
  let room = { width: 0, height: 0 };
  let isTable = false;
  /** Which candle is read out, by its beginning: others come while one looks. @type {number | null} */
  let reading = null;
  const observer = new ResizeObserver(([{ contentRect: { width, height } }]) => {
    room = { width: width - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    redraw();
  });

  /** While one only looks around, all but the crosshair stays. */
  const picture = kept((/** @type {Past} */ past, /** @type {number | null} */ last, /** @type {typeof room} */ size) => {
    const scale = scaleFor(pricesOf(past, last), past, size);
    return [scale, h("g", { key: "past" }, plot(past, scale))];
  });

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

  /** @param {Past} past @param {number} shown */
  function listeners({ items, length, from, to }, shown) {
    const read = (/** @type {number} */ index) => readOut(items[Math.max(0, Math.min(items.length - 1, index))]?.at ?? null);
    const point = (/** @type {PointerEvent} */ event) => {
      const { left } = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
      const at = from + ((event.clientX - left) / room.width) * (to - from);
      read(Math.floor((at - items[0]?.at) / length));
    };
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      const next = {
        ArrowLeft: shown - 1, ArrowDown: shown - 1, ArrowRight: shown + 1, ArrowUp: shown + 1,
        PageDown: shown - PAGE, PageUp: shown + PAGE, Home: 0, End: items.length - 1,
      }[event.key];
      if (event.key === "Escape") readOut(null);
      if (next === undefined) return;
      event.preventDefault();
      read(next);
    };
    return { pointermove: point, pointerdown: point, pointerleave: () => readOut(null), keydown };
  }

  /** @param {Past | null} past @param {number} shown @param {boolean} isRead @param {number | null} last */
  function drawing(past, shown, isRead, last) {
    const candle = past?.items[shown];
    return h("div.chart-plot", {
        key: "plot", role: "slider", tabindex: "0", "aria-label": "Price of YES over time",
        "aria-valuemin": 0, "aria-valuemax": Math.max(0, (past?.items.length ?? 0) - 1), "aria-valuenow": Math.max(0, shown),
        "aria-valuetext": candle && past ? spoken(candle, priceAt(past.items, shown)) : "No trades yet",
        made: measure,
        on: past ? listeners(past, shown) : {},
      },
      past && room.width > 0 && h("svg", { width: room.width + MARGIN.right, height: room.height + MARGIN.top + MARGIN.bottom, "aria-hidden": "true" },
        h("g", { transform: `translate(0 ${MARGIN.top})` }, drawn(past, isRead ? candle : undefined, last))),
      note(past, last));
  }

  /** @param {Past} past @param {Candle | undefined} candle @param {number | null} last */
  function drawn(past, candle, last) {
    const [scale, all] = /** @type {any[]} */ (picture(past, last, room));
    return [all, last !== null && newest(past, last, scale), candle && crosshair(candle, past, scale)];
  }

  return {
    /**
     * @param {{
     *   ranges: {name: string, title: string}[], range: string, past: Past | null, last: number | null,
     * }} what `past` null as long as it is being read; `last` the price of the newest trade
     */
    view({ ranges, range, past, last }) {
      const items = past?.items ?? [];
      const found = items.findIndex(({ at }) => at === reading);
      const shown = found === -1 ? items.length - 1 : found;
      return [
        h("div.chart-bar",
          choices({ label: "Range", of: ranges.map(({ name, title }) => ({ value: name, text: title })), chosen: range, choose }),
          h("button.quiet", { "aria-pressed": String(isTable), on: { click: () => { isTable = !isTable; redraw(); } } }, "Table")),
        h("p.chart-values.hint", shown >= 0 ? values(items[shown], found === -1 && last !== null ? last : priceAt(items, shown)) : "\u00a0"),
        isTable ? candleTable(items) : drawing(past, shown, found !== -1, last),
      ];
    },
    close: () => observer.disconnect(),
  };
}

/** What must be seen: what was paid; where nobody has traded, what was bid and asked; or the middle. @param {Past} past @param {number | null} last */
function pricesOf({ items }, last) {
  const prices = (/** @type {(number | null)[]} */ ...all) => all.filter((price) => price !== null);
  const paid = prices(last, ...items.flatMap(({ high, low }) => [high, low]));
  if (paid.length > 0) return paid;
  const quoted = prices(...items.flatMap(({ bid, ask }) => (bid === null || ask === null ? [] : [bid, ask])));
  return quoted.length > 0 ? quoted : [45, 55];
}

/** The newest price, up to the right edge, ahead of the candle that will tell of it. @param {Past} past @param {number} last @param {any} scale */
function newest({ items, length }, last, { x, y, width }) {
  const before = items.findLast(({ close }) => close !== null);
  const level = y(last);
  return h("g", { key: "newest" },
    before && h("path.chart-line", { d: `M${x(before.at + length / 2)} ${y(Number(before.close))}V${level}H${width}` }),
    h("path.chart-level", { d: `M0 ${level}H${width}` }),
    h("circle.chart-dot", { cx: width, cy: level, r: 3.5 }),
    h("rect.chart-tag", { x: width + 4, y: level - 10, width: 38, height: 20, rx: 4 }),
    h("text.chart-tag-text", { x: width + 8, y: level, "dominant-baseline": "middle" }, cents(last)));
}

/** @param {Candle} candle @param {Past} past @param {any} scale */
function crosshair({ at, close }, { length }, { x, y, height }) {
  const middle = x(at + length / 2);
  return h("g", { key: "crosshair" },
    h("path.chart-cross", { d: `M${middle} 0V${height}` }),
    close !== null && h("circle.chart-dot", { cx: middle, cy: y(close), r: 4 }));
}

/** What was paid last, then or before. @param {Candle[]} items @param {number} index */
const priceAt = (items, index) => items.slice(0, index + 1).findLast(({ close }) => close !== null)?.close ?? null;

/** @param {Candle} candle @param {number | null} price */
function values({ at, bid, ask, volume, trades }, price) {
  return [when(at), h("strong", price === null ? "No price" : `${cents(price)} · ${chance(price)}`),
    h("span", `Bid ${cents(bid)} · Ask ${cents(ask)}`), h("span", traded(volume, trades))];
}

/** @param {Candle} candle @param {number | null} price */
function spoken({ at, bid, ask, volume, trades }, price) {
  return `${spokenMoment(at)}: ${price === null ? "no price" : cents(price)}, bid ${cents(bid)}, ask ${cents(ask)}, ${traded(volume, trades)}`;
}

/** @param {number} volume @param {number} trades */
const traded = (volume, trades) => (trades === 0 ? "no trades" : `${counted(volume, "share")} in ${counted(trades, "trade")}`);

/** @param {Past | null} past @param {number | null} last */
function note(past, last) {
  if (past === null) return h("p.chart-note", { role: "status" }, "Loading");
  return !past.items.some(({ trades }) => trades > 0) && h("p.chart-note", last === null ? "No trades yet" : "No trades in this time");
}
