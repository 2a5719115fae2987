/** A dialog that takes the focus, gives it back, and ends with Escape. */
import { h } from "../draw/dom.js";

/**
 * @param {{title: string, close: () => void}} what
 * @param {...import("../draw/dom.js").Drawing} inside
 */
export function dialog({ title, close }, ...inside) {
  return h("dialog", {
      key: title,
      "aria-label": title,
      on: { close, cancel: close },
      made,
    },
    h("header", h("h2", title), h("button.quiet", { "aria-label": "Close", on: { click: close } }, "✕")),
    inside);
}

/** @param {HTMLDialogElement} element */
function made(element) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  // Made before it stands in the document; a frame later it does.
  requestAnimationFrame(() => element.showModal());
  // One that is taken out of the document, instead of being closed, does not give the focus back by itself.
  new MutationObserver((_, watch) => {
    if (element.isConnected) return;
    watch.disconnect();
    if (document.activeElement === document.body) before?.focus();
  }).observe(document.body, { childList: true, subtree: true });
}
