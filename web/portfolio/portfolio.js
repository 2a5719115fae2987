/** All that one has: cash, positions, orders, what was traded and where each cent went. */
import { h } from "../draw/dom.js";
import { dollars } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { createTitles } from "../feeds/titles.js";
import { createOrderActs } from "../orders/acts.js";
import { openOrders } from "../orders/open_orders.js";
import { createAnnouncer } from "../parts/announcer.js";
import { card } from "../parts/card.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor, unread } from "../parts/live.js";
import { tabs } from "../parts/tabs.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";
import { openCancelling } from "./cancelling.js";
import { openCash } from "./cash.js";
import { openClosing } from "./closing.js";
import { createFills } from "./fills.js";
import { createHistory } from "./history.js";
import { createLedger } from "./ledger.js";
import { holdingsOf, positions } from "./positions.js";
import { summary } from "./summary.js";

/** Four questions at most at a turn, of the hundred and twenty that a user has in a minute. */
const REST_MS = 3_000;
/** Prices move without any event of one's own, and so does the cash that another window moves. */
const PRICES_MS = 30_000;
const TABS = ["orders", "fills", "ledger"];
const OPEN = ["OPEN", "PARTIALLY_FILLED"].join();

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, mine, notices, query }) {
  const store = createStore({
    portfolio: /** @type {any} */ (null), positions: /** @type {any[] | null} */ (null),
    tab: TABS.find((tab) => tab === query.get("tab")) ?? "orders", problem: "",
  });
  const titles = createTitles(api);
  const history = createHistory(api);
  const announcer = createAnnouncer();
  const orders = createPages((cursor) => titles.page("GET /orders", { status: OPEN, limit: 100, cursor }), ({ id }) => id, { changes: true });
  const fills = createFills({ titles });
  const acts = createOrderActs({ api, notices, changed: () => readNow(), titleOf: titles.of });
  const reading = seldom(read, REST_MS, PRICES_MS);
  const ledger = createLedger({ titles, renew: () => readNow(), say: notices.say });
  const lists = { orders, fills: fills.pages, ledger: ledger.pages };
  const days = seldom(history.read, REST_MS);

  let turn = 0;
  /** What is on the screen, and no more of it than that. */
  async function read() {
    const asked = (turn += 1);
    const list = lists[/** @type {keyof typeof lists} */ (store.state.tab)];
    const answers = Promise.all([api("GET /account/portfolio"), api("GET /positions", { has_volume: true }), list.renew()]);
    const [portfolio, { items }] = await answers.catch((error) => {
      store.set({ problem: words(error) });
      throw error;
    });
    if (asked !== turn) return;
    store.set({ portfolio, positions: items, problem: "" });
    history.see(portfolio);
    announcer.say(`Equity ${dollars(portfolio.equity_cents)}`);
  }

  /** What somebody just did, or asked to see, does not wait for its turn. */
  const readNow = () => {
    read().catch(reading.ask);
  };

  const deaf = mine.hear(() => reading.ask());
  reading.ask();
  days.ask();

  /** @param {string} text */
  function done(text) {
    notices.say(text);
    readNow();
  }

  /** @param {"deposit" | "withdraw"} kind */
  const moveCash = (kind) =>
    openCash({ kind, api, moved: done, available: () => store.state.portfolio?.available_balance_cents ?? null });

  async function cancelAll() {
    // Counted whole and anew: it is the number that somebody is to confirm.
    try {
      await orders.renew();
      while (orders.store.state.more && orders.store.state.problem === null) await orders.older();
    } catch (error) {
      notices.say(words(/** @type {any} */ (error)), "wrong");
      return;
    }
    openCancelling({ api, cancelled: done, count: () => orders.store.state.items?.length ?? 0 });
  }

  function held() {
    const { portfolio, positions: items } = store.state;
    if (portfolio === null || items === null) return h("p.loading", { role: "status" }, "Loading");
    const holdings = holdingsOf(portfolio, items);
    if (holdings.length > 0) {
      return positions({ holdings, close: (holding) => openClosing({ holding, api, sold: readNow }) });
    }
    const isPoor = portfolio.equity_cents === 0;
    return h("div.empty",
      isPoor
        ? [h("p", "You have no money here yet. It is simulated: pay in what you like."), h("button.primary", { on: { click: () => moveCash("deposit") } }, "Deposit")]
        : h("p", "You hold no shares. ", h("a", { href: "/" }, "Find a question that you have an opinion on")));
  }

  const waiting = () =>
    listing(orders, h("p", "No order of yours waits in a book. ", h("a", { href: "/" }, "Find a market")), (items) => [
      h("div.list-tools",
        h("span.hint", `${items.length}${orders.store.state.more ? " and more" : ""} open`),
        h("button.danger", { on: { click: cancelAll } }, "Cancel all")),
      openOrders({ orders: items, leaving: acts.store.state.leaving, titleOf: titles.of, cancel: acts.cancel, amend: acts.amend }),
    ]);

  return {
    title: () => "Portfolio",
    keys: [
      { keys: "d", does: "Deposit", act: () => moveCash("deposit") },
      { keys: "w", does: "Withdraw", act: () => moveCash("withdraw") },
    ],
    close() {
      for (const end of [acts.close, deaf, reading.stop, days.stop, ledger.close, announcer.close]) end();
    },
    view: () => [
      h("header.screen-head",
        h("h1", "Portfolio"),
        notLive(staleFor([mine.liveness?.state], Date.now())),
        h("div.acts",
          h("button.primary", { on: { click: () => moveCash("deposit") } }, "Deposit"),
          h("button", { on: { click: () => moveCash("withdraw") } }, "Withdraw"))),
      announcer.view(),
      unread(store.state.problem),
      summary(store.state.portfolio, history.store.state.moments),
      card("Positions", held()),
      h("div.card",
        tabs({
          label: "Orders, fills and ledger", shown: store.state.tab,
          show(tab) {
            store.set({ tab });
            readNow();
          },
          tabs: [
            { name: "orders", title: "Open orders", view: waiting },
            { name: "fills", title: "Fills", view: fills.view },
            { name: "ledger", title: "Ledger", view: ledger.view },
          ],
        })),
    ],
  };
}
