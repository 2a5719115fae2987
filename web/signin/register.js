/** Become a user, and be signed in at once. */
import { h } from "../draw/dom.js";
import { focusWhenShown } from "../parts/field.js";
import { createForm } from "../parts/form.js";
import { emailProblem, PASSWORD, passwordProblem, USERNAME, usernameProblem } from "./rules.js";
import { placeAfter } from "./then.js";

const USERNAME_TAKEN = 1001;
const EMAIL_TAKEN = 1002;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, session, notices, query, go }) {
  const then = query.has("then") ? placeAfter(query) : "/portfolio";
  const form = createForm({
    id: "register",
    values: { username: "", email: "", password: "" },
    check: ({ username, email, password }) =>
      ({ username: usernameProblem(username), email: emailProblem(email), password: passwordProblem(password) }),
    send: async ({ username, email, password }) => {
      await api("POST /auth/register", { username, email, password });
      try {
        await session.signIn(username, password);
        go(then, { replace: true });
      } catch {
        // One is registered all the same; what stands in the way of signing in is said where that is done.
        notices.say("You are registered. Sign in to go on.");
        go(`/login?${new URLSearchParams({ username, then })}`, { replace: true });
      }
    },
    fieldOf: { [USERNAME_TAKEN]: "username", [EMAIL_TAKEN]: "email" },
  });

  return {
    title: () => "Register",
    view: () =>
      h("section.card.narrow",
        h("h1", "Register"),
        h("p.hint", "Money is simulated here: you pay in what you like, and nothing can be lost but an argument."),
        form.view({ send: "Register", sending: "One moment" },
          form.field({ name: "username", label: "Username", autocomplete: "username", autocapitalize: "none", spellcheck: "false",
            hint: USERNAME, made: focusWhenShown }),
          form.field({ name: "email", label: "E-mail", kind: "email", autocomplete: "email" }),
          form.field({ name: "password", label: "Password", kind: "password", autocomplete: "new-password", hint: PASSWORD })),
        h("p.hint", "Registered already? ", h("a", { href: `/login${location.search}` }, "Sign in"))),
  };
}
