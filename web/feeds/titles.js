/** What markets are called, for lists that only have their ids. Each is asked for once. */
import { redraw } from "../store/store.js";

const AT_ONCE = 100;

/** @param {import("../api/api.js").Api} api */
export function createTitles(api) {
  /** @type {Map<string, string>} */
  const known = new Map();
  /** @type {Set<string>} */
  const asked = new Set();
  /** The newest are most of what anybody asks for. @type {Promise<void> | null} */
  let newest = null;

  async function askForNewest() {
    const { items } = await api("GET /markets", { status: "ALL", limit: AT_ONCE });
    for (const { id, title } of items) known.set(id, title);
    redraw();
  }

  /** @param {Iterable<string | null>} ids */
  async function learn(ids) {
    const unknown = [...new Set(ids)].filter((id) => id !== null && !known.has(id));
    if (unknown.length === 0) return;
    try {
      await (newest ??= askForNewest());
      for (const id of unknown) {
        if (id === null || known.has(id) || asked.has(id)) continue;
        asked.add(id);
        known.set(id, (await api("GET /markets/{market_id}", { market_id: id })).title);
        redraw();
      }
    } catch {
      // A list with ids reads worse than one with titles, and is right; the next that comes asks again.
      newest = null;
      asked.clear();
    }
  }

  return {
    /** The id, as long as nothing better is known. @param {string} id */
    of: (id) => known.get(id) ?? id,

    learn,

    /** Part of a list, whose markets are then known by their titles. @type {import("../api/api.js").Api} */
    async page(...request) {
      const part = await api(...request);
      learn(part.items.map((/** @type {any} */ item) => item.market_id));
      return part;
    },
  };
}

/** @typedef {ReturnType<typeof createTitles>} Titles */
