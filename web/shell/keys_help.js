/** The list of shortcuts that `?` shows. */
import { h } from "../draw/dom.js";
import { openDialog } from "../parts/dialog.js";

/** @param {() => import("./keys.js").Shortcut[]} shortcuts */
export function showKeys(shortcuts) {
  openDialog("Keyboard", () => h("dl.keys", shortcuts().map(({ keys, does }) => [
    h("dt", { key: keys }, keys.split(" ").map((one) => h("kbd", one))), h("dd", { key: keys }, does)])));
}
