/**
 * What an order would do if it were sent now, by the book on screen: the exchange's own arithmetic, in whole cents.
 *
 * The book on screen has shares at a price and not the orders that they are of. What fills and what it is worth follow
 * from that; the fee is rounded up once for each order that is met, so of it the estimate knows the least, as if each
 * price were one order, and the most.
 */

/**
 * @typedef {"YES" | "NO"} Side
 * @typedef {"BUY" | "SELL"} Direction
 * @typedef {{
 *   side: Side, direction: Direction, price: number, quantity: number,
 *   timeInForce: "GTC" | "GTD" | "IOC" | "FOK", postOnly: boolean, cap: number | null, stopsAtOwn: boolean,
 * }} Wish `cap`: the most that it may cost, fees included; `stopsAtOwn`: an own order ends it, else it is refused whole
 * @typedef {{maker_fee_bps: number, taker_fee_bps: number, min_price_cents: number, max_price_cents: number}} Terms
 * @typedef {{bids: ArrayLike<number>, asks: ArrayLike<number>}} Levels shares by the price of YES
 * @typedef {{book_direction: Direction, book_price_cents: number, ahead: number}} Own an open order of one's own
 * @typedef {ReturnType<typeof estimate>} Estimate
 */

/** @param {number} value @param {number} bps */
export const fee = (value, bps) => Math.floor((value * bps + 9999) / 10000);

/** What a buy sets aside: its cost, and the largest fee that could be due. @param {Terms} terms @param {number} price @param {number} quantity */
export function needed(terms, price, quantity) {
  const value = price * quantity;
  return value + fee(value, Math.max(terms.maker_fee_bps, terms.taker_fee_bps));
}

/** A bid in the book, or an ask? @param {Side} side @param {Direction} direction */
const bids = (side, direction) => (side === "YES") === (direction === "BUY");

/** What waits on the other side, best first, at prices of the wish's own side. @param {Levels} book @param {Side} side @param {Direction} direction */
export function waiting(book, side, direction) {
  const isBid = bids(side, direction);
  const levels = [];
  for (let step = 1; step <= 99; step += 1) {
    const yes = isBid ? step : 100 - step;
    const quantity = (isBid ? book.asks : book.bids)[yes];
    if (quantity > 0) levels.push({ price: side === "YES" ? yes : 100 - yes, quantity });
  }
  return levels;
}

/** Between which prices a side is traded. @param {Terms} terms @param {Side} side */
export function range({ min_price_cents: low, max_price_cents: high }, side) {
  return side === "YES" ? { low, high } : { low: Math.max(low, 100 - high), high: Math.min(high, 100 - low) };
}

/** The price at which a wish takes whatever is there. @param {Terms} terms @param {Side} side @param {Direction} direction */
export function furthest(terms, side, direction) {
  const { low, high } = range(terms, side);
  return direction === "BUY" ? high : low;
}

/** @param {Levels} book @param {Wish} wish @param {Terms} terms @param {Own[]} own */
export function estimate(book, wish, terms, own) {
  const { side, direction, price, quantity, timeInForce, cap } = wish;
  const buys = direction === "BUY";
  const rests = timeInForce === "GTC" || timeInForce === "GTD";
  const beyond = (/** @type {number} */ at) => (buys ? at > price : at < price);
  const met = own.map(({ book_price_cents: yes, ...one }) => ({ ...one, price: side === "YES" ? yes : 100 - yes }))
    .filter((one) => (one.book_direction === "BUY") !== bids(side, direction) && !beyond(one.price));
  let [filled, value, leastFee, mostFee] = [0, 0, 0, 0];
  let stopped = false;
  let [best, worst] = [/** @type {number | null} */ (null), /** @type {number | null} */ (null)];
  for (const level of waiting(book, side, direction)) {
    const left = quantity - filled;
    if (left === 0 || beyond(level.price)) break;
    best ??= level.price;
    const ahead = met.filter((one) => one.price === level.price).map((one) => one.ahead);
    const wanted = Math.min(left, level.quantity, ...ahead);
    const taken = cap === null ? wanted : affordable(terms, price, level.price, left, wanted, cap - value - leastFee);
    if (taken > 0) {
      const worth = level.price * taken;
      const room = buys ? needed(terms, price, left) - needed(terms, price, left - taken) - worth : Infinity;
      leastFee += Math.min(fee(worth, terms.taker_fee_bps), room);
      mostFee += Math.min(fee(level.price, terms.taker_fee_bps) * taken, room);
      value += worth;
      filled += taken;
      worst = level.price;
    }
    stopped = ahead.length > 0 && taken === wanted && taken < left;
    if (stopped || taken < wanted) break;
  }
  const refusal = refused(wish, filled, best, met);
  if (refusal !== null) [filled, value, leastFee, mostFee] = [0, 0, 0, 0];
  if (cap !== null) mostFee = Math.min(mostFee, cap - value);
  const rest = rests && refusal === null && !stopped ? quantity - filled : 0;
  const restFee = buys ? needed(terms, price, rest) - price * rest : fee(price, terms.maker_fee_bps) * rest;
  return {
    refusal, filled, rest, value, leastFee, mostFee, worst,
    average: filled === 0 ? null : value / filled,
    /** With what rests, were all of it to fill at its own price. */
    whole: { quantity: filled + rest, value: value + price * rest, mostFee: mostFee + restFee },
    /** What must be there for it to be accepted: cents of a buy, shares of a sell. */
    backing: !buys ? quantity : cap === null ? needed(terms, price, quantity) : value + leastFee,
    /** What of that is still set aside when the answer comes. */
    kept: buys ? needed(terms, price, rest) : rest,
  };
}

