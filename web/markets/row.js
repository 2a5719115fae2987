/** One market in the list. It knows no network: it is drawn from what it is given. */
import { h, keptEach } from "../draw/dom.js";
import { brief, cents, chance, meaning, signed, timeLeft } from "../draw/format.js";
import { NAMES } from "../market/reasons.js";
import { toMarket } from "../parts/table.js";
import { endOf, LIVING, moveOf } from "./selection.js";

/** The columns, and what their cells are called. @type {Record<string, string>} */
export const COLUMNS = {
  question: "Question", chance: "Chance", move: "Last 24 h", quotes: "Bid / ask", volume: "24 h volume", left: "Time left",
};

/**
 * Drawn anew when one of these is another: the `past` are prices of the last day.
 * @type {(
 *   market: import("./catalogue.js").Market, ticker: import("../feeds/tickers.js").Ticker | undefined, past: number[] | undefined, left: string,
 * ) => import("../draw/dom.js").Drawing}
 */
export const row = keptEach((market, ticker, past, left) => {
  const now = ticker ?? market;
  const spot = now.spot_half_cents;
  // Where nobody ever quoted or traded the exchange says the middle, which says nothing.
  const isKnown = now.best_bid_cents !== null || now.best_ask_cents !== null || now.last_trade_price_cents !== null;
  const price = isKnown && spot !== null ? spot / 2 : null;
  const move = moveOf(ticker);
  const direction = move === null || move === 0 ? "muted" : move > 0 ? "yes" : "no";
  const state = now.status === "ACTIVE" ? now.trading_mode : now.status;
  const end = endOf(market);
  return h("li.market", { key: market.id },
    h("div.question",
      toMarket(market.id, market.title),
      h("p.tags",
        market.category && h("span", market.category),
        state !== "NORMAL" && h("span.badge", { class: LIVING.includes(now.status) ? "warn" : "" }, NAMES[state]))),
    cell("chance", h("strong", chance(price)), h("span.bar", { style: { "--share": `${price ?? 0}%` } })),
    cell("move",
      past && move !== null && price !== null ? spark([ticker?.open_24h_cents ?? price, ...past, price], direction) : h("span.spark"),
      h("span", { class: `by ${direction}` }, move === null ? "–" : `${signed(move)}¢`)),
    cell("quotes", `${cents(now.best_bid_cents)} / ${cents(now.best_ask_cents)}`),
    cell("volume", brief(now.volume_24h), h("span.unit", " traded")),
    cell("left", Number.isFinite(end) ? meaning(end, left) : left));
});

/** A number with its name, which those hear who do not see the column. @param {string} column @param {...any} inside */
function cell(column, ...inside) {
  return h("span", { class: column }, h("span.unseen", `${COLUMNS[column]}: `), inside);
}

/** How much time a market has left, in words. @param {import("./catalogue.js").Market} market @param {string} status @param {number} now */
export function leftOf(market, status, now) {
  if (!LIVING.includes(status)) return "over";
  const end = endOf(market);
  if (!Number.isFinite(end)) return "no end set";
  return end > now ? timeLeft(end, now) : "answer due";
}

const [WIDTH, HEIGHT] = [88, 28];
/** Cents that the picture spans at least: what hardly moved shall look so. */
const SPAN_MIN = 6;

/** From what it was a day ago to what it is now. @param {number[]} prices @param {string} direction */
function spark(prices, direction) {
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const step = (WIDTH - 2) / (prices.length - 1);
  const scale = (HEIGHT - 4) / Math.max(high - low, SPAN_MIN);
  const levels = prices.map((price) => (HEIGHT / 2 + ((low + high) / 2 - price) * scale).toFixed(1));
  return h("svg.spark", { class: direction, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    h("polyline", { points: levels.map((level, index) => `${(index * step).toFixed(1)},${level}`).join(" ") }),
    h("circle", { cx: WIDTH - 2, cy: levels.at(-1), r: 2 }));
}
