/** The trades of a market as they happen, newest first. */
import { cents, shares, when } from "../draw/format.js";
import { h, kept, keptEach } from "../draw/dom.js";
import { listing } from "../parts/listing.js";

/** A row stays as it was drawn first: a trade is a fact. */
const row = keptEach((/** @type {import("../feeds/trades.js").Trade} */ { id, price, quantity, taker, at }) =>
  h("tr", { key: id },
    h("td", when(at, "clock")),
    taker === "BUY" ? h("td.yes", "▲ Buy") : h("td.no", "▼ Sell"),
    h("td.number", cents(price)),
    h("td.number", shares(quantity))));

const table = kept((/** @type {import("../feeds/trades.js").Trade[]} */ items) =>
  h("table",
    h("thead", h("tr", h("th", "Time"), h("th", "Taker"), h("th.number", "YES price"), h("th.number", "Shares"))),
    h("tbody", items.map((trade) => row(trade)))));

/** @param {ReturnType<typeof import("../feeds/trades.js").followTrades>} trades */
export const tape = (trades) =>
  h("div.scroll.market-tape", { tabindex: "0", role: "region", "aria-label": "Trades" },
    listing(trades, "Nobody has traded here yet. Somebody has to name a price first.", table));
