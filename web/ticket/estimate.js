/**
 * What an order would do if it were sent now, by the book on screen: the exchange's own arithmetic, in whole cents.
 *
 * The book has shares at a price and not the orders that they are of. A fee is rounded up for each order that is met, so
 * of it one knows the least, as if each price were one order, and the most. All else follows from the shares.
 */

/**
 * @typedef {"YES" | "NO"} Side
 * @typedef {"BUY" | "SELL"} Direction
 * @typedef {{
 *   side: Side, direction: Direction, price: number, quantity: number, timeInForce: string, postOnly: boolean,
 *   cap: number | null, stopsAtOwn: boolean,
 * }} Wish `cap`: the most it may cost, with fees; `stopsAtOwn`: an own order ends it, else it is refused whole
 * @typedef {{maker_fee_bps: number, taker_fee_bps: number, min_price_cents: number, max_price_cents: number}} Terms
 * @typedef {{bids: ArrayLike<number>, asks: ArrayLike<number>}} Levels shares by the price of YES
 * @typedef {{book_direction: Direction, book_price_cents: number, ahead: number}} Own an open order of one's own
 * @typedef {ReturnType<typeof estimate>} Estimate
 */

/** @param {number} value @param {number} bps */
const fee = (value, bps) => Math.floor((value * bps + 9999) / 10000);

/** @param {Terms} terms */
const largestBps = (terms) => Math.max(terms.maker_fee_bps, terms.taker_fee_bps);

/** What a buy sets aside: its cost, and the largest fee that could be due. @param {Terms} terms @param {number} price @param {number} quantity */
export const needed = (terms, price, quantity) => price * quantity + fee(price * quantity, largestBps(terms));

/** @param {Side} side @param {Direction} direction */
const isBid = (side, direction) => (side === "YES") === (direction === "BUY");

/** What waits on the other side, best first, at prices of the wish's side. @param {Levels} book @param {Side} side @param {Direction} direction */
export function waiting(book, side, direction) {
  const levels = [];
  for (let step = 1; step <= 99; step += 1) {
    const yes = isBid(side, direction) ? step : 100 - step;
    const quantity = book[isBid(side, direction) ? "asks" : "bids"][yes];
    if (quantity > 0) levels.push({ price: side === "YES" ? yes : 100 - yes, quantity });
  }
  return levels;
}

/** Between which prices a side is traded. @param {Terms} terms @param {Side} side */
export const range = ({ min_price_cents: low, max_price_cents: high }, side) =>
  side === "YES" ? { low, high } : { low: Math.max(low, 100 - high), high: Math.min(high, 100 - low) };

/** @param {Levels} book @param {Wish} wish @param {Terms} terms @param {Own[]} own */
export function estimate(book, wish, terms, own) {
  const { side, direction, price, quantity, cap } = wish;
  const buys = direction === "BUY";
  const beyond = (/** @type {number} */ at) => (buys ? at > price : at < price);
  const met = own.map((one) => ({ ...one, price: side === "YES" ? one.book_price_cents : 100 - one.book_price_cents }))
    .filter((one) => (one.book_direction === "BUY") !== isBid(side, direction) && !beyond(one.price));
  let [filled, value, leastFee, mostFee, best, worst, stopped] = [0, 0, 0, 0, 0, 0, false];
  for (const level of waiting(book, side, direction)) {
    const left = quantity - filled;
    if (left === 0 || beyond(level.price)) break;
    best ||= level.price;
    const ahead = met.filter((one) => one.price === level.price).map((one) => one.ahead);
    const wanted = Math.min(left, level.quantity, ...ahead);
    /** @param {number} taken */
    const freed = (taken) => (buys ? needed(terms, price, left) - needed(terms, price, left - taken) : Infinity);
    /** @param {number} taken */
    const cost = (taken) => Math.min(level.price * taken + fee(level.price * taken, terms.taker_fee_bps), freed(taken));
    const taken = cap === null ? wanted : most(wanted, (some) => cost(some) <= cap - value - leastFee);
    if (taken > 0) {
      const room = freed(taken) - level.price * taken;
      leastFee += Math.min(fee(level.price * taken, terms.taker_fee_bps), room);
      mostFee += Math.min(fee(level.price, terms.taker_fee_bps) * taken, room);
      value += level.price * taken;
      filled += taken;
      worst = level.price;
    }
    stopped = ahead.length > 0 && taken === wanted && taken < left;
    if (stopped || taken < wanted) break;
  }
  const refusal = refused(wish, filled, best, met);
  if (refusal) [filled, value, leastFee, mostFee] = [0, 0, 0, 0];
  if (cap !== null) mostFee = Math.min(mostFee, cap - value);
  const rest = "GTC GTD".includes(wish.timeInForce) && !refusal && !stopped ? quantity - filled : 0;
  const restFee = buys ? needed(terms, price, rest) - price * rest : fee(price, terms.maker_fee_bps) * rest;
  return {
    refusal, filled, rest, value, leastFee, mostFee, worst,
    /** With what rests, were all of it to fill at its own price. */
    whole: { quantity: filled + rest, value: value + price * rest, mostFee: mostFee + restFee },
    /** What must be there for it to be accepted: cents of a buy, shares of a sell. */
    backing: !buys ? quantity : cap === null ? needed(terms, price, quantity) : value + leastFee,
    /** What of that stays set aside. */
    kept: buys ? needed(terms, price, rest) : rest,
  };
}

/** Why the exchange would take none of it. @param {Wish} wish @param {number} filled @param {number} best @param {{price: number}[]} met */
function refused({ timeInForce, postOnly, quantity, stopsAtOwn }, filled, best, met) {
  if (met.length && !stopsAtOwn) return { kind: "own", at: met[0].price };
  if (postOnly && best) return { kind: "takes", at: best };
  return timeInForce === "FOK" && filled < quantity ? { kind: "unfillable", at: filled } : null;
}

/** The most of the wanted that fits, where less of it always fits better. @param {number} wanted @param {(some: number) => boolean} fits */
function most(wanted, fits) {
  if (fits(wanted)) return wanted;
  let [enough, tooMany] = [0, wanted];
  while (tooMany - enough > 1) {
    const middle = Math.floor((enough + tooMany) / 2);
    if (fits(middle)) enough = middle;
    else tooMany = middle;
  }
  return enough;
}

/** Pairs of YES and NO that turn into cash at once, a dollar each. @param {Direction} direction @param {number} filled @param {number} opposite free shares of the other side */
export const pairsOf = (direction, filled, opposite) => (direction === "BUY" ? Math.min(filled, opposite) : 0);

/** How many shares so many cents stand for, at a price. @param {Direction} direction @param {number} price @param {Terms} terms @param {number} cents */
export const sharesAt = (direction, price, terms, cents) =>
  direction === "SELL" ? Math.floor(cents / price) : most(Math.floor(cents / price), (some) => needed(terms, price, some) <= cents);

/** The same by what waits in the book; a buy's cap leaves it less. @param {Levels} book @param {Side} side @param {Direction} direction @param {number} cents */
export function sharesNow(book, side, direction, cents) {
  const levels = waiting(book, side, direction);
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
