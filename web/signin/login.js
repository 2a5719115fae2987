/** Sign in, and go on where one was. */
import { ExchangeError } from "../api/api.js";
import { h } from "../draw/dom.js";
import { field } from "../parts/field.js";
import { createStore } from "../store/store.js";

const WRONG_PASSWORD = 1003;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ session, query, go, redraw }) {
  const form = createStore({
    username: query.get("username") ?? "", password: "", busy: false,
    error: /** @type {ExchangeError | null} */ (null),
  });
  const stop = form.read(redraw);
  const then = query.get("then") ?? "/";

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    form.set({ busy: true, error: null });
    try {
      await session.signIn(form.state.username, form.state.password);
      // An address of this page only: what comes in a link must not lead elsewhere.
      go(then.startsWith("/") && !then.startsWith("//") ? then : "/", { replace: true });
    } catch (error) {
      form.set({ busy: false, error: /** @type {ExchangeError} */ (error) });
    }
  }

  return {
    title: () => "Sign in",
    close: stop,
    view() {
      const { username, password, busy, error } = form.state;
      const wrong = error?.code === WRONG_PASSWORD;
      const elsewhere = error && !wrong && !error.data?.errors;
      return h("section", { class: "card narrow" },
        h("h1", null, "Sign in"),
        h("form", { on: { submit } },
          field({ name: "username", label: "Username", value: username, autocomplete: "username", autofocus: true, required: true,
            problem: error?.problemOf("username"), change: (value) => form.set({ username: value }) }),
          field({ name: "password", label: "Password", value: password, kind: "password", autocomplete: "current-password", required: true,
            problem: wrong ? error.message : error?.problemOf("password"), change: (value) => form.set({ password: value }) }),
          elsewhere && h("p", { class: "problem", role: "alert" }, error.message),
          h("button", { class: "primary", disabled: busy }, busy ? "Signing in" : "Sign in")),
        h("p", { class: "hint" }, "No account yet? ", h("a", { href: "/register" }, "Register")));
    },
  };
}
