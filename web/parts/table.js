/**
 * A table that a phone shows as one card for each row, with the names of the columns beside their values. Its roles are
 * said, for a browser forgets them where a table is not laid out as one.
 */
import { h } from "../draw/dom.js";

/**
 * @typedef {import("../draw/dom.js").Drawing} Drawing
 * @typedef {Record<string, "" | "number" | "title" | "moment" | "last">} Columns how their cells look; `last`: what can be done with the row
 * @param {string} label
 * @param {Columns} columns
 * @param {[string, ...Drawing[]][]} rows the key of each, then its cells
 */
export function table(label, columns, rows) {
  const all = Object.entries(columns);
  return h("div.scroll",
    h("table.folding", { role: "table", "aria-label": label },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, all.map(([name, looks]) =>
        h("th", { key: name, role: "columnheader", class: looks }, looks === "last" ? h("span.unseen", name) : name)))),
      h("tbody", { role: "rowgroup" }, rows.map(([key, ...cells]) =>
        h("tr", { key, role: "row" }, all.map(([name, looks], index) =>
          h("td", { key: name, role: "cell", class: looks, "data-name": looks === "title" || looks === "last" ? undefined : name }, cells[index])))))));
}

/** A link to a market, by what is asked there. @param {string} marketId @param {string} title */
export const toMarket = (marketId, title) => h("a", { href: `/markets/${encodeURIComponent(marketId)}` }, title);
