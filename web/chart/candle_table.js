/** The same past as a table, newest first, for whoever wants numbers. */
import { cents, shares, when } from "../draw/format.js";
import { h, kept, keptEach } from "../draw/dom.js";

const COLUMNS = ["Open", "High", "Low", "Close", "Bid", "Ask", "Shares", "Trades"];

/** What is final stays as it was drawn. */
const row = keptEach((/** @type {import("../feeds/candles.js").Candle} */ { at, open, high, low, close, bid, ask, volume, trades }) =>
  h("tr", { key: at }, h("th", { scope: "row" }, when(at)),
    [...[open, high, low, close, bid, ask].map(cents), shares(volume), shares(trades)].map((number) => h("td.number", number))));

export const candleTable = kept((/** @type {import("../feeds/candles.js").Candle[]} */ items) =>
  h("div.scroll.chart-table", { tabindex: "0", role: "region", "aria-label": "Prices as a table" },
    h("table",
      h("thead", h("tr", h("th", { scope: "col" }, "From"), COLUMNS.map((name) => h("th.number", { scope: "col" }, name)))),
      h("tbody", items.map((one) => row(one)).reverse()))));
