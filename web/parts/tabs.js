/** Tabs: one of several views in one place. The arrow keys go from one to the next. */
import { h } from "../draw/dom.js";

/**
 * @param {{
 *   label: string, shown: string, show: (name: string) => void,
 *   tabs: {name: string, title: string, view: () => import("../draw/dom.js").Drawing}[],
 * }} what only the view that is shown is drawn
 */
export function tabs({ label, shown, show, tabs: all }) {
  const at = all.findIndex(({ name }) => name === shown);
  /** @param {KeyboardEvent} event */
  function keydown(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = (at + step + all.length) % all.length;
    show(all[to].name);
    /** @type {HTMLElement} */ (/** @type {Element} */ (event.currentTarget).children[to]).focus();
  }
  return h("section.tabs",
    h("div", { role: "tablist", "aria-label": label, on: { keydown } }, all.map(({ name, title }) =>
      h("button", {
        key: name, role: "tab", id: `tab-${name}`, class: "quiet", "aria-controls": `panel-${shown}`,
        "aria-selected": String(name === shown), tabindex: name === shown ? "0" : "-1", on: { click: () => show(name) },
      }, title))),
    h("div", { key: shown, role: "tabpanel", id: `panel-${shown}`, "aria-labelledby": `tab-${shown}`, tabindex: "0" }, all[at].view()));
}
