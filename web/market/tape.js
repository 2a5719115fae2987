/** The trades of a market as they happen, newest first. */
import { cents, shares, when } from "../draw/format.js";
import { h, kept } from "../draw/dom.js";

export function createTape() {
  /** A row stays as it was drawn first: a trade is a fact. @type {WeakMap<object, import("../draw/dom.js").Node>} */
  const rows = new WeakMap();

  /** @param {import("../feeds/trades.js").Trade} trade */
  function row(trade) {
    let drawn = rows.get(trade);
    if (drawn === undefined) {
      const { id, price, quantity, taker, at } = trade;
      drawn = h("tr", { key: id },
        h("td", null, when(at, "clock")),
        h("td", { class: taker === "BUY" ? "yes" : "no" }, taker === "BUY" ? "▲ Buy" : "▼ Sell"),
        h("td", { class: "number" }, cents(price)),
        h("td", { class: "number" }, shares(quantity)));
      rows.set(trade, drawn);
    }
    return drawn;
  }

  return kept((/** @type {import("../feeds/trades.js").Trades} */ { items, whole, hasMore, busy }, /** @type {() => void} */ older) => {
    if (items.length === 0) {
      return whole
        ? h("p", { class: "empty" }, "Nobody has traded here yet. Somebody has to name a price first.")
        : h("p", { class: "loading", role: "status" }, "Loading");
    }
    return h("div", { class: "scroll market-tape", tabindex: "0", role: "region", "aria-label": "Trades" },
      h("table", null,
        h("thead", null, h("tr", null, h("th", null, "Time"), h("th", null, "Taker"),
          h("th", { class: "number" }, "YES price"), h("th", { class: "number" }, "Shares"))),
        h("tbody", null, items.map(row))),
      hasMore
        ? h("button", { class: "list-end quiet", disabled: busy, on: { click: older } }, busy ? "Loading" : "Load older")
        : h("p", { class: "list-end" }, "That is the first trade"));
  });
}
