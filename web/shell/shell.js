/** The frame around every screen: who one is, where one can go, what the page has to say. */
import { h } from "../draw/dom.js";
import { redraw } from "../store/store.js";
import { nextTheme, theme } from "./theme.js";

const EVERYBODYS = [{ path: "/", key: "m", name: "Markets" }];
const USERS = [
  ...EVERYBODYS,
  { path: "/portfolio", key: "p", name: "Portfolio" },
  { path: "/making", key: "k", name: "Making" },
  { path: "/account", key: "a", name: "Account" },
];
const ADMINISTRATORS = [...USERS, { path: "/admin", key: "d", name: "Administration" }];

/** @param {import("../session/session.js").User | null} user */
export function placesFor(user) {
  if (user === null) return EVERYBODYS;
  return user.account_type === "ADMIN" ? ADMINISTRATORS : USERS;
}

/**
 * @param {{
 *   user: import("../session/session.js").User | null, path: string, opening: number, screen: any, beside: any,
 *   signOut: () => void, help: () => void,
 * }} page `opening` is another for each screen: what one has made in the document is not taken over by the next
 */
export function shell({ user, path, opening, screen, beside, signOut, help }) {
  return [
    h("header.top",
      h("a.brand", { href: "/" }, h("img", { src: "/web/icon.svg", alt: "", width: 24, height: 24 }), "Verdict"),
      h("nav", { "aria-label": "Main" },
        placesFor(user).map(({ path: to, name }) =>
          h("a", { key: to, href: to, "aria-current": isIn(path, to) ? "page" : undefined }, name))),
      h("div.who",
        h("button.quiet", { title: "Keyboard", "aria-label": "Keyboard shortcuts", on: { click: help } }, "?"),
        h("button.quiet", { on: { click: () => { nextTheme(); redraw(); } }, "aria-label": `Theme: ${theme()}. Change it` },
          { system: "◐", light: "☀", dark: "☾" }[theme()]),
        user
          ? [h("span.name", user.username), h("button.quiet", { on: { click: signOut } }, "Sign out")]
          : [h("a", { href: "/login" }, "Sign in"), h("a.button", { href: "/register" }, "Register")])),
    h("main", { id: "main", tabindex: "-1", key: opening }, screen),
    beside,
  ];
}

/** @param {string} path @param {string} place */
function isIn(path, place) {
  return path === place || path.startsWith(place === "/" ? "/markets/" : `${place}/`);
}
