/**
 * Where the parts of the screen stand. Wide: the chart and what belongs to it at the left, the ladder beside it, the
 * ticket at the right. On a phone one column, and the ticket a sheet that comes up from the bottom edge.
 */
import { h } from "../draw/dom.js";

/** @typedef {import("../draw/dom.js").Drawing} Drawing */

/**
 * A part that is not there takes no room.
 * @param {{
 *   chart?: Drawing, below: Drawing, ladder?: Drawing, ticket?: Drawing, mine?: Drawing,
 *   stale: boolean, sheet: {open: boolean, toggle: () => void},
 * }} parts
 */
export function layout({ chart, below, ladder, ticket, mine, stale, sheet }) {
  return h("div.market-parts", { "data-stale": stale },
    chart && h("section.card.market-chart", { key: "chart", "aria-label": "Price" }, chart),
    ladder && h("section.card.market-ladder", { key: "ladder", "aria-label": "Order book" }, ladder),
    h("div.market-below", { key: "below" },
      mine && h("section.card.market-mine", { key: "mine", "aria-label": "My position and orders" }, mine),
      h("div.card", { key: "more" }, below)),
    ticket && [
      h("section.card.market-ticket", { key: "ticket", id: "ticket", "aria-label": "Ticket", "data-open": sheet.open },
        h("header.market-sheet", h("h2", "Trade"),
          h("button.quiet", { on: { click: () => turn(sheet, ".market-trade") } }, "Close")),
        ticket),
      h("button.primary.market-trade", {
        key: "trade", "aria-expanded": String(sheet.open), "aria-controls": "ticket",
        on: { click: () => turn(sheet, ".market-sheet button") },
      }, "Trade"),
    ]);
}

/** Whoever opens or closes the sheet goes on where the other button stands. @param {{toggle: () => void}} sheet @param {string} other */
function turn({ toggle }, other) {
  toggle();
  requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(other))?.focus());
}
