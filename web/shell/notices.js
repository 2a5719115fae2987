/** What the page has to say beside its screens: politely, for a while, and to be dismissed. */
import { h } from "../draw/dom.js";
import { createStore } from "../store/store.js";

const SHOWN_MS = 8_000;

/** @typedef {{id: number, text: string, kind: "done" | "wrong"}} Notice */

export function createNotices() {
  const store = createStore({ items: /** @type {Notice[]} */ ([]) });
  let count = 0;

  /** @param {number} id */
  const dismiss = (id) => store.set({ items: store.state.items.filter((notice) => notice.id !== id) });

  return {
    store,
    /** @param {string} text @param {"done" | "wrong"} [kind] */
    say(text, kind = "done") {
      const id = (count += 1);
      store.set({ items: [...store.state.items.slice(-2), { id, text, kind }] });
      setTimeout(dismiss, SHOWN_MS, id);
    },
    clear: () => store.set({ items: [] }),
    view: () =>
      h("div.notices", { role: "status", "aria-live": "polite" },
        store.state.items.map(({ id, text, kind }) =>
          h("div", { key: id, class: `notice ${kind}` }, h("span", text),
            h("button.quiet", { "aria-label": "Dismiss", on: { click: () => dismiss(id) } }, "✕")))),
  };
}

/** @typedef {ReturnType<typeof createNotices>} Notices */
