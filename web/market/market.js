/** One market: what is asked, what the crowd thinks, who would trade at which price, and what one can do about it. */
import { createChart } from "../chart/chart.js";
import { h } from "../draw/dom.js";
import { chance } from "../draw/format.js";
import { followBook } from "../feeds/book.js";
import { followCandles, RANGES } from "../feeds/candles.js";
import { followOwn } from "../feeds/own.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { followTickers } from "../feeds/tickers.js";
import { followTrades } from "../feeds/trades.js";
import { createAnnouncer } from "../parts/announcer.js";
import { nothing } from "../parts/card.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor, unread } from "../parts/live.js";
import { tabs } from "../parts/tabs.js";
import { createStore } from "../store/store.js";
import { activityList } from "./activity.js";
import { banner, stateOf } from "./banner.js";
import { head } from "./head.js";
import { layout } from "./layout.js";
import { rules } from "./rules.js";
import { tape } from "./tape.js";
import { createTrading } from "./trading.js";

const NO_SUCH_MARKET = 3001;
const REST_MS = 2_000;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open(page) {
  const { api, names } = page;
  const market_id = names.id;
  const book = followBook(market_id);
  const trades = followTrades(market_id, api);
  const tickers = followTickers(market_id);
  const own = followOwn(market_id, page);
  const feeds = [book, trades, tickers];
  const screen = createStore({ market: /** @type {any} */ (null), isUnknown: false, problem: "", tab: "trades", sheet: false });
  const activity = createPages((cursor) => api("GET /markets/{market_id}/activity", { market_id, cursor }), ({ journal_id: id }) => id);
  const candles = followCandles(market_id, api, () => screen.state.market);
  const chart = createChart(candles.choose);
  const announcer = createAnnouncer();
  const reading = seldom(readMarket, REST_MS);
  const trading = createTrading(page, {
    marketId: market_id, market: marketNow, book, own, spot, showTicket: () => screen.set({ sheet: true }),
  });
  tickers.store.read(noticeChange);
  reading.ask();

  async function readMarket() {
    try {
      const [market] = await Promise.all([api("GET /markets/{market_id}", { market_id }), activity.renew()]);
      const isFirst = screen.state.market === null;
      screen.set({ market, problem: "" });
      if (isFirst) candles.choose(rangeFor(market));
      else candles.refresh();
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      if (code !== NO_SUCH_MARKET) {
        screen.set({ problem: message });
        throw error;
      }
      screen.set({ isUnknown: true });
      for (const feed of [...feeds, own]) feed.close();
    }
  }

  /** What the ticker does not tell is read again when it tells that the market is another. */
  let known = "";
  function noticeChange() {
    const { status, trading_mode: mode, pause_until: pause } = ticker() ?? {};
    const now = `${status} ${mode} ${pause}`;
    if (known !== "" && now !== known) reading.ask();
    known = now;
    // A window that nobody looks at asks nothing; its ticker goes on.
    if (!document.hidden) candles.refresh();
    announcer.say(`Chance of YES ${chance(spot())}`);
  }

  const ticker = () => tickers.store.state.byMarket.get(market_id);

  /** As it was read last, with the newest word of the feed. */
  function marketNow() {
    const { market } = screen.state;
    const { status, trading_mode, pause_until } = ticker() ?? market ?? {};
    return market && { ...market, status, trading_mode, pause_until };
  }

  function spot() {
    const half = ticker()?.spot_half_cents ?? null;
    return half === null ? null : half / 2;
  }

  return {
    title: () => screen.state.market?.title ?? "Market",
    keys: trading.keys,
    close() {
      for (const part of [reading.stop, announcer.close, trading.close, own.close, candles.close, chart.close]) part();
      for (const feed of feeds) feed.close();
    },
    view() {
      const { market, isUnknown, tab, sheet, problem } = screen.state;
      if (isUnknown) return nothing("There is no such market", "/", "To the markets");
      const now = Date.now();
      const age = market?.status === "DRAFT" ? 0 : staleFor(feeds.map(({ liveness }) => liveness.state), now);
      const { range, past } = candles.store.state;
      const last = ticker()?.last_trade_price_cents ?? null;
      return h("div.market-screen",
        head({ market, ticker: ticker(), spot: spot(), badge: notLive(age), now }),
        banner(market && stateOf(marketNow(), activity.store.state.items ?? [], now)),
        unread(problem || candles.store.state.problem),
        announcer.view(),
        layout({
          chart: chart.view({ ranges: RANGES, range, past, last }),
          below: tabs({
            label: "More about this market", shown: tab, show: (name) => screen.set({ tab: name }),
            tabs: [
              { name: "trades", title: "Trades", view: () => tape(trades) },
              { name: "rules", title: "Rules", view: () => rules(market) },
              { name: "activity", title: "Activity", view: () => listing(activity, null, activityList) },
            ],
          }),
          ladder: trading.ladder(),
          ticket: trading.ticket(),
          mine: trading.mine(),
          stale: age > 0,
          sheet: { open: sheet, toggle: () => screen.set({ sheet: !sheet }) },
        }));
    },
  };
}

/** The shortest that has the market's whole life so far; a day if that is longer. @param {any} market */
function rangeFor({ created_at: created, resolved_at: resolved }) {
  const age = (resolved === null ? Date.now() : Date.parse(resolved)) - Date.parse(created);
  return RANGES.find(({ name, span }) => name === "1d" || age <= span)?.name ?? "1d";
}
