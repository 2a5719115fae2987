/**
 * A market's past in intervals, as the exchange sums it up. The running interval changes with every trade: it is read
 * again, with whatever else was not final, and nothing is ever added up here.
 */
import { createStore } from "../store/store.js";
import { seldom } from "./seldom.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Twelve questions a minute, of the sixty that an address has. */
const REST_MS = 5_000;
/** So many make a picture of everything; more would be narrower than a point on the screen. */
const INTERVALS_OF_ALL = 750;
/** A market whose age nobody knows yet, in days: as many as the exchange tells at once. */
const OLDEST_DAYS = 1_499;

/** @type {[string, number][]} */
const INTERVALS = [["1m", MINUTE], ["5m", 5 * MINUTE], ["1h", HOUR], ["1d", DAY]];
const [MINUTES, FIVES, HOURS, DAYS] = INTERVALS;

/** What one can look back on: its name, how long it is, and the interval that suits it. */
export const RANGES = [
  { name: "1h", title: "1 h", span: HOUR, interval: MINUTES },
  { name: "6h", title: "6 h", span: 6 * HOUR, interval: MINUTES },
  { name: "1d", title: "1 d", span: DAY, interval: FIVES },
  { name: "1w", title: "1 w", span: 7 * DAY, interval: HOURS },
  { name: "all", title: "All", span: Infinity, interval: DAYS },
];

/**
 * Prices of YES in cents, null where nothing was traded or nobody quoted.
 * @typedef {{
 *   at: number, open: number | null, high: number | null, low: number | null, close: number | null,
 *   bid: number | null, ask: number | null, volume: number, trades: number, isFinal: boolean,
 * }} Candle
 * @typedef {{items: Candle[], length: number, from: number, to: number}} Past one candle after the other, `length`
 *   milliseconds each, in the period from `from` to `to`
 *
 * @param {string} marketId
 * @param {import("../api/api.js").Api} api
 * @param {() => {created_at: string, resolved_at: string | null} | null} market null as long as it is being read
 */
export function followCandles(marketId, api, market) {
  const candles = createStore({ range: "1d", shown: "", past: /** @type {Past | null} */ (null), problem: "" });
  let reading = seldom(read, REST_MS);
  const turning = setInterval(() => reading.ask(), MINUTE);

  async function read() {
    const about = market();
    if (about === null) return;
    const { range, shown, past } = candles.state;
    const { interval: [interval, length], from, to } = period(range, about);
    const had = shown === range && past?.length === length ? settled(past.items, from) : [];
    const start = (had.at(-1)?.at ?? from - length) + length;
    if (start >= to) return;
    let answer;
    try {
      answer = await api("GET /markets/{market_id}/candles", {
        market_id: marketId, interval, start: new Date(start).toISOString(),
        end: about.resolved_at === null ? null : new Date(to).toISOString(),
      });
    } catch (error) {
      candles.set({ problem: /** @type {Error} */ (error).message });
      throw error;
    }
    // Somebody who chose again meanwhile gets what was chosen last.
    if (candles.state.range !== range) return;
    const items = [...had, ...answer.items.map(ofAnswer)];
    const end = (items.at(-1)?.at ?? to - length) + length;
    const first = range === "all" ? items[0]?.at ?? from : Math.min(from, end - length);
    candles.set({ problem: "", shown: range, past: { items, length, from: first, to: end } });
  }

  return {
    store: candles,
    /** Something happened: what is not final is read again. */
    refresh: () => reading.ask(),
    /** @param {string} range the name of one of `RANGES` */
    choose(range) {
      candles.set({ range });
      reading.stop();
      reading = seldom(read, REST_MS);
      reading.ask();
    },
    close() {
      clearInterval(turning);
      reading.stop();
    },
  };
}

/** A market that was answered has no present: its last hour ends with the answer. @param {string} range @param {any} about */
function period(range, { created_at: created, resolved_at: resolved }) {
  const chosen = RANGES.find(({ name }) => name === range) ?? RANGES[0];
  const to = resolved === null ? Date.now() : Date.parse(resolved) + 1;
  const span = Math.min(chosen.span, to - Date.parse(created), OLDEST_DAYS * DAY);
  const interval = range === "all"
    ? INTERVALS.find(([, length]) => span / length <= INTERVALS_OF_ALL) ?? DAYS
    : chosen.interval;
  const from = to - (range === "all" ? span : chosen.span);
  return { interval, from: from - (from % interval[1]), to };
}

/** Those that never change again, up to the first that may. @param {Candle[]} items @param {number} from */
function settled(items, from) {
  const open = items.find(({ isFinal }) => !isFinal)?.at ?? Infinity;
  return items.filter(({ at }) => at >= from && at < open);
}

/** @param {any} item @returns {Candle} */
function ofAnswer(item) {
  return {
    at: Date.parse(item.start), open: item.open_cents, high: item.high_cents, low: item.low_cents, close: item.close_cents,
    bid: item.bid_close_cents, ask: item.ask_close_cents, volume: item.volume, trades: item.trades, isFinal: item.is_final,
  };
}
