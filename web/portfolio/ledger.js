/** The ledger: every change of the cash that can be spent, with what there was after it; and the same as a file. */
import { h } from "../draw/dom.js";
import { dollars, gain, shares, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { listing } from "../parts/listing.js";
import { table, toMarket } from "../parts/table.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";
import { csv, readAll, save } from "./download.js";
import { GROUPS, kindInWords } from "./kinds.js";

/** @type {import("../parts/table.js").Column[]} */
const COLUMNS = [
  { name: "Time", looks: "moment" }, { name: "What" }, { name: "Market", looks: "title" }, { name: "Amount", looks: "number" },
  { name: "To spend after it", looks: "number" },
];
const IN_THE_FILE = [
  "id", "created_at", "entry_type", "amount_cents", "balance_after_cents", "reference_type", "reference_id", "market_id", "description",
];

/**
 * @param {{
 *   api: import("../api/api.js").Api, titles: import("../feeds/titles.js").Titles, redraw: () => void, renew: () => void,
 *   say: import("../shell/notices.js").Notices["say"],
 * }} page `renew` has the list read anew
 */
export function createLedger({ api, titles, redraw, renew, say }) {
  const store = createStore({ group: 0, download: /** @type {{count: number, stop: AbortController} | null} */ (null) });
  const pages = createPages((cursor) => ask(cursor, 50), ({ id }) => id);
  const stops = [store.read(redraw), pages.store.read(redraw)];

  /** @param {string | null} cursor @param {number} limit @param {AbortSignal} [signal] */
  async function ask(cursor, limit, signal) {
    const kinds = GROUPS[store.state.group].kinds.join(",");
    const part = await api("GET /account/ledger", { limit, cursor, entry_type: kinds }, signal);
    titles.learn(part.items.map((/** @type {any} */ entry) => entry.market_id));
    return part;
  }

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

  /** @param {Event} event */
  function choose(event) {
    store.state.download?.stop.abort();
    store.set({ group: Number(/** @type {HTMLSelectElement} */ (event.target).value) });
    pages.forget();
    renew();
  }

  return {
    pages,
    view() {
      const { group, download: running } = store.state;
      return [
        h("div", { class: "list-tools" },
          h("label", null, "Show ",
            h("select", { on: { change: choose } }, GROUPS.map(({ name }, index) =>
              h("option", { key: name, value: String(index), selected: index === group }, name)))),
          running === null
            ? h("button", { key: "download", disabled: !pages.store.state.items?.length, on: { click: download } }, "Download CSV")
            : h("button", { key: "stop", on: { click: () => running.stop.abort() } }, `${shares(running.count)} entries · Stop`)),
        listing(pages, group > 0 ? h("p", null, "There is nothing of the kind.")
          : h("p", null, "Nothing has happened to your cash yet. A deposit would be the first line."),
          (entries) => table({ label: "Ledger", columns: COLUMNS, rows: entries.map(row) })),
      ];
    },
    close() {
      store.state.download?.stop.abort();
      for (const stop of stops) stop();
    },
  };

  /** @param {any} entry */
  function row({ id, created_at: at, entry_type: kind, reference_type: reason, market_id: market, amount_cents: amount, balance_after_cents: after }) {
    return { key: String(id), cells: [when(at), kindInWords(kind, reason), market && toMarket(market, titles.of(market)), gain(amount), dollars(after)] };
  }
}
