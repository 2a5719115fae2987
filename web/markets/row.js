/** One market in the list. It knows no network: it is drawn from what it is given. */
import { h } from "../draw/dom.js";
import { brief, cents, chance, meaning, signed, timeLeft } from "../draw/format.js";
import { endOf, LIVING, moveOf } from "./selection.js";

/** What a status or a mode means to somebody who wants to trade; nothing where all is as ever. */
const WORDS = new Map([
  ["SUSPENDED", "Suspended"], ["HALTED", "Halted"], ["RESOLVED", "Decided"], ["SETTLED", "Paid out"], ["VOIDED", "Called off"],
  ["POST_ONLY", "New quotes only"], ["CANCEL_ONLY", "Cancels only"],
]);

/** @type {[string, string][]} the columns, and what their cells are called */
export const COLUMNS = [
  ["question", "Question"], ["chance", "Chance"], ["move", "Last 24 h"], ["quotes", "Bid / ask"], ["volume", "24 h volume"], ["left", "Time left"],
];

/**
 * @param {import("./catalogue.js").Market} market
 * @param {import("../feeds/tickers.js").Ticker | undefined} ticker
 * @param {number[] | undefined} past prices of the last day
 * @param {string} left
 */
export function row(market, ticker, past, left) {
  const now = ticker ?? market;
  const spot = now.spot_half_cents;
  // Where nobody ever quoted or traded the exchange says the middle, which says nothing.
  const isKnown = now.best_bid_cents !== null || now.best_ask_cents !== null || now.last_trade_price_cents !== null;
  const price = isKnown && spot !== null ? spot / 2 : null;
  const move = moveOf(ticker);
  const direction = move === null || move === 0 ? "muted" : move > 0 ? "yes" : "no";
  const word = WORDS.get(now.status) ?? WORDS.get(now.trading_mode);
  const end = endOf(market);
  return h("li", { key: market.id, class: "market" },
    h("div", { class: "question" },
      h("a", { href: `/markets/${encodeURIComponent(market.id)}` }, market.title),
      h("p", { class: "tags" },
        market.category && h("span", null, market.category),
        word && h("span", { class: LIVING.includes(now.status) ? "badge warn" : "badge" }, word))),
    cell("chance", h("strong", null, chance(price)), h("span", { class: "bar", style: { "--share": `${price ?? 0}%` } })),
    cell("move",
      past && move !== null && price !== null ? spark([ticker?.open_24h_cents ?? price, ...past, price], direction) : h("span", { class: "spark" }),
      h("span", { class: `by ${direction}` }, move === null ? "–" : `${signed(move)}¢`)),
    cell("quotes", `${cents(now.best_bid_cents)} / ${cents(now.best_ask_cents)}`),
    cell("volume", brief(now.volume_24h), h("span", { class: "unit" }, " traded")),
    cell("left", Number.isFinite(end) ? meaning(end, left) : left));
}

/** A number with its name, which those hear who do not see the column. @param {string} column @param {...any} inside */
function cell(column, ...inside) {
  return h("span", { class: column }, h("span", { class: "unseen" }, `${COLUMNS.find(([name]) => name === column)?.[1]}: `), inside);
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
  const span = Math.max(high - low, SPAN_MIN);
  const middle = (low + high) / 2;
  const points = prices.map((price, index) => {
    const x = (index / (prices.length - 1)) * (WIDTH - 2);
    const y = HEIGHT / 2 - ((price - middle) / span) * (HEIGHT - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return h("svg", { class: `spark ${direction}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    h("polyline", { points: points.join(" ") }),
    h("circle", { cx: WIDTH - 2, cy: points.at(-1)?.split(",")[1], r: 2 }));
}
