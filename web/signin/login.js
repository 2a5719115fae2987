/** Sign in, and go on where one was. */
import { h } from "../draw/dom.js";
import { focusWhenShown } from "../parts/field.js";
import { createForm } from "../parts/form.js";
import { placeAfter } from "./then.js";

const WRONG_PASSWORD = 1003;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ session, query, go }) {
  const then = placeAfter(query);
  const onward = () => go(then, { replace: true });
  const known = query.get("username") ?? "";
  const form = createForm({
    id: "login",
    values: { username: known, password: "" },
    check: ({ username, password }) => ({
      username: username ? undefined : "Your username is missing.",
      password: password ? undefined : "Your password is missing.",
    }),
    send: async ({ username, password }) => {
      await session.signIn(username, password);
      onward();
    },
    fieldOf: { [WRONG_PASSWORD]: "password" },
  });
  // Another tab has signed in meanwhile, or somebody came back to this address.
  if (session.store.state.user !== null) queueMicrotask(onward);

  return {
    title: () => "Sign in",
    view: () =>
      h("section.card.narrow",
        h("h1", "Sign in"),
        then !== "/" && h("p.hint", "Then you go on where you were."),
        form.view({ send: "Sign in", sending: "Signing in" },
          form.field({ name: "username", label: "Username", autocomplete: "username", autocapitalize: "none", spellcheck: "false",
            made: known ? undefined : focusWhenShown }),
          form.field({ name: "password", label: "Password", kind: "password", autocomplete: "current-password",
            made: known ? focusWhenShown : undefined })),
        h("p.hint", "No account yet? ", h("a", { href: `/register${location.search}` }, "Register"))),
  };
}
