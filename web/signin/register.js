/** Become a user, and be signed in at once. */
import { ExchangeError } from "../api/api.js";
import { h } from "../draw/dom.js";
import { field } from "../parts/field.js";
import { createStore } from "../store/store.js";

/** Which field a refusal that names none is about. */
const FIELD_OF = new Map([[1001, "username"], [1002, "email"]]);

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, session, go, redraw }) {
  const form = createStore({
    username: "", email: "", password: "", busy: false,
    error: /** @type {ExchangeError | null} */ (null),
  });
  const stop = form.read(redraw);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const { username, email, password } = form.state;
    form.set({ busy: true, error: null });
    try {
      await api("POST /auth/register", { username, email, password });
      await session.signIn(username, password);
      go("/portfolio", { replace: true });
    } catch (error) {
      form.set({ busy: false, error: /** @type {ExchangeError} */ (error) });
    }
  }

  /** @param {string} name */
  function problem(name) {
    const { error } = form.state;
    return error?.problemOf(name) ?? (error && FIELD_OF.get(error.code) === name ? error.message : undefined);
  }

  return {
    title: () => "Register",
    close: stop,
    view() {
      const { username, email, password, busy, error } = form.state;
      const elsewhere = error && !error.data?.errors && !FIELD_OF.has(error.code);
      return h("section", { class: "card narrow" },
        h("h1", null, "Register"),
        h("p", { class: "hint" }, "Money is simulated here: you pay in what you like, and nothing can be lost but an argument."),
        h("form", { on: { submit } },
          field({ name: "username", label: "Username", value: username, autocomplete: "username", autofocus: true, required: true,
            problem: problem("username"), change: (value) => form.set({ username: value }) }),
          field({ name: "email", label: "E-mail", value: email, kind: "email", autocomplete: "email", required: true,
            problem: problem("email"), change: (value) => form.set({ email: value }) }),
          field({ name: "password", label: "Password", value: password, kind: "password", autocomplete: "new-password", required: true,
            hint: "At least 8 characters, with a capital, a small letter and a digit.",
            problem: problem("password"), change: (value) => form.set({ password: value }) }),
          elsewhere && h("p", { class: "problem", role: "alert" }, error.message),
          h("button", { class: "primary", disabled: busy }, busy ? "One moment" : "Register")),
        h("p", { class: "hint" }, "Registered already? ", h("a", { href: "/login" }, "Sign in")));
    },
  };
}
