/** The ledger: every change of the cash that can be spent, with what there was after it; and the same as a file. */
import { h } from "../draw/dom.js";
import { dollars, gain, shares, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { listing } from "../parts/listing.js";
import { select } from "../parts/select.js";
import { table, toMarket } from "../parts/table.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";
import { csv, readAll, save } from "./download.js";
import { EVERYTHING, GROUPS, kindInWords } from "./kinds.js";

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { Time: "moment", What: "", Market: "title", Amount: "number", "To spend after it": "number" };
const IN_THE_FILE = [
  "id", "created_at", "entry_type", "amount_cents", "balance_after_cents", "reference_type", "reference_id", "market_id", "description",
];

/**
 * @param {{
 *   titles: import("../feeds/titles.js").Titles, renew: () => void,
 *   say: import("../shell/notices.js").Notices["say"],
 * }} page `renew` has the list read anew
 */
export function createLedger({ titles, renew, say }) {
  const store = createStore({ group: EVERYTHING, download: /** @type {{count: number, stop: AbortController} | null} */ (null) });
  const pages = createPages((cursor) => ask(cursor, 50), ({ id }) => id);

  /** @param {string | null} cursor @param {number} limit @param {AbortSignal} [signal] */
  const ask = (cursor, limit, signal) =>
    titles.page("GET /account/ledger", { limit, cursor, entry_type: GROUPS[store.state.group] }, signal);

  async function download() {
    const stop = new AbortController();
    store.set({ download: { count: 0, stop } });
    try {
      const items = await readAll((cursor) => ask(cursor, 100, stop.signal), (count) => store.set({ download: { count, stop } }), stop.signal);
      if (!stop.signal.aborted) save("verdict-ledger.csv", csv(IN_THE_FILE, items));
    } catch (error) {
      if (!stop.signal.aborted) say(words(/** @type {any} */ (error)), "wrong");
    }
    store.set({ download: null });
  }

  /** @param {string} group */
  function choose(group) {
    store.state.download?.stop.abort();
    store.set({ group });
    pages.forget();
    renew();
  }

  return {
    pages,
    view() {
      const { group, download: running } = store.state;
      return [
        h("div.list-tools",
          h("label", "Show ",
            select({}, Object.fromEntries(Object.keys(GROUPS).map((name) => [name, name])), group, choose)),
          running === null
            ? h("button", { key: "download", disabled: !pages.store.state.items?.length, on: { click: download } }, "Download CSV")
            : h("button", { key: "stop", on: { click: () => running.stop.abort() } }, `${shares(running.count)} entries · Stop`)),
        listing(pages, group !== EVERYTHING ? h("p", "There is nothing of the kind.")
          : h("p", "Nothing has happened to your cash yet. A deposit would be the first line."),
          (entries) => table("Ledger", COLUMNS, entries.map(row))),
      ];
    },
    close: () => store.state.download?.stop.abort(),
  };

  /** @param {any} entry @returns {[string, ...import("../draw/dom.js").Drawing[]]} */
  function row({ id, created_at: at, entry_type: kind, reference_type: reason, market_id: market, amount_cents: amount, balance_after_cents: after }) {
    return [String(id), when(at), kindInWords(kind, reason), market && toMarket(market, titles.of(market)), gain(amount), dollars(after)];
  }
}
