/** The frame of what is for administrators, and what everybody else sees there. */
import { h } from "../draw/dom.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";

/** @typedef {import("../main.js").Screen} Screen @typedef {import("../draw/dom.js").Drawing} Drawing */

const PLACES = { "/admin": "Markets", "/admin/new": "New market", "/admin/users": "Users", "/admin/health": "Health" };

/** @typedef {(page: import("../main.js").Page) => Screen} Opening */

/** Others are told whom it is for, and nothing is asked in their name. @param {Opening} open @returns {Opening} */
export const forAdministrators = (open) => (page) => (page.session.store.state.user?.account_type === "ADMIN" ? open(page) : forOthers);

/** @type {Screen} */
const forOthers = {
  title: () => "Administration",
  view: () => h("section", { class: "empty" }, h("h1", null, "For administrators"), h("p", null, h("a", { href: "/" }, "To the markets"))),
  close() {},
};

/** @param {keyof typeof PLACES} at the place one is in @param {string} heading @param {...Drawing} inside */
export function frame(at, heading, ...inside) {
  return h("section", { class: "admin" },
    h("nav", { class: "places", "aria-label": "Administration" },
      Object.entries(PLACES).map(([path, name]) => h("a", { key: path, href: path, "aria-current": path === at ? "page" : undefined }, name))),
    h("h1", null, heading), inside);
}

/**
 * What is read when a screen opens, and again when it may have changed: the last answer, or why there is none.
 * @template Data
 * @param {(signal: AbortSignal) => Promise<Data>} read @param {() => void} redraw
 */
export function createReading(read, redraw) {
  const store = createStore({ data: /** @type {Data | null} */ (null), problem: /** @type {any} */ (null) });
  const closing = new AbortController();
  const stop = store.read(redraw);
  let [asked, answered] = [0, 0];
  /** Null, or why it could not be read. */
  async function again() {
    const turn = (asked += 1);
    try {
      const data = await read(closing.signal);
      // An answer that was overtaken is older than what is known.
      if (turn > answered) store.set({ data, problem: null });
      answered = Math.max(turn, answered);
      return null;
    } catch (problem) {
      if (!closing.signal.aborted) store.set({ problem });
      return problem;
    }
  }
  again();
  return {
    again,
    get data() {
      return store.state.data;
    },
    /** @param {(data: Data) => Drawing} draw */
    view(draw) {
      const { data, problem } = store.state;
      return [
        problem && h("p", { class: "problem", role: "alert" }, words(problem), " ", h("button", { on: { click: again } }, "Try again")),
        data !== null ? draw(data) : !problem && h("p", { class: "loading", role: "status" }, "Loading"),
      ];
    },
    close() {
      stop();
      closing.abort();
    },
  };
}

/** `Post only` for the exchange's POST_ONLY. @param {string} name */
export const worded = (name) => name[0] + name.slice(1).toLowerCase().replaceAll("_", " ");

const NOTABLE = ["SUSPENDED", "HALTED", "RESOLVED", "POST_ONLY", "CANCEL_ONLY"];
/** @param {string} state */
export const badge = (state) => h("span", { key: state, class: NOTABLE.includes(state) ? "badge warn" : "badge" }, worded(state));

/** Names and what stands behind them, those left out of which there is nothing to say. @param {Record<string, Drawing>} values */
export const facts = (values) =>
  h("dl", { class: "sums" }, Object.entries(values).map(([name, value]) => value !== false && h("div", { key: name }, h("dt", null, name), h("dd", null, value))));

/**
 * @param {string} label @param {string[]} heads one that ends in a space is of numbers, one without a name of acts
 * @param {[string, ...Drawing[]][]} rows the key of each, then its cells
 */
export function table(label, heads, rows) {
  const looks = heads.map((head, index) => (index === 0 ? "title" : head === "" ? "last" : head.endsWith(" ") ? "number" : ""));
  return h("div", { class: "scroll card" }, h("table", { class: "folding", "aria-label": label },
    h("thead", null, h("tr", null, heads.map((head, index) => h("th", { key: head, class: looks[index] }, head || h("span", { class: "unseen" }, "Acts"))))),
    h("tbody", null, rows.map(([key, ...cells]) => h("tr", { key }, cells.map((cell, index) =>
      h("td", { key: heads[index], class: looks[index], "data-name": heads[index] }, cell)))))));
}

/** What two administrators have to do, and one has. @param {any} proposal @param {Drawing} of */
export const proposed = ({ proposal_id: key, proposed_by: by, action, request }, of) =>
  h("p", { key, class: "banner warn" }, `${by} asked: ${worded(action).toLowerCase()} `, of, " ", h("code", null, JSON.stringify(request)),
    ". It happens once a second administrator asks for the very same.");

/** @param {number} count @param {string} one */
export const counted = (count, one) => `${count.toLocaleString("en-US")} ${one}${count === 1 ? "" : "s"}`;
