/** What stands around the list of markets: a word for who is new, the search and filters, and what to do where nothing is. */
import { h } from "../draw/dom.js";
import { notLive } from "../parts/live.js";
import { SORTS, STATUSES } from "./selection.js";

/** @typedef {import("./selection.js").Filters} Filters */

/** For whoever is not signed in. */
export function arrival() {
  return h("p", { class: "arrival" },
    h("strong", null, "Prices are chances."), " A share pays $1 if its answer comes true. ",
    h("a", { href: "/register" }, "Register"), ", deposit simulated money, and trade on what you know.");
}

/**
 * @param {{
 *   filters: Filters, choose: (changes: Partial<Filters>) => void, categories: string[], count: string,
 *   stale: number, enter: () => void,
 * }} what
 */
export function toolbar({ filters, choose, categories, count, stale, enter }) {
  return h("header", { class: "toolbar" },
    h("div", { class: "line" },
      h("h1", null, "Markets"),
      h("label", { class: "unseen", for: "status" }, "Which markets"),
      h("select", { id: "status", on: { change: (/** @type {any} */ event) => choose({ status: event.target.value }) } },
        STATUSES.map(({ name, label }) => h("option", { value: name, selected: name === filters.status }, label))),
      h("span", { class: "muted" }, count),
      notLive(stale),
      h("div", { class: "search" },
        h("label", { class: "unseen", for: "search" }, "Search markets"),
        h("input", {
          id: "search", type: "search", placeholder: "Search questions   ( / )", autocomplete: "off", value: filters.search,
          on: {
            input: (/** @type {any} */ event) => choose({ search: event.target.value }),
            keydown: (/** @type {KeyboardEvent} */ event) => {
              if (event.key === "Enter") enter();
            },
          },
        }))),
    h("div", { class: "line" },
      h("div", { class: "chips", role: "group", "aria-label": "Category" },
        ["", ...categories].map((category) => chip(category || "All topics", filters.category === category, () => choose({ category })))),
      h("div", { class: "chips sorts", role: "group", "aria-label": "Sorted by" },
        SORTS.map(({ name, label }) => chip(label, filters.sort === name, () => choose({ sort: name }))))));
}

/** @param {string} label @param {boolean} pressed @param {() => void} click */
function chip(label, pressed, click) {
  return h("button", { key: label, class: "chip", "aria-pressed": String(pressed), on: { click } }, label);
}

/**
 * @param {{
 *   problem: import("../api/api.js").ExchangeError | null, empty: boolean, filters: Filters,
 *   user: import("../session/session.js").User | null, choose: (changes: Partial<Filters>) => void, again: () => void,
 * }} what
 */
export function nothingFound({ problem, empty, filters, user, choose, again }) {
  if (problem && empty) {
    return h("div", { class: "empty", role: "alert" },
      h("h2", null, "The markets could not be read"), h("p", null, problem.message), h("button", { on: { click: again } }, "Try again"));
  }
  if (empty) {
    return h("div", { class: "empty" }, h("h2", null, "There is no market yet"),
      user?.account_type === "ADMIN"
        ? h("p", null, h("a", { href: "/admin/new" }, "Create the first one"))
        : h("p", null, "An administrator opens the first one; it appears here at once."));
  }
  const all = { search: "", category: "", status: "all" };
  return h("div", { class: "empty" },
    h("h2", null, filters.search ? `Nothing here matches “${filters.search}”` : "There is no such market"),
    h("p", null, "Ended markets, and those of other topics, may match."),
    h("div", { class: "next" },
      h("button", { on: { click: () => choose({ ...all, search: filters.search }) } }, "Look among all markets"),
      filters.search && h("button", { on: { click: () => choose({ search: "" }) } }, "Clear the search")));
}
