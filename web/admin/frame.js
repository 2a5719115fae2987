/** The frame of what is for administrators, and what everybody else sees there. */
import { h } from "../draw/dom.js";
import { inWords } from "../draw/format.js";
import { nothing } from "../parts/card.js";
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
  view: () => nothing("For administrators", "/", "To the markets"),
};

/** @param {keyof typeof PLACES} at the place one is in @param {string} heading @param {...Drawing} inside */
export function frame(at, heading, ...inside) {
  return h("section.admin",
    h("nav.places", { "aria-label": "Administration" },
      Object.entries(PLACES).map(([path, name]) => h("a", { key: path, href: path, "aria-current": path === at ? "page" : undefined }, name))),
    h("h1", heading), inside);
}

/**
 * What is read when a screen opens, and again when it may have changed: the last answer, or why there is none.
 * @template Data
 * @param {(signal: AbortSignal) => Promise<Data>} read
 */
export function createReading(read) {
  const store = createStore({ data: /** @type {Data | null} */ (null), problem: /** @type {any} */ (null) });
  const closing = new AbortController();
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
        problem && h("p.problem", { role: "alert" }, words(problem), " ", h("button", { on: { click: again } }, "Try again")),
        data !== null ? draw(data) : !problem && h("p.loading", { role: "status" }, "Loading"),
      ];
    },
    close: () => closing.abort(),
  };
}

const NOTABLE = ["SUSPENDED", "HALTED", "RESOLVED", "POST_ONLY", "CANCEL_ONLY"];
/** @param {string} state */
export const badge = (state) => h("span", { key: state, class: NOTABLE.includes(state) ? "badge warn" : "badge" }, inWords(state));

/** What two administrators have to do, and one has. @param {any} proposal @param {Drawing} of */
export const proposed = ({ proposal_id: key, proposed_by: by, action, request }, of) =>
  h("p", { key, class: "banner warn" }, `${by} asked: ${inWords(action).toLowerCase()} `, of, " ", h("code", JSON.stringify(request)),
    ". It happens once a second administrator asks for the very same.");
