/** The keyboard: one letter, or `g` and a letter. Whoever types into a field types into the field. */

/** @typedef {{keys: string, does: string, act: (event: KeyboardEvent) => void}} Shortcut */

/** @param {() => Shortcut[]} shortcuts those of the screen that is open among them */
export function listenToKeys(shortcuts) {
  let prefix = "";
  addEventListener("keydown", (event) => {
    const typing = /** @type {Element} */ (event.target).matches?.("input, textarea, select, [contenteditable]");
    if (typing || event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
    const keys = `${prefix}${event.key}`;
    const shortcut = shortcuts().find((one) => one.keys === keys);
    prefix = event.key === "g" && prefix === "" ? "g " : "";
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.act(event);
  });
}