/**
 * Why the exchange would take none of it, the first reason first.
 * @param {Wish} wish @param {number} filled @param {number | null} best @param {{price: number}[]} met
 */
function refused({ timeInForce, postOnly, quantity, stopsAtOwn }, filled, best, met) {
  if (met.length > 0 && !stopsAtOwn) return { kind: "own", price: met[0].price };
  if (postOnly && best !== null) return { kind: "takes", price: best };
  if (timeInForce === "FOK" && filled < quantity) return { kind: "unfillable", fillable: filled };
  return null;
}

/**
 * As many of the wanted shares as so many cents pay, at one price and with all fees; found by halving, as the cost
 * grows with each share.
 * @param {Terms} terms @param {number} limit @param {number} price @param {number} left @param {number} wanted @param {number} cents
 */
function affordable(terms, limit, price, left, wanted, cents) {
  /** @param {number} quantity */
  const cost = (quantity) => Math.min(
    price * quantity + fee(price * quantity, terms.taker_fee_bps),
    needed(terms, limit, left) - needed(terms, limit, left - quantity));
  if (cost(wanted) <= cents) return wanted;
  let [enough, tooMany] = [0, wanted];
  while (tooMany - enough > 1) {
    const middle = Math.floor((enough + tooMany) / 2);
    if (cost(middle) <= cents) enough = middle;
    else tooMany = middle;
  }
  return enough;
}

/**
 * Pairs of YES and NO that turn into cash at once, a dollar each, when so many shares of a side were bought.
 * @param {Direction} direction @param {number} filled @param {number} opposite free shares of the other side
 */
export const pairsOf = (direction, filled, opposite) => (direction === "BUY" ? Math.min(filled, opposite) : 0);

/**
 * How many shares so many cents stand for: at a price, or by what waits in the book.
 * @param {Levels} book @param {Pick<Wish, "side" | "direction" | "price">} wish @param {Terms} terms
 * @param {number} cents @param {boolean} isMarket
 */
export function sharesFor(book, { side, direction, price }, terms, cents, isMarket) {
  if (!isMarket) {
    if (direction === "SELL") return Math.floor(cents / price);
    let quantity = Math.floor(cents / (price * (1 + Math.max(terms.maker_fee_bps, terms.taker_fee_bps) / 10000))) + 1;
    while (quantity > 0 && needed(terms, price, quantity) > cents) quantity -= 1;
    return quantity;
  }
  const levels = waiting(book, side, direction);
  // A buy is bounded by its cap: it asks for as many as that could ever pay at the best price, and gets what it pays.
  if (direction === "BUY") return levels.length ? Math.floor(cents / levels[0].price) : 0;
  let [quantity, left] = [0, cents];
  for (const level of levels) {
    const taken = Math.min(level.quantity, Math.floor(left / level.price));
    quantity += taken;
    left -= taken * level.price;
    if (taken < level.quantity) break;
  }
  return quantity;
}
