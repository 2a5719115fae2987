/** The markets: what is asked, what the crowd thinks, and how that moved. */
import { h } from "../draw/dom.js";
import { shares } from "../draw/format.js";
import { followTickers } from "../feeds/tickers.js";
import { staleFor } from "../parts/live.js";
import { createStore } from "../store/store.js";
import { createCatalogue } from "./catalogue.js";
import { arrival, nothingFound, toolbar } from "./around.js";
import { COLUMNS, leftOf, row } from "./row.js";
import { addressOf, categoriesOf, filtersOf, LIVING, select } from "./selection.js";
import { createSparks } from "./sparks.js";

const PAGE = 50;
const ORDERED_ANEW_MS = 10_000;
/** How long the first picture waits for live numbers before it is drawn without them. */
const PATIENCE_MS = 1_500;
const ADDRESS_AFTER_MS = 250;
const SAID_AFTER_MS = 1_000;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, session, query, go, redraw }) {
  const catalogue = createCatalogue(api);
  const tickers = followTickers();
  const sparks = createSparks(api);
  const left = history.state ?? {};
  const state = createStore({
    filters: filtersOf(query), found: /** @type {import("./catalogue.js").Market[] | null} */ (null),
    shown: left.shown ?? PAGE, said: "", waited: false,
  });
  /** @type {Map<string, {of: any[], drawing: any}>} what each row was drawn from, so that only what changed is drawn anew */
  const rows = new Map();
  /** @type {Element | null} */
  let list = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let addressTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let sayTimer;

  function order() {
    const { items, whole, problem } = catalogue.store.state;
    if (!(whole || problem) || !(tickers.store.state.whole || state.state.waited)) return;
    const first = state.state.found === null;
    const found = select(items, tickers.store.state.byMarket, state.state.filters, Date.now());
    state.set({ found });
    picture();
    // Two frames on, the list stands in the document and is as long as it was.
    if (first && left.top) requestAnimationFrame(() => requestAnimationFrame(() => scrollTo(0, left.top)));
  }

  function picture() {
    const { found, shown } = state.state;
    sparks.show((found ?? []).slice(0, shown).filter(({ status }) => LIVING.includes(status)).map(({ id }) => id));
  }

  /** Whoever reads keeps the order that is being read. */
  function orderUnread() {
    const isRead = scrollY > 100 || (list !== null && list.matches(":hover, :focus-within"));
    if (isRead) picture();
    else order();
  }

  /** @param {Partial<import("./selection.js").Filters>} changes */
  function choose(changes) {
    state.set({ filters: { ...state.state.filters, ...changes }, shown: PAGE });
    order();
    clearTimeout(addressTimer);
    addressTimer = setTimeout(showAddress, ADDRESS_AFTER_MS);
    clearTimeout(sayTimer);
    sayTimer = setTimeout(() => state.set({ said: counted(state.state.found?.length ?? 0) }), SAID_AFTER_MS);
  }

  /** So that a reload and the way back find it as it was left. */
  function showAddress() {
    history.replaceState({ shown: state.state.shown, top: scrollY }, "", addressOf(state.state.filters));
  }

  function more() {
    state.set({ shown: state.state.shown + PAGE });
    order();
    showAddress();
  }

  const search = () => /** @type {HTMLInputElement | null} */ (document.getElementById("search"));
  /** @param {number} step */
  function step(step) {
    const links = [...(list?.querySelectorAll("a") ?? [])];
    const at = links.indexOf(/** @type {any} */ (document.activeElement));
    links[Math.max(0, Math.min(links.length - 1, at + step))]?.focus();
  }

  let scrolling = 0;
  const scrolled = () => {
    clearTimeout(scrolling);
    scrolling = setTimeout(showAddress, ADDRESS_AFTER_MS);
  };
  addEventListener("scroll", scrolled, { passive: true });
  const end = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) more();
  }, { rootMargin: "800px" });
  const stops = [
    catalogue.store.read(order),
    tickers.store.read(() => {
      if (state.state.found === null) order();
      redraw();
    }),
    tickers.liveness.read(redraw), sparks.store.read(redraw), state.read(redraw),
  ];
  const timers = [
    setInterval(redraw, 1_000),
    setInterval(orderUnread, ORDERED_ANEW_MS),
    setInterval(() => catalogue.compare(tickers.store.state.byMarket), 2_000),
  ];
  const waiting = setTimeout(() => {
    state.set({ waited: true });
    order();
  }, PATIENCE_MS);
  if (query.has("search")) {
    showAddress();
    requestAnimationFrame(() => search()?.focus());
  }

  /** @param {import("./catalogue.js").Market} market @param {number} now */
  function rowOf(market, now) {
    const ticker = tickers.store.state.byMarket.get(market.id);
    const past = sparks.store.state.byMarket.get(market.id);
    const left = leftOf(market, ticker?.status ?? market.status, now);
    const of = [market, ticker, past, left];
    const before = rows.get(market.id);
    if (before?.of.every((part, index) => part === of[index])) return before.drawing;
    const drawing = row(market, ticker, past, left);
    rows.set(market.id, { of, drawing });
    return drawing;
  }

  // Twice, for a screen so wide that two markets stand side by side.
  const heads = h("div", { class: "heads", "aria-hidden": "true" },
    ["first", "second"].map((key) => h("div", { key, class: "market head" }, COLUMNS.map(([name, label]) => h("span", { class: name }, label)))));

  function body() {
    const { found, shown, filters } = state.state;
    const { problem, items } = catalogue.store.state;
    if (found === null) {
      return [
        heads,
        h("ul", { class: "markets", "aria-busy": "true", "aria-label": "Markets are being read" },
          Array.from({ length: 10 }, () => h("li", { class: "market pending" }))),
      ];
    }
    if (found.length === 0) {
      return nothingFound({ problem, empty: items.length === 0, filters, user: session.store.state.user, choose, again: () => catalogue.load() });
    }
    const now = Date.now();
    return [
      heads,
      h("ul", { class: "markets", key: "found", made: (/** @type {Element} */ element) => (list = element) },
        found.slice(0, shown).map((market) => rowOf(market, now))),
      found.length > shown
        ? h("div", { class: "more", key: "more", made: (/** @type {Element} */ element) => end.observe(element) },
            h("button", { on: { click: more } }, `Show ${Math.min(PAGE, found.length - shown)} more`))
        : h("p", { class: "more hint", key: "end" }, `That is all: ${counted(found.length)}.`),
    ];
  }

  return {
    title: () => "Markets",
    keys: [
      { keys: "/", does: "Search markets", act: () => search()?.select() },
      { keys: "j", does: "Next market", act: () => step(1) },
      { keys: "k", does: "Previous market", act: () => step(-1) },
    ],
    close() {
      for (const stop of stops) stop();
      for (const timer of [...timers, waiting, addressTimer, sayTimer, scrolling]) clearTimeout(timer);
      removeEventListener("scroll", scrolled);
      end.disconnect();
      for (const source of [tickers, catalogue, sparks]) source.close();
    },
    view() {
      const { found, filters, said } = state.state;
      return h("section", { class: "all-markets" },
        session.store.state.user === null && arrival(),
        toolbar({
          filters, choose, categories: categoriesOf(catalogue.store.state.items),
          count: found === null ? "" : counted(found.length), stale: staleFor([tickers.liveness.state], Date.now()),
          enter: () => {
            const first = found?.[0];
            if (!first) return;
            showAddress();
            go(`/markets/${encodeURIComponent(first.id)}`);
          },
        }),
        h("p", { class: "unseen", role: "status" }, said),
        body());
    },
  };
}

/** @param {number} count */
const counted = (count) => (count === 1 ? "1 market" : `${shares(count)} markets`);
