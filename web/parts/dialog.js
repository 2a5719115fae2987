/** The one dialog that is open, if one is: it takes the focus, gives it back, and ends with Escape. */
import { h } from "../draw/dom.js";
import { createStore } from "../store/store.js";

/** @typedef {{title: string, inside: () => import("../draw/dom.js").Drawing, closed: () => void}} Opened */

const store = createStore({ opened: /** @type {Opened | null} */ (null) });

/**
 * @param {string} title
 * @param {Opened["inside"]} inside
 * @param {() => void} [closed] hears that it is
 * @returns {() => void} closes it, and none that was opened since
 */
export function openDialog(title, inside, closed = () => {}) {
  closeDialog();
  const opened = { title, inside, closed };
  store.set({ opened });
  return () => store.state.opened === opened && closeDialog();
}

export function closeDialog() {
  store.state.opened?.closed();
  store.set({ opened: null });
}

export function openedDialog() {
  const { title, inside } = store.state.opened ?? {};
  return inside && h("dialog", { key: title, "aria-label": title, on: { close: closeDialog, cancel: closeDialog }, made },
    h("header", h("h2", { tabindex: "-1" }, title), h("button.quiet", { "aria-label": "Close", on: { click: closeDialog } }, "✕")),
    inside());
}

/** @param {HTMLDialogElement} element */
function made(element) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  // Made before it stands in the document; a frame later it does.
  requestAnimationFrame(() => {
    element.showModal();
    // What is to be typed comes first; where nothing is, what is said comes before what can be pressed.
    const first = element.querySelector("input:not([type=checkbox]), select, textarea") ?? element.querySelector("h2");
    /** @type {HTMLElement} */ (first).focus();
  });
  // One that is taken out of the document, instead of being closed, does not give the focus back by itself.
  new MutationObserver((_, watch) => {
    if (element.isConnected) return;
    watch.disconnect();
    if (document.activeElement === document.body) before?.focus();
  }).observe(document.body, { childList: true, subtree: true });
}
