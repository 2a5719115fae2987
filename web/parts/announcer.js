/** What is said to those who do not see the screen: the newest only, and not more often than once in five seconds. */
import { h } from "../draw/dom.js";
import { redraw } from "../store/store.js";

const REST_MS = 5_000;

export function createAnnouncer() {
  let said = "";
  let next = "";
  /** @type {ReturnType<typeof setTimeout> | null} */
  let resting = null;

  function speak() {
    resting = null;
    if (next === said) return;
    said = next;
    resting = setTimeout(speak, REST_MS);
    redraw();
  }

  return {
    /** @param {string} text */
    say(text) {
      next = text;
      if (resting === null) speak();
    },
    view: () => h("p.unseen", { key: "announcer", role: "status", "aria-live": "polite" }, said),
    close() {
      if (resting !== null) clearTimeout(resting);
    },
  };
}
