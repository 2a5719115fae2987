/**
 * What a ticket says, and what comes of it: the order it means, what that would do now, and why it cannot be sent. It
 * decides nothing that the exchange decides: what may have changed by then is told, and left to it.
 */
import { cents, dollars, shares, timeLeft } from "../draw/format.js";
import { centsOf, momentOf } from "../parts/money.js";
import { estimate, range, sharesAt, sharesNow, waiting } from "./estimate.js";

/**
 * @typedef {import("./estimate.js").Side} Side
 * @typedef {import("./estimate.js").Wish} Wish
 * @typedef {{
 *   direction: import("./estimate.js").Direction, side: Side, isMarket: boolean, price: string, amount: string,
 *   inDollars: boolean, cap: string, timeInForce: string, until: string, postOnly: boolean,
 * }} Draft as typed
 * @typedef {{
 *   market: any, own: import("../feeds/own.js").Own, isSomebody: boolean, isLive: boolean, now: number,
 *   book: import("../feeds/book.js").Book, mine: any[],
 * }} Scene `mine`: own open orders, with the shares ahead of each
 */

/** @type {Draft} */
export const EMPTY = {
  direction: "BUY", side: "YES", isMarket: false, price: "", amount: "", inDollars: false, cap: "", timeInForce: "GTC", until: "", postOnly: false,
};

/** @param {Draft} draft @param {Scene} scene */
export function consider(draft, scene) {
  const { market, book, mine } = scene;
  const { direction, side, isMarket } = draft;
  const [low, high] = market ? Object.values(range(market, side)) : [1, 99];
  const timeInForce = isMarket ? "IOC" : draft.timeInForce;
  const price = !isMarket ? Number(draft.price) : direction === "BUY" ? high : low;
  const typed = draft.inDollars ? (centsOf(draft.amount) ?? 0) : Number(draft.amount);
  const isCapped = isMarket && direction === "BUY";
  /** @type {Wish} */
  const wish = {
    side, direction, price, timeInForce, cap: null, stopsAtOwn: isMarket,
    postOnly: timeInForce.startsWith("G") && (draft.postOnly || market?.trading_mode === "POST_ONLY"), quantity: typed,
  };
  let said = null;
  if (market && price >= low && price <= high && typed > 0) {
    if (draft.inDollars) wish.quantity = isMarket ? sharesNow(book, side, direction, typed) : sharesAt(direction, price, market, typed);
    // The exchange judges all that is asked for, though the cap leaves less of it.
    if (draft.inDollars && isCapped) wish.quantity = Math.min(wish.quantity, market.max_order_quantity, roomFor(side, scene));
    said = estimate(book, wish, market, mine);
    if (isCapped) {
      wish.cap = draft.inDollars ? typed : draft.cap ? (centsOf(draft.cap) ?? 0) : said.value + said.mostFee;
      said = estimate(book, wish, market, mine);
    }
  }
  return {
    wish, said,
    reason: (market && whyClosed(market, scene.now)) ?? whyNotYet(draft, wish, scene) ?? whyNot(wish, said, scene),
    request: {
      market_id: market?.id, side, direction, quantity: wish.quantity, time_in_force: timeInForce, post_only: wish.postOnly && draft.postOnly, max_cost_cents: wish.cap,
      // A sale has no cap: it is sold at no less than what is on screen.
      price_cents: isMarket && !isCapped ? said?.worst : price,
      expires_at: timeInForce === "GTD" ? momentOf(draft.until) : null,
      self_trade_mode: isMarket ? "CANCEL_TAKER" : "REJECT",
    },
  };
}

