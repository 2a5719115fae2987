/** The question, and how it stands. */
import { h } from "../draw/dom.js";
import { cents, chance, shares, signed, timeLeft, when } from "../draw/format.js";
import { answer } from "./banner.js";

/**
 * @param {{
 *   market: any, ticker: import("../feeds/tickers.js").Ticker | undefined, spot: number | null,
 *   badge: import("../draw/dom.js").Drawing, now: number,
 * }} what `market` null as long as it is being read
 */
export function head({ market, ticker, spot, badge, now }) {
  return h("header", { class: "market-head" },
    h("div", { class: "market-question" },
      h("p", { class: "muted" }, market?.category ?? "\u00a0", badge),
      h("h1", null, market?.title ?? "\u00a0")),
    h("dl", { class: "market-facts" },
      isOver(market)
        ? fact("Answer", answer(market).slice(2), "market-chance")
        : fact("Chance of YES", [chance(spot), h("small", null, cents(spot))], "market-chance"),
      fact("24 h", moved(ticker)),
      fact("Last price", cents(ticker?.last_trade_price_cents)),
      fact("24 h volume", ticker ? shares(ticker.volume_24h) : "–"),
      ends(market, now)));
}

/** @param {string} name @param {import("../draw/dom.js").Drawing} value @param {string} [looks] */
function fact(name, value, looks) {
  return h("div", { key: name, class: looks }, h("dt", null, name), h("dd", null, value));
}

/** Told by its sign first, and by its colour beside. @param {import("../feeds/tickers.js").Ticker | undefined} ticker */
function moved(ticker) {
  const { open_24h_cents: before = null, last_trade_price_cents: last = null } = ticker ?? {};
  if (before === null || last === null) return "–";
  const change = last - before;
  return h("span", { class: change > 0 ? "yes" : change < 0 ? "no" : undefined }, `${signed(change)}¢`);
}

/** @param {any} market */
const isOver = (market) => market !== null && market.resolution_result !== null;

/** @param {any} market @param {number} now */
function ends(market, now) {
  // Room for it from the beginning: what comes must not move what one reads.
  if (market === null) return fact("Closes in", "–");
  if (isOver(market)) return fact("Answered", when(market.resolved_at, "day"));
  const end = market.trading_end_at ?? market.resolution_date;
  if (!end) return null;
  return fact(market.trading_end_at ? "Closes in" : "Answer expected in", [timeLeft(Date.parse(end), now), h("small", null, when(end, "day"))]);
}
