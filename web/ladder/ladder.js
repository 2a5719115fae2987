/**
 * Who would trade at which price: one row for each price, always in its place, so that nothing moves but numbers. A
 * price is picked with a click, or with the arrow keys and Enter.
 */
import { h } from "../draw/dom.js";
import { brief, cents, shares } from "../draw/format.js";
import { choices } from "../parts/choices.js";
import { redraw } from "../store/store.js";

/** How far the keys go. @type {Record<string, number>} */
const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: 99, End: -99 };

/**
 * @typedef {"YES" | "NO"} Side
 * @typedef {{book_direction: string, book_price_cents: number, remaining_quantity: number, ahead: number}} Own
 * @param {{pick: (price: number) => void, turn: (side: Side) => void}} acts
 */
export function createLadder({ pick, turn }) {
  /** Rows as they were drawn, and from what: most stay the same. @type {Map<number, {from: string, row: any}>} */
  const rows = new Map();
  /** @type {HTMLElement} */
  let scroller;
  let centred = "";
  let at = 0;

  /** @param {number} price @returns {HTMLElement | null} */
  const rowOf = (price) => scroller.querySelector(`[data-price="${price}"]`);

  /** @param {number} price */
  function centre(price) {
    requestAnimationFrame(() => (scroller.scrollTop = (rowOf(price)?.offsetTop ?? 0) - scroller.clientHeight / 2));
  }

  /** @param {"bid" | "ask"} kind @param {number} quantity @param {number} full @param {Own[]} mine */
  function cell(kind, quantity, full, mine) {
    const yours = mine.reduce((sum, one) => sum + one.remaining_quantity, 0);
    const ahead = Math.min(...mine.map((one) => one.ahead));
    return h("td", { class: kind, style: { "--depth": `${(100 * quantity) / full}%` } },
      yours > 0 && h("span.badge", { title: `Yours: ${shares(yours)}; ${shares(ahead)} ahead` }, `${brief(yours)} · ${brief(ahead)}`),
      quantity > 0 && h("span", shares(quantity)));
  }

  /**
   * @param {{book: import("../feeds/book.js").Book, side: Side, low: number, high: number, own: Own[]}} what between which
   *   prices the side is traded
   */
  return ({ book, side, low, high, own }) => {
    const yes = (/** @type {number} */ price) => (side === "YES" ? price : 100 - price);
    const [bids, asks] = side === "YES" ? [book.bids, book.asks] : [book.asks, book.bids];
    const prices = Array.from({ length: high - low + 1 }, (_, index) => high - index);
    const best = prices.find((price) => bids[yes(price)] > 0);
    const offered = prices.findLast((price) => asks[yes(price)] > 0);
    const most = Math.max(1, ...book.bids, ...book.asks);
    // A round number, so that the bars change their scale seldom.
    const unit = 10 ** Math.floor(Math.log10(most));
    const full = unit * Math.ceil(most / unit);
    const middle = Math.round(((best ?? offered ?? 50) + (offered ?? best ?? 50)) / 2);
    if (book.whole && centred !== side) {
      [centred, at] = [side, middle];
      centre(middle);
    }

    /** @param {KeyboardEvent} event */
    function keydown(event) {
      const step = STEPS[event.key];
      if (step === undefined) return;
      event.preventDefault();
      at = Math.max(low, Math.min(high, at + step));
      redraw();
      rowOf(at)?.querySelector("button")?.focus();
    }

    /** @param {number} price */
    function row(price) {
      const [bid, ask] = [bids[yes(price)], asks[yes(price)]];
      const mine = own.filter((one) => one.book_price_cents === yes(price));
      const from = JSON.stringify([side, bid, ask, full, mine, price === at]);
      if (rows.get(price)?.from !== from) {
        const isBid = (/** @type {Own} */ one) => (one.book_direction === "BUY") === (side === "YES");
        rows.set(price, { from, row: h("tr", { key: price, "data-price": price, on: { click: () => { at = price; pick(price); } } },
          cell("bid", bid, full, mine.filter(isBid)),
          h("td", h("button.quiet", {
            tabindex: price === at ? "0" : "-1", "aria-label": `${cents(price)}, ${shares(bid)} wanted, ${shares(ask)} offered`,
          }, cents(price))),
          cell("ask", ask, full, mine.filter((one) => !isBid(one)))) });
      }
      return rows.get(price)?.row;
    }

    return h("div.ladder",
      h("header", h("h2", "Order book"), h("button.quiet", { on: { click: () => centre(middle) } }, "Centre"),
        choices({ label: "Prices of", chosen: side, choose: turn, of: [{ value: "YES", text: "YES" }, { value: "NO", text: "NO" }] })),
      h("div.ladder-prices", { made: (/** @type {HTMLElement} */ element) => (scroller = element) },
        h("table", { "aria-label": `Orders at each price of ${side}`, on: { keydown } },
          h("thead", h("tr", ["Wanted", "Price", "Offered"].map((name) => h("th", { key: name }, name)))),
          h("tbody", prices.map(row)))),
      h("p.hint", !book.whole ? "Loading" : best === undefined && offered === undefined ? "Nobody waits here. Name the first price."
        : own.length ? "Marked: yours · ahead of it." : "Pick a price for the ticket."));
  };
}