/** Why nobody can place an order there now. @param {any} market @param {number} now */
function whyClosed({ status, trading_mode: mode, pause_until: pause, trading_start_at: start, trading_end_at: end }, now) {
  if (status === "SUSPENDED") return pause ? `Paused for ${timeLeft(Date.parse(pause), now)}` : "Trading is suspended";
  if (status === "HALTED") return "The market is halted";
  if (status !== "ACTIVE" || (end && Date.parse(end) <= now)) return "Trading is over";
  if (start && Date.parse(start) > now) return `Trading begins in ${timeLeft(Date.parse(start), now)}`;
  return mode === "CANCEL_ONLY" ? "Only cancelling is possible now" : null;
}

/** What is not filled in, or not so that it could be. @param {Draft} draft @param {Wish} wish @param {Scene} scene */
function whyNotYet(draft, { side, direction, price, quantity, timeInForce }, { market, book, isLive, isSomebody, own, now }) {
  if (!market || !book.whole || (isSomebody && !own.whole)) return "Loading";
  const { low, high } = range(market, side);
  if (!draft.isMarket && draft.price === "") return "Enter a price";
  if (!(Number.isInteger(price) && price >= low && price <= high)) return `The price must be ${low} to ${high}¢`;
  if (draft.amount === "") return draft.inDollars ? "Enter an amount" : "Enter how many shares";
  if (draft.isMarket && !isLive) return "The order book is not live";
  if (draft.isMarket && !waiting(book, side, direction).length) return "Nobody waits in the book";
  if (!Number.isInteger(quantity) || quantity < 1) return "Shares are whole, and one at least";
  if (quantity > market.max_order_quantity) return `At most ${shares(market.max_order_quantity)} shares an order`;
  if (timeInForce === "GTD" && !(Date.parse(draft.until) > now)) return "Enter until when, in the future";
  return market.trading_mode === "POST_ONLY" && !timeInForce.startsWith("G") ? "Only orders that can wait are taken now" : null;
}

/** What the exchange would refuse for certain. @param {Wish} wish @param {import("./estimate.js").Estimate | null} said @param {Scene} scene */
function whyNot({ side, direction, price, quantity, cap, timeInForce, stopsAtOwn }, said, scene) {
  const { market, own, isSomebody } = scene;
  if (Math.min(price * quantity, cap ?? Infinity) > market.max_order_amount_cents) return `At most ${dollars(market.max_order_amount_cents)} an order`;
  if (stopsAtOwn && !said?.filled) return "Nothing would trade now";
  if (!isSomebody) return null;
  const { available_balance_cents: cash } = own.cash;
  const { available } = own.position[side.toLowerCase()];
  if (direction === "SELL" && quantity > available) return `You have ${available ? shares(available) : "no"} ${side} to sell`;
  if (direction === "BUY" && quantity > roomFor(side, scene)) return `You may hold at most ${shares(market.max_position_per_user)} ${side} here`;
  if (direction === "BUY" && said && said.backing > cash) return `You have ${dollars(cash)}; this needs ${dollars(said.backing)}`;
  return timeInForce.startsWith("G") && own.orders.length >= market.max_open_orders ? "You have as many open orders here as is allowed" : null;
}

/** How many shares of a side one may still buy: those held and those wished for already count. @param {Side} side @param {Scene} scene */
function roomFor(side, { market, own }) {
  if (!own.whole) return Infinity;
  const wished = own.orders.filter((order) => order.original_direction === "BUY" && order.original_side === side);
  return wished.reduce((room, order) => room - order.remaining_quantity, market.max_position_per_user - own.position[side.toLowerCase()].volume);
}

/** What the exchange would answer by the book on screen. @param {import("./estimate.js").Estimate["refusal"]} refusal @param {number} quantity */
export function warning(refusal, quantity) {
  if (!refusal) return null;
  const { kind, at } = refusal;
  if (kind === "own") return `Would be refused: an order of yours waits at ${cents(at)}. Cancel that first.`;
  if (kind === "takes") return `Would be refused: it may only wait, and would trade at once at ${cents(at)}.`;
  return `Would be refused: ${shares(at)} of ${shares(quantity)} could fill now.`;
}
