/** One market: what is asked, what the crowd thinks, who would trade at which price, and what one can do about it. */
import { h } from "../draw/dom.js";
import { chance } from "../draw/format.js";
import { followBook } from "../feeds/book.js";
import { followOwn } from "../feeds/own.js";
import { seldom } from "../feeds/seldom.js";
import { followTickers } from "../feeds/tickers.js";
import { followTrades } from "../feeds/trades.js";
import { createAnnouncer } from "../parts/announcer.js";
import { notLive, staleFor } from "../parts/live.js";
import { tabs } from "../parts/tabs.js";
import { createStore } from "../store/store.js";
import { head } from "./head.js";
import { layout } from "./layout.js";
import { createTape } from "./tape.js";

const NO_SUCH_MARKET = 3001;
const REST_MS = 2_000;

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open(page) {
  const { api, names, redraw } = page;
  const marketId = names.id;
  const book = followBook(marketId);
  const trades = followTrades(marketId, api);
  const tickers = followTickers(marketId);
  const own = followOwn(marketId, page);
  const feeds = [book, trades, tickers];
  const question = createStore({ market: /** @type {any} */ (null), isUnknown: false });
  const screen = createStore({ tab: "trades", sheet: false });
  const announcer = createAnnouncer(redraw);
  const tape = createTape();
  const reading = seldom(readQuestion, REST_MS);
  // Ages and what is left of the time change by themselves.
  const clock = setInterval(redraw, 1000);
  const stops = [book, trades, tickers, own].map(({ store }) => store.read(redraw));
  stops.push(question.read(redraw), screen.read(redraw), ...feeds.map(({ liveness }) => liveness.read(redraw)));
  stops.push(tickers.store.read(noticeChange));
  reading.ask();

  async function readQuestion() {
    try {
      question.set({ market: await api("GET /markets/{market_id}", { market_id: marketId }) });
    } catch (error) {
      if (/** @type {any} */ (error).code !== NO_SUCH_MARKET) throw error;
      question.set({ isUnknown: true });
      for (const feed of feeds) feed.close();
    }
  }

  /** What the ticker does not tell is read again when it tells that the market is another. */
  let known = "";
  function noticeChange() {
    const { status, trading_mode: mode, pause_until: pause } = ticker() ?? {};
    const now = `${status} ${mode} ${pause}`;
    if (known !== "" && now !== known) reading.ask();
    known = now;
    announcer.say(`Chance of YES ${chance(spot())}`);
  }

  function ticker() {
    return tickers.store.state.byMarket.get(marketId);
  }

  function spot() {
    const half = ticker()?.spot_half_cents ?? null;
    return half === null ? null : half / 2;
  }

  return {
    title: () => question.state.market?.title ?? "Market",
    close() {
      clearInterval(clock);
      reading.stop();
      announcer.close();
      own.close();
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
      const age = staleFor(feeds.map(({ liveness }) => liveness.state), now);
      const { tab, sheet } = screen.state;
      return h("div", { class: "market" },
        head({ market, ticker: ticker(), spot: spot(), badge: notLive(age), now }),
        announcer.view(),
        layout({
          below: tabs({
            label: "More about this market", shown: tab, show: (name) => screen.set({ tab: name }),
            tabs: [{ name: "trades", title: "Trades", view: () => tape(trades.store.state) }],
          }),
          stale: age > 0,
          sheet: { open: sheet, toggle: () => screen.set({ sheet: !sheet }) },
        }));
    },
  };
}
