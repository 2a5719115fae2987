/** A part of a screen with a heading of its own. */
import { h } from "../draw/dom.js";

/** @param {string} title @param {...import("../draw/dom.js").Drawing} inside */
export const card = (title, ...inside) => h("section.card", { key: title, "aria-label": title }, h("h2", title), inside);

/** There is nothing at this address, or not for everybody. @param {string} title @param {string} path @param {string} to where one can go on */
export const nothing = (title, path, to) => h("section.empty", h("h1", title), h("p", h("a", { href: path }, to)));
