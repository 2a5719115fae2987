/** What stands between the reader and a trade: why, until when, and what it means for orders that wait. */
import { h } from "../draw/dom.js";
import { cents, timeLeft, when } from "../draw/format.js";
import { reasonOf } from "./reasons.js";

/**
 * Nothing while all is as usual.
 * @param {{market: any, status: string | undefined, mode: string | undefined, pause: string | null, activity: any[], now: number}} what
 *   `market` as it was read last; `status`, `mode` and `pause` as the newest word of the feed has them
 */
export function banner({ market, status, mode, pause, activity, now }) {
  const said = market === null ? null : saying({ market, status, mode, pause, activity, now });
  return h("div", { key: "banner", role: "status", class: "market-says" },
    said && h("div", { key: said.title, class: `banner ${said.kind}` },
      h("strong", null, said.title), h("p", null, said.text.map((part) => [part, " "]))));
}

/** @param {Parameters<typeof banner>[0]} what @returns {{title: string, kind: string, text: import("../draw/dom.js").Drawing[]} | null} */
function saying({ market, status, mode, pause, activity, now }) {
  const change = activity.find((one) => one.kind === "STATUS" && one.new === status);
  const because = change ? reasonOf(change.reason) : null;
  switch (status) {
    case "DRAFT":
      return { title: "Draft", kind: "", text: ["Only administrators see this market. It takes no orders before it is activated."] };
    case "SUSPENDED":
      return suspended(market, pause, because, now);
    case "HALTED":
      return {
        title: "Halted", kind: "wrong",
        text: [because, "Nothing moves: no orders are taken, and those that wait cannot be cancelled. What they set aside stays set aside until the market has been checked."],
      };
    case "RESOLVED":
      return {
        title: `Resolved${answer(market)}`, kind: "",
        text: ["Trading is over. All open orders were cancelled, and what they had set aside is yours to use again. The payout follows."],
      };
    case "SETTLED":
      return { title: `Resolved${answer(market)}`, kind: "", text: [paid(market), "All open orders were cancelled; the payout is in your cash."] };
    case "VOIDED":
      return { title: "Called off", kind: "", text: [because, paid(market), "All open orders were cancelled; the payout is in your cash."] };
    default:
      return inMode(market, mode, activity, now);
  }
}

/** @param {any} market @param {string | null} pause @param {import("../draw/dom.js").Drawing} because @param {number} now */
function suspended(market, pause, because, now) {
  const orders = "No new orders are taken. Yours stay where they are, and you can cancel them.";
  if (pause !== null) {
    const left = timeLeft(Date.parse(pause), now);
    return {
      title: "Paused", kind: "warn",
      text: ["The price moved far in a short time.", h("span", null, "Trading goes on by itself at ", when(pause, "clock"), left === "ended" ? "." : `, in ${left}.`), orders],
    };
  }
  if (market.trading_end_at !== null && Date.parse(market.trading_end_at) <= now) {
    return {
      title: "Trading has ended", kind: "warn",
      text: ["The answer is awaited. Orders that still wait will not trade; you can cancel them, and they are cancelled when the answer is there."],
    };
  }
  return { title: "Suspended", kind: "warn", text: [because, orders] };
}

/** @param {any} market @param {string | undefined} mode @param {any[]} activity @param {number} now */
function inMode(market, mode, activity, now) {
  if (market.trading_start_at !== null && Date.parse(market.trading_start_at) > now) {
    return { title: "Not open yet", kind: "", text: [h("span", null, "Trading begins ", when(market.trading_start_at), ".")] };
  }
  const change = activity.find((one) => one.kind === "MODE" && one.new === mode);
  const until = change?.until && h("span", null, "Until ", when(change.until, "clock"), ".");
  const because = change ? reasonOf(change.reason) : null;
  if (mode === "POST_ONLY") {
    return { title: "Only orders that wait", kind: "warn", text: [because, "Orders that would trade at once are refused.", until] };
  }
  if (mode === "CANCEL_ONLY") {
    return { title: "Only cancelling", kind: "warn", text: [because, "No new orders are taken. You can cancel yours.", until] };
  }
  return null;
}

/** `: YES`, as soon as it has been read. @param {any} market */
export function answer({ resolution_result: result }) {
  return result === null ? "" : `: ${result === "VOID" ? "called off" : result}`;
}

/** @param {any} market */
function paid({ resolution_result: result, void_price_cents: price }) {
  if (result === "VOID") return price !== null && `Each YES share paid ${cents(price)}, each NO share ${cents(100 - price)}.`;
  return result !== null && `Each ${result} share paid $1.00, each ${result === "YES" ? "NO" : "YES"} share nothing.`;
}
