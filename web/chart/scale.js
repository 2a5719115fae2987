/** From prices and moments to places on the screen, and which of them are worth a line of their own. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY),
];
const PRICE_STEPS = [1, 2, 5, 10, 20, 25];
/** The least that is shown between top and bottom, in cents: a move of one cent should not look like a landslide. */
const LEAST_CENTS = 10;
const PRICES_SHOWN = 5;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY_OF_MONTH = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/**
 * @typedef {{
 *   x: (at: number) => number, y: (price: number) => number, width: number, height: number,
 *   lowest: number, highest: number,
 * }} Scale
 *
 * @param {number[]} prices all that must be seen, one at least
 * @param {{from: number, to: number}} period
 * @param {{width: number, height: number}} room
 * @returns {Scale}
 */
export function scaleFor(prices, { from, to }, { width, height }) {
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const room = Math.max((LEAST_CENTS - (high - low)) / 2, (high - low) / 10, 1);
  const lowest = Math.max(0, low - room);
  const highest = Math.min(100, high + room);
  return {
    x: (at) => round(((at - from) / (to - from)) * width),
    y: (price) => round(height - ((price - lowest) / (highest - lowest)) * height),
    width, height, lowest, highest,
  };
}

/** Tenths of a point are enough, and short. @param {number} place */
const round = (place) => Math.round(place * 10) / 10;

/** @param {Scale} scale @returns {number[]} */
export function priceTicks({ lowest, highest }) {
  const step = PRICE_STEPS.find((one) => (highest - lowest) / one <= PRICES_SHOWN) ?? 25;
  const ticks = [];
  for (let price = Math.ceil(lowest / step) * step; price <= highest; price += step) ticks.push(price);
  return ticks;
}

/**
 * Round moments of the reader's zone.
 * @param {{from: number, to: number}} period @param {number} most @returns {{at: number, name: string}[]}
 */
export function timeTicks({ from, to }, most) {
  const step = STEPS.find((one) => (to - from) / one <= most) ?? 365 * DAY;
  const ahead = -new Date(to).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let local = Math.ceil((from + ahead) / step) * step; local <= to + ahead; local += step) {
    const at = local - ahead;
    ticks.push({ at, name: (step < DAY && local % DAY !== 0 ? CLOCK : DAY_OF_MONTH).format(at) });
  }
  return ticks;
}
