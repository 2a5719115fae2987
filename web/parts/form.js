/**
 * A form: what has been typed, what is wrong with it beside the field that it is about, and one answer at a time. While
 * the exchange will not take another attempt, the button counts down to when it will.
 */
import { ExchangeError } from "../api/api.js";
import { h } from "../draw/dom.js";
import { createStore } from "../store/store.js";
import { field, tick } from "./field.js";
import { words } from "./words.js";

/** @typedef {Record<string, string | undefined>} Problems by field; an empty name for the whole form */

/**
 * @template {Record<string, any>} Values
 * @param {{
 *   id: string,
 *   values: Values,
 *   send: (values: Values) => Promise<void>,
 *   check?: (values: Values) => Problems,
 *   fieldOf?: Record<number, string>,
 * }} form `check` says before anything is sent what will not do, `fieldOf` which field a refusal means that names none
 */
export function createForm({ id, values, send, check = () => ({}), fieldOf = {} }) {
  const store = createStore({ values, busy: false, problems: /** @type {Problems} */ ({}), notBefore: 0 });

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    const { values, busy } = store.state;
    if (busy || waiting() > 0) return;
    const problems = check(values);
    store.set({ problems, busy: !Object.values(problems).some(Boolean) });
    if (store.state.busy) {
      try {
        await send(values);
        store.set({ busy: false });
      } catch (error) {
        if (!(error instanceof ExchangeError)) throw error;
        store.set({ busy: false, problems: problemsIn(error), notBefore: Date.now() + error.retryAfter * 1000 });
      }
    }
    // What is wrong is read out with its field, once that is drawn as wrong.
    const form = /** @type {Element} */ (event.target);
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (form.querySelector("[aria-invalid=true]"))?.focus());
  }

  /** @param {ExchangeError} error @returns {Problems} */
  function problemsIn(error) {
    const named = (error.data?.errors ?? []).map((/** @type {any} */ one) => [one.field in store.state.values ? one.field : "", one.problem]);
    return named.length ? Object.fromEntries(named) : { [fieldOf[error.code] ?? ""]: words(error) };
  }

  /** Seconds until it makes sense to try again. */
  const waiting = () => Math.ceil((store.state.notBefore - Date.now()) / 1000);

  /** What has changed is no longer wrong. @param {Partial<Values>} changes */
  function set(changes) {
    const problems = { ...store.state.problems };
    for (const name of Object.keys(changes)) delete problems[name];
    store.set({ values: { ...store.state.values, ...changes }, problems });
  }

  /** @template {{name: string}} What @param {What} what */
  const shared = (what) => ({ id: `${id}-${what.name}`, ...what, change: (/** @type {any} */ value) => set(/** @type {any} */ ({ [what.name]: value })) });

  return {
    get values() {
      return store.state.values;
    },
    set,
    /** @param {Omit<Parameters<typeof field>[0], "value" | "change">} what */
    field: (what) => field(/** @type {any} */ ({ ...shared(/** @type {any} */ (what)), value: store.state.values[what.name], problem: store.state.problems[what.name] })),
    /** @param {{name: string, label: string, hint?: string}} what */
    tick: (what) => tick({ ...shared(what), checked: store.state.values[what.name] }),
    /** @param {{send: string, sending: string, kind?: string, why?: string}} button `why` it cannot be pressed, if it cannot
     *  @param {...import("../draw/dom.js").Drawing} fields */
    view({ send, sending, kind = "primary", why }, ...fields) {
      const { busy, problems } = store.state;
      const seconds = waiting();
      return h("form", { key: id, novalidate: true, on: { submit } },
        fields,
        problems[""] && h("p.problem", { role: "alert" }, problems[""]),
        h("button", { class: kind, disabled: busy || seconds > 0 || why !== undefined },
          busy ? sending : seconds > 0 ? `Try again in ${seconds} s` : why ?? send));
    },
  };
}
