/** Every market, drafts among them, for who administers them; and what waits for a second administrator. */
import { h } from "../draw/dom.js";
import { brief, counted, when } from "../draw/format.js";
import { followTickers } from "../feeds/tickers.js";
import { createCatalogue } from "../markets/catalogue.js";
import { finder } from "../markets/selection.js";
import { table } from "../parts/table.js";
import { select } from "../parts/select.js";
import { createStore } from "../store/store.js";
import { badge, createReading, forAdministrators, frame, proposed } from "./frame.js";

const STATUSES = { "": "All", "DRAFT": "Drafts", "ACTIVE": "Active", "SUSPENDED": "Suspended", "HALTED": "Halted", "RESOLVED": "Resolved", "SETTLED": "Settled", "VOIDED": "Voided" };
/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { Market: "title", Status: "", "24 h volume": "number", "Open interest": "number", "Market maker": "", Ends: "" };
const PAGE = 100;

export const open = forAdministrators(({ api }) => {
  const catalogue = createCatalogue(api, { drafts: true });
  const tickers = followTickers();
  const state = createStore({ search: "", status: "", shown: PAGE });
  const around = createReading(async (signal) => ({
    proposals: (await api("GET /admin/proposals", {}, signal)).items,
    makers: new Map((await api("GET /amm/markets", {}, signal)).items.map((/** @type {any} */ one) => [one.market_id, one.status])),
  }));
  const timer = setInterval(() => catalogue.compare(tickers.store.state.byMarket), 2_000);

  /** @param {import("../markets/catalogue.js").Market} market */
  const nowOf = (market) => tickers.store.state.byMarket.get(market.id) ?? market;
  /** @param {string} id @param {string} text */
  const link = (id, text) => h("a", { href: `/admin/markets/${encodeURIComponent(id)}` }, text);

  /** @param {import("../markets/catalogue.js").Market} market @returns {[string, ...import("../draw/dom.js").Drawing[]]} */
  function row(market) {
    const now = nowOf(market);
    const end = market.trading_end_at ?? market.resolution_date;
    const maker = around.data?.makers.get(market.id);
    return [
      market.id,
      [link(market.id, market.title), h("small", market.id)],
      [badge(now.status), now.trading_mode !== "NORMAL" && badge(now.trading_mode)],
      brief(now.volume_24h), brief(now.open_interest), maker ? badge(maker) : "–", end ? when(end) : "–",
    ];
  }

  return {
    title: () => "Administration",
    close() {
      clearInterval(timer);
      for (const source of [catalogue, tickers, around]) source.close();
    },
    view() {
      const { search, status, shown } = state.state;
      const { items, whole, problem } = catalogue.store.state;
      const isFound = finder(search);
      const found = items.filter((market) => isFound(market) && (!status || nowOf(market).status === status));
      return frame("/admin", "Markets",
        around.data?.proposals.map((/** @type {any} */ one) => proposed(one, link(one.market_id, one.market_id))),
        h("div.tools",
          h("input", { id: "search", type: "search", "aria-label": "Search markets", placeholder: "Search by question or id", value: search,
            on: { input: (/** @type {any} */ event) => state.set({ search: event.target.value, shown: PAGE }) } }),
          select({ id: "status", "aria-label": "Status" }, STATUSES, status, (status) => state.set({ status, shown: PAGE })),
          h("span.muted", whole && counted(found.length, "market"))),
        problem && h("p.problem", { role: "alert" }, problem.message),
        !whole ? !problem && h("p.loading", { role: "status" }, "Loading")
          : found.length === 0 ? h("p.empty", "There is none. ", h("a", { href: "/admin/new" }, "Create one"))
            : h("div.card", table("Markets", COLUMNS, found.slice(0, shown).map(row))),
        found.length > shown && h("button", { on: { click: () => state.set({ shown: shown + PAGE }) } }, "Show more"));
    },
  };
});
