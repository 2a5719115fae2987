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
      // Made before it stands in the document; a frame later it does.
      made: (/** @type {HTMLDialogElement} */ element) => requestAnimationFrame(() => element.showModal()),
    },
    h("header", null, h("h2", null, title), h("button", { class: "quiet", "aria-label": "Close", on: { click: close } }, "✕")),
    inside);
}
