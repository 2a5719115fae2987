/** How numbers and times read, everywhere the same. Amounts are cents, prices cents of a dollar share. */
import { h } from "./dom.js";

const DOLLARS = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const WHOLE = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `$1,234.56` @param {number} cents */
export const dollars = (cents) => DOLLARS.format(cents / 100);

/** `+$1.20`, `-$0.80`, `$0.00`: a gain is told by its sign, not by its colour alone. @param {number} cents */
export const gain = (cents) => (cents > 0 ? `+${dollars(cents)}` : dollars(cents));

/** Words of a change, with its colour. @param {number} change @param {string} words */
export const coloured = (change, words) => h("span", { class: change > 0 ? "yes" : change < 0 ? "no" : undefined }, words);

/** A gain with its colour. @param {number} cents */
export const profit = (cents) => coloured(cents, gain(cents));

/** `65¢`, `65.5¢`; a dash where there is none. @param {number | null | undefined} price */
export const cents = (price) => (price === null || price === undefined ? "–" : `${price}¢`);

/** The chance that a price of YES means: `65%`. @param {number | null | undefined} price */
export const chance = (price) => (price === null || price === undefined ? "–" : `${Math.round(price)}%`);

/** `+3`, `-2`, `0`, and never `-0` @param {number} change */
export const signed = (change) => (change > 0 ? `+${WHOLE.format(change)}` : WHOLE.format(change || 0));

/** `12,500` @param {number} quantity */
export const shares = (quantity) => WHOLE.format(quantity);

/** `1 market`, `12,500 markets` @param {number} count @param {string} one */
export const counted = (count, one) => `${shares(count)} ${one}${count === 1 ? "" : "s"}`;

/** `POST_ONLY` reads as `Post only`. @param {string} name */
export const inWords = (name) => name[0] + name.slice(1).toLowerCase().replaceAll("_", " ");

/** `12.5K`: where a column is narrow and the exact number stands elsewhere. @param {number} quantity */
export const brief = (quantity) => SHORT.format(quantity);

/** What is left until a moment: `3 d 4 h`, `12 min`, `40 s`, or `ended`. @param {number} until @param {number} now */
export function timeLeft(until, now) {
  const seconds = Math.floor((until - now) / 1000);
  if (seconds <= 0) return "ended";
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days >= 60) return `${Math.round(days / 30.4)} months`;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
/** @type {Intl.DateTimeFormatOptions} */
const TO_THE_MINUTE = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, TO_THE_MINUTE);
const WITH_YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", ...TO_THE_MINUTE });

/** A moment in the reader's zone, for those who hear it. @param {string | number} moment */
export const spokenMoment = (moment) => DAY_AND_CLOCK.format(new Date(moment));

/** A length of time: `5 min`, `24 h`, `90 s`. @param {number} ms */
export function lasting(ms) {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}

/**
 * A moment in the reader's zone, with the exact UTC on hover.
 * @param {string | number} moment @param {"clock" | "day" | "both"} [as]
 */
export function when(moment, as = "both") {
  const date = new Date(moment);
  const both = date.getFullYear() === new Date().getFullYear() ? DAY_AND_CLOCK : WITH_YEAR;
  return meaning(moment, { clock: CLOCK, day: DAY, both }[as].format(date));
}

/** Words that stand for a moment, with the exact UTC on hover. @param {string | number} moment @param {string} words */
export function meaning(moment, words) {
  const exact = typeof moment === "string" ? moment : new Date(moment).toISOString();
  return h("time", { datetime: exact, title: exact.replace("T", " ").replace("Z", " UTC") }, words);
}
