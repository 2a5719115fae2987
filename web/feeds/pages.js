/**
 * A list that the exchange gives by pages, newest first: as much of it as was asked for, and what has come since. It
 * knows no document.
 */
import { createStore } from "../store/store.js";

/**
 * @typedef {{items: any[] | null, more: boolean, since: string | null, busy: boolean, problem: Error | null}} Known `items`
 *   null as long as nothing was read; `since` what was before is no longer kept; `problem` why no more of it could be
 * @typedef {{items: any[], next_cursor: string | null, complete_since?: string}} Part
 *
 * @param {(cursor: string | null) => Promise<Part>} ask
 * @param {(item: any) => string | number} idOf
 * @param {{changes?: boolean}} [kind] whether what is on the list can become another, or leave it
 */
export function createPages(ask, idOf, { changes = false } = {}) {
  /** @type {Known} */
  const nothing = { items: null, more: false, since: null, busy: false, problem: null };
  const store = createStore(nothing);
  /** @type {string | null} */
  let cursor = null;
  /** What was asked for since is not answered by what comes now. */
  let list = 0;
  let renewal = 0;

  /** @param {any[]} items @param {string | null} next @param {string | null} since */
  function know(items, next, since) {
    cursor = next;
    store.set({ items, more: next !== null, since, problem: null });
  }

  /** @param {any[]} items @param {any[]} others */
  function without(items, others) {
    const ids = new Set(others.map(idOf));
    return items.filter((item) => !ids.has(idOf(item)));
  }

  return {
    store,

    /** What has come since, and of a list that changes all that is shown. */
    async renew() {
      const asked = (renewal += 1);
      const shown = store.state.items?.length ?? 0;
      let { items, next_cursor: next, complete_since: since = null } = await ask(null);
      while (changes && next !== null && items.length < shown) {
        const part = await ask(next);
        items = [...items, ...without(part.items, items)];
        ({ next_cursor: next, complete_since: since = null } = part);
      }
      if (asked !== renewal) return;
      const known = store.state.items ?? [];
      const rest = without(known, items);
      // Where the two do not meet there is something between them that nobody has read.
      if (changes || rest.length === known.length) know(items, next, since);
      else know([...items, ...rest], cursor, store.state.since);
    },

    async older() {
      if (store.state.busy) return;
      const asked = list;
      store.set({ busy: true, problem: null });
      try {
        const part = await ask(cursor);
        if (asked !== list) return;
        const known = store.state.items ?? [];
        know([...known, ...without(part.items, known)], part.next_cursor, part.complete_since ?? null);
      } catch (error) {
        if (asked === list) store.set({ problem: /** @type {Error} */ (error) });
      } finally {
        if (asked === list) store.set({ busy: false });
      }
    },

    /** It is another list from here on: somebody looks for something else. */
    forget() {
      list += 1;
      renewal += 1;
      cursor = null;
      store.set(nothing);
    },
  };
}

/** @typedef {ReturnType<typeof createPages>} Pages */
