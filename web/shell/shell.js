/** The frame around every screen: who one is, where one can go, what the page has to say. */
import { h } from "../draw/dom.js";
import { nextTheme, theme } from "./theme.js";

const PLACES = [
  { path: "/", key: "m", name: "Markets", signedIn: false, accounts: null },
  { path: "/portfolio", key: "p", name: "Portfolio", signedIn: true, accounts: null },
  { path: "/making", key: "k", name: "Making", signedIn: true, accounts: null },
  { path: "/account", key: "a", name: "Account", signedIn: true, accounts: null },
  { path: "/admin", key: "d", name: "Administration", signedIn: true, accounts: "ADMIN" },
];

/** @param {import("../session/session.js").User | null} user */
export function placesFor(user) {
  return PLACES.filter(({ signedIn, accounts }) => (!signedIn || user) && (!accounts || user?.account_type === accounts));
}

/**
 * @param {{
 *   user: import("../session/session.js").User | null, path: string, screen: any, notices: any,
 *   signOut: () => void, redraw: () => void, showKeys: () => void,
 * }} page
 */
export function shell({ user, path, screen, notices, signOut, redraw, showKeys }) {
  return [
    h("header", { class: "top" },
      h("a", { class: "brand", href: "/" }, h("img", { src: "/web/icon.svg", alt: "", width: 24, height: 24 }), "Verdict"),
      h("nav", { "aria-label": "Main" },
        placesFor(user).map(({ path: to, name }) =>
          h("a", { key: to, href: to, "aria-current": isIn(path, to) ? "page" : undefined }, name))),
      h("div", { class: "who" },
        h("button", { class: "quiet", title: "Keyboard", "aria-label": "Keyboard shortcuts", on: { click: showKeys } }, "?"),
        h("button", { class: "quiet", on: { click: () => { nextTheme(); redraw(); } }, "aria-label": `Theme: ${theme()}. Change it` },
          { system: "◐", light: "☀", dark: "☾" }[theme()]),
        user
          ? [h("span", { class: "name" }, user.username), h("button", { class: "quiet", on: { click: signOut } }, "Sign out")]
          : [h("a", { href: "/login" }, "Sign in"), h("a", { class: "button", href: "/register" }, "Register")])),
    h("main", { id: "main", tabindex: "-1", key: path }, screen),
    notices,
  ];
}

/** @param {string} path @param {string} place */
function isIn(path, place) {
  return place === "/" ? path === "/" || path.startsWith("/markets/") : path === place || path.startsWith(`${place}/`);
}
