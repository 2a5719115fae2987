/** What stands between the reader and a trade: why, until when, and what it means for orders that wait. */
import { h } from "../draw/dom.js";
import { cents, timeLeft, when } from "../draw/format.js";
import { reasonOf } from "./reasons.js";

/** @typedef {[title: string, kind: string, ...text: import("../draw/dom.js").Drawing[]]} Saying */

/** Nothing while all is as usual. @param {Saying | null} saying */
export function banner(saying) {
  const [title, kind, ...text] = saying ?? [];
  return h("div.market-says", { key: "banner", role: "status" },
    title && h("div.banner", { key: title, class: kind }, h("strong", title), h("p", text.map((part) => part && [part, " "]))));
}

const PAID = "All open orders were cancelled; the payout is in your cash.";
const SUSPENDED = "No new orders are taken. Yours stay where they are, and you can cancel them.";

/** @param {any} market as the newest word of the feed has it @param {any[]} activity @param {number} now @returns {Saying | null} */
export function stateOf(market, activity, now) {
  const { status, trading_mode: mode, pause_until: pause, trading_start_at: start, trading_end_at: end } = market;
  const newest = (/** @type {string} */ word) => activity.find((one) => one.new === word);
  const why = reasonOf(newest(status)?.reason);
  switch (status) {
    case "DRAFT":
      return ["Draft", "", "Only administrators see this market. It takes no orders before it is activated."];
    case "SUSPENDED":
      if (pause !== null) {
        const left = timeLeft(Date.parse(pause), now);
        return ["Paused", "warn", "The price moved far in a short time.",
          ["Trading goes on by itself at ", when(pause, "clock"), left === "ended" ? "." : `, in ${left}.`], SUSPENDED];
      }
      return end !== null && Date.parse(end) <= now
        ? ["Trading has ended", "warn", "The answer is awaited. Orders that still wait will not trade; you can cancel them, and the answer does."]
        : ["Suspended", "warn", why, SUSPENDED];
    case "HALTED":
      return ["Halted", "wrong", why,
        "Nothing moves: no orders are taken, and those that wait cannot be cancelled. What they set aside stays so until the market was checked."];
    case "RESOLVED":
      return [`Resolved: ${answer(market)}`, "",
        "Trading is over. All open orders were cancelled, and what they had set aside is yours again. The payout follows."];
    case "SETTLED":
      return [`Resolved: ${answer(market)}`, "", paid(market), PAID];
    case "VOIDED": {
      // Called off on the way to its payout, of which nothing more is told.
      const { reason } = newest("RESOLVED") ?? {};
      return ["Called off", "", reason !== "RESOLUTION" && reasonOf(reason), paid(market), PAID];
    }
  }
  if (start !== null && Date.parse(start) > now) return ["Not open yet", "", ["Trading begins ", when(start), "."]];
  if (mode === "NORMAL") return null;
  const turn = newest(mode);
  const [title, meaning] = mode === "POST_ONLY"
    ? ["Only orders that wait", "Orders that would trade at once are refused."]
    : ["Only cancelling", "No new orders are taken. You can cancel yours."];
  return [title, "warn", reasonOf(turn?.reason), meaning, turn?.until && ["Until ", when(turn.until, "clock"), "."]];
}

/** `YES`, as soon as it has been read. @param {any} market */
export const answer = ({ resolution_result: result }) => (result === "VOID" ? "called off" : result ?? "…");

/** @param {any} market */
function paid({ resolution_result: result, void_price_cents: price }) {
  if (result === "VOID") return price !== null && `Each YES share paid ${cents(price)}, each NO share ${cents(100 - price)}.`;
  return result !== null && `Each ${result} share paid $1.00, each ${result === "YES" ? "NO" : "YES"} share nothing.`;
}
