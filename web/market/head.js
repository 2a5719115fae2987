/** The question, and how it stands. */
import { h } from "../draw/dom.js";
import { cents, chance, coloured, shares, signed, timeLeft, when } from "../draw/format.js";
import { facts } from "../parts/facts.js";
import { answer } from "./banner.js";

/** @typedef {import("../draw/dom.js").Drawing} Drawing @typedef {import("../feeds/tickers.js").Ticker} Ticker */

/**
 * @param {{
 *   market: any, ticker: Ticker | undefined, spot: number | null, badge: Drawing, now: number,
 * }} what `market` null as long as it is being read
 */
export function head({ market, ticker, spot, badge, now }) {
  return h("header.market-head",
    h("div",
      h("p.hint", market?.category ?? "\u00a0", badge),
      h("h1", market?.title ?? "\u00a0")),
    facts("", {
      ...(isOver(market) ? { Answer: answer(market) } : { "Chance of YES": [chance(spot), h("small", cents(spot))] }),
      "24 h": moved(ticker),
      "Last price": cents(ticker?.last_trade_price_cents),
      "24 h volume": ticker ? shares(ticker.volume_24h) : "–",
      ...ends(market, now),
    }));
}

/** Told by its sign first, and by its colour beside. @param {Ticker | undefined} ticker */
function moved(ticker) {
  const { open_24h_cents: before = null, last_trade_price_cents: last = null } = ticker ?? {};
  if (before === null || last === null) return "–";
  const change = last - before;
  return coloured(change, `${signed(change)}¢`);
}

/** @param {any} market */
const isOver = (market) => Boolean(market?.resolution_result);

/** @param {any} market @param {number} now @returns {Record<string, Drawing>} */
function ends(market, now) {
  // Room for it from the beginning: what comes must not move what one reads.
  if (market === null) return { "Closes in": "–" };
  if (isOver(market)) return { Answered: when(market.resolved_at, "day") };
  const end = market.trading_end_at ?? market.resolution_date;
  return end && { [market.trading_end_at ? "Closes in" : "Answer expected in"]: [timeLeft(Date.parse(end), now), h("small", when(end, "day"))] };
}
