/** The list of shortcuts that `?` shows. */
import { h } from "../draw/dom.js";
import { dialog } from "../parts/dialog.js";
import { createStore } from "../store/store.js";

export function keysHelp() {
  const store = createStore({ isShown: false });
  return {
    show: () => store.set({ isShown: true }),
    /** @param {import("./keys.js").Shortcut[]} shortcuts */
    view: (shortcuts) => store.state.isShown && dialog({ title: "Keyboard", close: () => store.set({ isShown: false }) },
      h("dl.keys", shortcuts.map(({ keys, does }) => [
        h("dt", { key: keys }, keys.split(" ").map((one) => h("kbd", one))), h("dd", { key: keys }, does)]))),
  };
}
