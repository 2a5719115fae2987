/** The list of shortcuts that `?` shows. */
import { h } from "../draw/dom.js";
import { dialog } from "../parts/dialog.js";

/** @param {() => void} redraw */
export function keysHelp(redraw) {
  let shown = false;
  const hide = () => {
    shown = false;
    redraw();
  };
  return {
    show() {
      shown = true;
      redraw();
    },
    /** @param {import("./keys.js").Shortcut[]} shortcuts */
    view: (shortcuts) =>
      shown && dialog({ title: "Keyboard", close: hide },
        h("dl", { class: "keys" }, shortcuts.map(({ keys, does }) => [
          h("dt", { key: keys }, keys.split(" ").map((one) => h("kbd", null, one))), h("dd", { key: keys }, does)]))),
  };
}
