/** What stands around the list of markets: a word for who is new, the search and filters, and what to do where nothing is. */
import { h } from "../draw/dom.js";
import { choices } from "../parts/choices.js";
import { notLive } from "../parts/live.js";
import { select } from "../parts/select.js";
import { SORTS, STATUSES } from "./selection.js";

/** @typedef {import("./selection.js").Filters} Filters */

/** For whoever is not signed in. */
export function arrival() {
  return h("p.arrival",
    h("strong", "Prices are chances."), " A share pays $1 if its answer comes true. ",
    h("a", { href: "/register" }, "Register"), ", deposit simulated money, and trade on what you know.");
}

/**
 * @param {{
 *   filters: Filters, choose: (changes: Partial<Filters>) => void, categories: string[], count: string,
 *   stale: number, enter: () => void,
 * }} what
 */
export function toolbar({ filters, choose, categories, count, stale, enter }) {
  return h("header.toolbar",
    h("div.line",
      h("h1", "Markets"),
      select({ "aria-label": "Which markets" }, Object.fromEntries(STATUSES.map(({ name, label }) => [name, label])), filters.status, (status) => choose({ status })),
      h("span.muted", count),
      notLive(stale),
      h("input.search", {
        id: "search", type: "search", "aria-label": "Search markets", placeholder: "Search questions   ( / )", autocomplete: "off",
        value: filters.search,
        on: {
          input: (/** @type {any} */ event) => choose({ search: event.target.value }),
          keydown: (/** @type {KeyboardEvent} */ event) => {
            if (event.key === "Enter") enter();
          },
        },
      })),
    h("div.line",
      choices({
        label: "Category", of: ["", ...categories].map((value) => ({ value, text: value || "All topics" })), chosen: filters.category,
        choose: (category) => choose({ category }),
      }),
      choices({
        label: "Sorted by", of: SORTS.map(({ name, label }) => ({ value: name, text: label })), chosen: filters.sort,
        choose: (sort) => choose({ sort }),
      })));
}

/**
 * @param {{
 *   problem: import("../api/api.js").ExchangeError | null, empty: boolean, filters: Filters,
 *   user: import("../session/session.js").User | null, choose: (changes: Partial<Filters>) => void, again: () => void,
 * }} what
 */
export function nothingFound({ problem, empty, filters: { search }, user, choose, again }) {
  if (problem && empty) {
    return h("div.empty", { role: "alert" },
      h("h2", "The markets could not be read"), h("p", problem.message), h("button", { on: { click: again } }, "Try again"));
  }
  if (empty) {
    return h("div.empty", h("h2", "There is no market yet"), h("p", user?.account_type === "ADMIN"
      ? h("a", { href: "/admin/new" }, "Create the first one")
      : "An administrator opens the first one; it appears here at once."));
  }
  return h("div.empty",
    h("h2", search ? `Nothing here matches “${search}”` : "There is no such market"),
    h("p", "Ended markets, and those of other topics, may match."),
    h("button", { on: { click: () => choose({ category: "", status: "all" }) } }, "Look among all markets"),
    search && h("button", { on: { click: () => choose({ search: "" }) } }, "Clear the search"));
}
