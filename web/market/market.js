/** One market: what is asked, what the crowd thinks, who would trade at which price, and what one can do about it. */
import { createChart } from "../chart/chart.js";
import { h } from "../draw/dom.js";
import { chance } from "../draw/format.js";
import { followBook } from "../feeds/book.js";
import { followCandles, RANGES } from "../feeds/candles.js";
import { followOwn } from "../feeds/own.js";
import { seldom } from "../feeds/seldom.js";
import { followTickers } from "../feeds/tickers.js";
import { followTrades } from "../feeds/trades.js";
import { createAnnouncer } from "../parts/announcer.js";
import { notLive, staleFor, unread } from "../parts/live.js";
import { tabs } from "../parts/tabs.js";
import { createStore } from "../store/store.js";
import { activityList } from "./activity.js";
import { banner } from "./banner.js";
import { head } from "./head.js";
import { layout } from "./layout.js";
import { rules } from "./rules.js";
import { createTape } from "./tape.js";
import { createTrading } from "./trading.js";

const NO_SUCH_MARKET = 3001;
const REST_MS = 2_000;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open(page) {
  const { api, names, notices, redraw } = page;
  const marketId = names.id;
  const book = followBook(marketId);
  const trades = followTrades(marketId, api);
  const tickers = followTickers(marketId);
  const own = followOwn(marketId, page);
  const feeds = [book, trades, tickers];
  const question = createStore({ market: /** @type {any} */ (null), isUnknown: false, problem: "" });
  const activity = createStore(/** @type {import("./activity.js").Activity} */ ({ items: null, cursor: null, busy: false }));
  const candles = followCandles(marketId, api, () => question.state.market);
  const chart = createChart(redraw, candles.choose);
  const screen = createStore({ tab: "trades", sheet: false });
  const announcer = createAnnouncer(redraw);
  const tape = createTape();
  const reading = seldom(readQuestion, REST_MS);
  const trading = createTrading(page, { marketId, market: marketNow, book, own, spot, showTicket: () => screen.set({ sheet: true }) });
  // Ages and what is left of the time change by themselves.
  const clock = setInterval(redraw, 1000);
  const stops = [book, trades, tickers, own, candles].map(({ store }) => store.read(redraw));
  stops.push(...[question, activity, screen].map((store) => store.read(redraw)), ...feeds.map(({ liveness }) => liveness.read(redraw)));
  stops.push(tickers.store.read(noticeChange));
  reading.ask();

  async function readQuestion() {
    try {
      const [market, changes] = await Promise.all([
        api("GET /markets/{market_id}", { market_id: marketId }),
        api("GET /markets/{market_id}/activity", { market_id: marketId }),
      ]);
      const isFirst = question.state.market === null;
      question.set({ market, problem: "" });
      activity.set({ items: changes.items, cursor: changes.next_cursor });
      if (isFirst) candles.choose(rangeFor(market));
      else candles.refresh();
    } catch (error) {
      if (/** @type {any} */ (error).code !== NO_SUCH_MARKET) {
        question.set({ problem: /** @type {Error} */ (error).message });
        throw error;
      }
      question.set({ isUnknown: true });
      for (const feed of feeds) feed.close();
    }
  }

  async function olderActivity() {
    const { items, cursor } = activity.state;
    activity.set({ busy: true });
    try {
      const page = await api("GET /markets/{market_id}/activity", { market_id: marketId, cursor });
      activity.set({ items: [...(items ?? []), ...page.items], cursor: page.next_cursor });
    } catch (error) {
      notices.say(/** @type {Error} */ (error).message, "wrong");
    } finally {
      activity.set({ busy: false });
    }
  }

  function olderTrades() {
    trades.older().catch((error) => notices.say(error.message, "wrong"));
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

  function ticker() {
    return tickers.store.state.byMarket.get(marketId);
  }

  /** As it was read last, with the newest word of the feed. */
  function marketNow() {
    const { market } = question.state;
    const { status, trading_mode, pause_until } = ticker() ?? market ?? {};
    return market && { ...market, status, trading_mode, pause_until };
  }

  function spot() {
    const half = ticker()?.spot_half_cents ?? null;
    return half === null ? null : half / 2;
  }

  return {
    title: () => question.state.market?.title ?? "Market",
    keys: trading.keys,
    close() {
      clearInterval(clock);
      reading.stop();
      announcer.close();
      trading.close();
      own.close();
      candles.close();
      chart.close();
      for (const feed of feeds) feed.close();
      for (const stop of stops) stop();
    },
    view() {
      const { market, isUnknown } = question.state;
      if (isUnknown) {
        return h("section", { class: "empty" }, h("h1", null, "There is no such market"),
          h("p", null, h("a", { href: "/" }, "To the markets")));
      }
      const now = Date.now();
      const age = market?.status === "DRAFT" ? 0 : staleFor(feeds.map(({ liveness }) => liveness.state), now);
      const { tab, sheet } = screen.state;
      const { status = market?.status, trading_mode: mode = market?.trading_mode, pause_until: pause = null } = ticker() ?? {};
      return h("div", { class: "market-screen" },
        head({ market, ticker: ticker(), spot: spot(), badge: notLive(age), now }),
        banner({ market, status, mode, pause, activity: activity.state.items ?? [], now }),
        unread(question.state.problem || candles.store.state.problem),
        announcer.view(),
        layout({
          chart: chart.view({
            ranges: RANGES, range: candles.store.state.range, past: candles.store.state.past, last: ticker()?.last_trade_price_cents ?? null,
          }),
          below: tabs({
            label: "More about this market", shown: tab, show: (name) => screen.set({ tab: name }),
            tabs: [
              { name: "trades", title: "Trades", view: () => tape(trades.store.state, olderTrades) },
              { name: "rules", title: "Rules", view: () => rules(market) },
              { name: "activity", title: "Activity", view: () => activityList(activity.state, olderActivity) },
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
