/** All that one has: cash, positions, orders, what was traded and where each cent went. */
import { h } from "../draw/dom.js";
import { dollars } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { createTitles } from "../feeds/titles.js";
import { createOrderActs } from "../orders/acts.js";
import { openOrders } from "../orders/open_orders.js";
import { createAnnouncer } from "../parts/announcer.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor, unread } from "../parts/live.js";
import { tabs } from "../parts/tabs.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";
import { createCancelling } from "./cancelling.js";
import { createCash } from "./cash.js";
import { createClosing } from "./closing.js";
import { createFills } from "./fills.js";
import { createHistory } from "./history.js";
import { createLedger } from "./ledger.js";
import { holdingsOf, positions } from "./positions.js";
import { summary } from "./summary.js";

/** Four questions at most at a turn, of the hundred and twenty that a user has in a minute. */
const REST_MS = 3_000;
/** Prices move without any event of one's own. */
const PRICES_MS = 30_000;
const TABS = ["orders", "fills", "ledger"];
const OPEN = ["OPEN", "PARTIALLY_FILLED"].join();

/**
 * @typedef {{view: () => import("../draw/dom.js").Drawing, close: () => void}} Opened a dialog
 * @param {import("../main.js").Page} page @returns {import("../main.js").Screen}
 */
export function open({ api, mine, notices, query, redraw }) {
  const store = createStore({
    portfolio: /** @type {any} */ (null), positions: /** @type {any[] | null} */ (null),
    tab: TABS.find((tab) => tab === query.get("tab")) ?? "orders", problem: "", opened: /** @type {Opened | null} */ (null),
  });
  const titles = createTitles(api);
  const history = createHistory(api);
  const announcer = createAnnouncer(redraw);
  const orders = createPages(async (cursor) => {
    const part = await api("GET /orders", { status: OPEN, limit: 100, cursor });
    titles.learn(part.items.map((/** @type {any} */ order) => order.market_id));
    return part;
  }, ({ id }) => id, { changes: true });
  const fills = createFills({ api, titles, redraw });
  const acts = createOrderActs({ api, notices, redraw, changed: () => readNow(), titleOf: titles.of });
  const reading = seldom(read, REST_MS);
  const ledger = createLedger({ api, titles, redraw, renew: () => readNow(), say: notices.say });
  const lists = { orders, fills: fills.pages, ledger: ledger.pages };
  const stops = [store, titles.store, history.store, orders.store, acts.store].map((one) => one.read(redraw));
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
  const prices = setInterval(() => document.hidden || reading.ask(), PRICES_MS);
  // What another window did to the cash alone is told by no event.
  const returned = () => document.hidden || reading.ask();
  document.addEventListener("visibilitychange", returned);
  // Ages change by themselves.
  const clock = setInterval(redraw, 1000);
  reading.ask();
  days.ask();

  function close() {
    store.state.opened?.close();
    store.set({ opened: null });
  }

  /** @param {Opened} opened */
  function show(opened) {
    store.state.opened?.close();
    store.set({ opened });
  }

  /** @param {string} text */
  function done(text) {
    notices.say(text);
    readNow();
  }

  /** @param {"deposit" | "withdraw"} kind */
  const moveCash = (kind) =>
    show(createCash({ kind, api, redraw, close, moved: done, available: () => store.state.portfolio?.available_balance_cents ?? null }));

  async function cancelAll() {
    // Counted whole and anew: it is the number that somebody is to confirm.
    try {
      await orders.renew();
      while (orders.store.state.more && orders.store.state.problem === null) await orders.older();
    } catch (error) {
      notices.say(words(/** @type {any} */ (error)), "wrong");
      return;
    }
    show(createCancelling({ api, redraw, close, cancelled: done, count: () => orders.store.state.items?.length ?? 0 }));
  }

  function held() {
    const { portfolio, positions: items } = store.state;
    if (portfolio === null || items === null) return h("p", { class: "loading", role: "status" }, "Loading");
    const holdings = holdingsOf(portfolio, items);
    if (holdings.length > 0) {
      return positions({ holdings, close: (holding) => show(createClosing({ holding, api, redraw, close, sold: readNow })) });
    }
    const isPoor = portfolio.equity_cents === 0;
    return h("div", { class: "empty" },
      isPoor
        ? [h("p", null, "You have no money here yet. It is simulated: pay in what you like."), h("button", { class: "primary", on: { click: () => moveCash("deposit") } }, "Deposit")]
        : h("p", null, "You hold no shares. ", h("a", { href: "/" }, "Find a question that you have an opinion on")));
  }

  const waiting = () =>
    listing(orders, h("p", null, "No order of yours waits in a book. ", h("a", { href: "/" }, "Find a market")), (items) => [
      h("div", { class: "list-tools" },
        h("span", { class: "hint" }, `${items.length}${orders.store.state.more ? " and more" : ""} open`),
        h("button", { class: "danger", on: { click: cancelAll } }, "Cancel all")),
      openOrders({ orders: items, leaving: acts.store.state.leaving, titleOf: titles.of, cancel: acts.cancel, amend: acts.amend }),
    ]);

  return {
    title: () => "Portfolio",
    keys: [
      { keys: "d", does: "Deposit", act: () => moveCash("deposit") },
      { keys: "w", does: "Withdraw", act: () => moveCash("withdraw") },
    ],
    close() {
      close();
      acts.close();
      deaf();
      reading.stop();
      days.stop();
      fills.close();
      ledger.close();
      announcer.close();
      clearInterval(prices);
      clearInterval(clock);
      document.removeEventListener("visibilitychange", returned);
      for (const stop of stops) stop();
    },
    view: () => [
      h("header", { class: "screen-head" },
        h("h1", null, "Portfolio"),
        notLive(staleFor([mine.liveness?.state], Date.now())),
        h("div", { class: "acts" },
          h("button", { class: "primary", on: { click: () => moveCash("deposit") } }, "Deposit"),
          h("button", { on: { click: () => moveCash("withdraw") } }, "Withdraw"))),
      announcer.view(),
      unread(store.state.problem),
      summary(store.state.portfolio, history.store.state.moments),
      h("section", { class: "card", "aria-labelledby": "positions" }, h("h2", { id: "positions" }, "Positions"), held()),
      h("div", { class: "card" },
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
      store.state.opened?.view(),
      acts.store.state.amending?.view(),
    ],
  };
}
