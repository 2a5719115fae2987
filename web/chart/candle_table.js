/** The same past as a table, newest first, for whoever wants numbers. */
import { cents, shares, when } from "../draw/format.js";
import { h, kept } from "../draw/dom.js";

const COLUMNS = ["Open", "High", "Low", "Close", "Bid", "Ask", "Shares", "Trades"];

export function createCandleTable() {
  /** What is final stays as it was drawn. @type {WeakMap<object, import("../draw/dom.js").Node>} */
  const rows = new WeakMap();

  /** @param {import("../feeds/candles.js").Candle} candle */
  function row(candle) {
    let drawn = rows.get(candle);
    if (drawn === undefined) {
      const { at, open, high, low, close, bid, ask, volume, trades } = candle;
      drawn = h("tr", { key: at }, h("th", { scope: "row" }, when(at)),
        [open, high, low, close, bid, ask].map((price) => h("td", { class: "number" }, cents(price))),
        [volume, trades].map((count) => h("td", { class: "number" }, shares(count))));
      rows.set(candle, drawn);
    }
    return drawn;
  }

  return kept((/** @type {import("../feeds/candles.js").Candle[]} */ items) =>
    h("div", { class: "scroll chart-table", tabindex: "0", role: "region", "aria-label": "Prices as a table" },
      h("table", null,
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "From"),
          COLUMNS.map((name) => h("th", { key: name, scope: "col", class: "number" }, name)))),
        h("tbody", null, items.map(row).reverse()))));
}
