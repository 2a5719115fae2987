/** The markets: what is asked, what the crowd thinks, and how that moved. */
import { h } from "../draw/dom.js";
import { counted } from "../draw/format.js";
import { followTickers } from "../feeds/tickers.js";
import { createAnnouncer } from "../parts/announcer.js";
import { staleFor } from "../parts/live.js";
import { createStore } from "../store/store.js";
import { createCatalogue } from "./catalogue.js";
import { arrival, nothingFound, toolbar } from "./around.js";
import { COLUMNS, leftOf, row } from "./row.js";
import { addressOf, categoriesOf, filtersOf, LIVING, select } from "./selection.js";
import { createSparks } from "./sparks.js";

/** So many rows are drawn at once, so that a page that is scrolled fast still answers. */
const PAGE = 20;
const ORDERED_ANEW_MS = 10_000;
/** How long the first picture waits for live numbers before it is drawn without them. */
const PATIENCE_MS = 1_500;
const ADDRESS_AFTER_MS = 250;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, session, query }) {
  const catalogue = createCatalogue(api);
  const tickers = followTickers();
  const sparks = createSparks(api);
  const announcer = createAnnouncer();
  const left = history.state ?? {};
  const waitsUntil = Date.now() + PATIENCE_MS;
  const store = createStore({
    filters: filtersOf(query), found: /** @type {import("./catalogue.js").Market[] | null} */ (null), shown: left.shown ?? PAGE,
  });
  /** @type {Element | null} */
  let list = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let addressTimer;

  function order() {
    const { items, whole, problem } = catalogue.store.state;
    const { found: before, filters } = store.state;
    if (!(whole || problem) || !(tickers.store.state.whole || Date.now() > waitsUntil)) return;
    const found = select(items, tickers.store.state.byMarket, filters);
    store.set({ found });
    picture();
    // Two frames on, the list stands in the document and is as long as it was.
    if (before === null && left.top) requestAnimationFrame(() => requestAnimationFrame(() => scrollTo(0, left.top)));
  }

  function picture() {
    const { found, shown } = store.state;
    sparks.show((found ?? []).slice(0, shown).filter(({ status }) => LIVING.includes(status)).map(({ id }) => id));
  }

  function orderFirst() {
    if (store.state.found === null) order();
  }

  /** Whoever reads keeps the order that is being read. */
  function orderUnread() {
    if (scrollY > 100 || list?.matches(":hover, :focus-within")) picture();
    else order();
  }

  /** @param {Partial<import("./selection.js").Filters>} changes */
  function choose(changes) {
    store.set({ filters: { ...store.state.filters, ...changes }, shown: PAGE });
    order();
    showAddressSoon();
    announcer.say(counted(store.state.found?.length ?? 0, "market"));
  }

  /** So that a reload and the way back find it as it was left. */
  function showAddress() {
    history.replaceState({ shown: store.state.shown, top: scrollY }, "", addressOf(store.state.filters));
  }

  function showAddressSoon() {
    clearTimeout(addressTimer);
    addressTimer = setTimeout(showAddress, ADDRESS_AFTER_MS);
  }

  function more() {
    store.set({ shown: store.state.shown + PAGE });
    picture();
    showAddress();
    // It tells of changes, and what is still near would not be one.
    requestAnimationFrame(() => {
      const here = document.querySelector("div.more");
      end.disconnect();
      if (here) end.observe(here);
    });
  }

  const search = () => /** @type {HTMLInputElement | null} */ (document.getElementById("search"));
  /** @param {number} step */
  function step(step) {
    const links = [...(list?.querySelectorAll("a") ?? [])];
    const at = links.indexOf(/** @type {any} */ (document.activeElement));
    links[Math.max(0, Math.min(links.length - 1, at + step))]?.focus();
  }

  addEventListener("scroll", showAddressSoon, { passive: true });
  const end = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) more();
  }, { rootMargin: "800px" });
  catalogue.store.read(order);
  tickers.store.read(orderFirst);
  const timers = [
    setInterval(orderFirst, PATIENCE_MS),
    setInterval(orderUnread, ORDERED_ANEW_MS),
    setInterval(() => catalogue.compare(tickers.store.state.byMarket), 2_000),
  ];
  if (query.has("search")) {
    showAddress();
    requestAnimationFrame(() => search()?.focus());
  }

  /** @param {import("./catalogue.js").Market} market */
  function rowOf(market) {
    const ticker = tickers.store.state.byMarket.get(market.id);
    return row(market, ticker, sparks.store.state.byMarket.get(market.id), leftOf(market, (ticker ?? market).status, Date.now()));
  }

  function body() {
    const { found, shown, filters } = store.state;
    const { problem, items } = catalogue.store.state;
    // Twice, for a screen so wide that two markets stand side by side.
    const heads = h("div.heads", { "aria-hidden": "true" }, [1, 2].map(() =>
      h("div.market.head", Object.entries(COLUMNS).map(([name, label]) => h("span", { class: name }, label)))));
    if (found === null) {
      return [heads, h("ul.markets", { "aria-busy": "true", "aria-label": "Markets are being read" },
        Array.from({ length: 10 }, () => h("li.market.pending")))];
    }
    if (found.length === 0) {
      return nothingFound({ problem, empty: items.length === 0, filters, user: session.store.state.user, choose, again: () => catalogue.load() });
    }
    return [
      heads,
      h("ul.markets", { key: "found", made: (/** @type {Element} */ element) => (list = element) }, found.slice(0, shown).map(rowOf)),
      found.length > shown
        ? h("div.more", { key: "more", made: (/** @type {Element} */ element) => end.observe(element) },
            h("button", { on: { click: more } }, `Show ${Math.min(PAGE, found.length - shown)} more`))
        : h("p.more.hint", `That is all: ${counted(found.length, "market")}.`),
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
      for (const timer of [...timers, addressTimer]) clearTimeout(timer);
      removeEventListener("scroll", showAddressSoon);
      end.disconnect();
      for (const part of [tickers, catalogue, sparks, announcer]) part.close();
    },
    view() {
      const { found, filters } = store.state;
      return h("section.all-markets",
        session.store.state.user === null && arrival(),
        toolbar({
          filters, choose, categories: categoriesOf(catalogue.store.state.items),
          count: found === null ? "" : counted(found.length, "market"), stale: staleFor([tickers.liveness.state], Date.now()),
          enter: () => {
            showAddress();
            if (found?.length) list?.querySelector("a")?.click();
          },
        }),
        announcer.view(),
        body());
    },
  };
}
