/** The ticket: what to trade, what that would do now, and what became of it. It knows no network. */
import { h } from "../draw/dom.js";
import { cents, chance, dollars, gain, shares } from "../draw/format.js";
import { average, became, ownPrice } from "../orders/words.js";
import { choices } from "../parts/choices.js";
import { facts } from "../parts/facts.js";
import { field, tick } from "../parts/field.js";
import { words } from "../parts/words.js";
import { warning } from "./draft.js";
import { pairsOf, waiting } from "./estimate.js";

/** Beside which field a refusal belongs that names none. @type {Record<number, string>} */
const FIELDS = { 4001: "price", 4007: "price", 4011: "price", 2001: "amount", 4002: "amount", 4008: "amount", 5001: "amount", 4009: "until" };
const MEMBERS = { price: "price_cents", amount: "quantity", cap: "max_cost_cents", until: "expires_at" };
const KINDS = { GTC: "Until cancelled (GTC)", GTD: "Until a time (GTD)", IOC: "What fills now (IOC)", FOK: "All now or nothing (FOK)" };

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {ReturnType<typeof import("./draft.js").consider>} Considered
 * @typedef {import("../orders/sending.js").Sent} Sent
 * @param {{
 *   draft: Draft, scene: import("./draft.js").Scene, considered: Considered, sent: Sent, signIn: string,
 *   change: (changes: Partial<Draft>) => void, send: () => void, again: () => void, clear: () => void,
 * }} what `signIn`: the address where one signs in and comes back from
 */
export function ticket({ draft, scene, considered, sent, signIn, change, send, again, clear }) {
  const { direction, side, isMarket, inDollars, timeInForce } = draft;
  const { own, isSomebody, now } = scene;
  const error = sent.phase === "refused" ? sent.error : null;
  const isBusy = sent.phase === "sending" || sent.phase === "asking";
  const wait = Math.ceil((sent.againAt - now) / 1000);
  const reason = isBusy ? "The exchange has not answered yet" : sent.phase === "missing" ? "Send the last order again, or drop it" : wait > 0 ? `Again in ${wait} s` : considered.reason;
  let isBeside = false;

  /** @param {keyof typeof MEMBERS} name @param {string} label @param {Record<string, any>} [more] */
  function input(name, label, more) {
    const problem = error?.problemOf(MEMBERS[name]) ?? (error && FIELDS[error.code] === name ? error.message : undefined);
    isBeside ||= problem !== undefined;
    return field({ kind: "number", min: "1", step: "1", autocomplete: "off", ...more, name, label, value: draft[name], problem,
      change: (value) => change({ [name]: value }) });
  }

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    send();
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.key === "Escape") clear();
    // Not left to the form, which sends nothing while its button is still drawn as it was before the last key.
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) submit(event);
  }

  const sides = /** @type {const} */ (["YES", "NO"]).map((value) =>
    ({ value, text: `${value} ${cents(waiting(scene.book, value, direction)[0]?.price)}`, looks: value.toLowerCase() }));
  return h("form.ticket", { novalidate: true, on: { submit, keydown } },
    choices({ label: "Buy or sell", chosen: direction, choose: (value) => change({ direction: value }), of: [{ value: "BUY", text: "Buy" }, { value: "SELL", text: "Sell" }] }),
    choices({ label: "Side", chosen: side, choose: (value) => change({ side: value }), of: sides }),
    h("div.ticket-kind",
      choices({ label: "Kind of order", chosen: isMarket, choose: (value) => change({ isMarket: value }), of: [{ value: false, text: "Limit" }, { value: true, text: "Market" }] }),
      choices({ label: "Count in", chosen: inDollars, choose: (value) => change({ inDollars: value, amount: "" }), of: [{ value: false, text: "Shares" }, { value: true, text: "$" }] })),
    h("div.pair",
      !isMarket && input("price", "Price, ¢", { max: "99", hint: `A chance of ${draft.price ? chance(Number(draft.price)) : "–"}` }),
      input("amount", inDollars ? "Amount, $" : "Shares", inDollars ? { step: "0.01" } : {}),
      isMarket && direction === "BUY" && !inDollars &&
        input("cap", "Spend at most, $", { step: "0.01", placeholder: considered.wish.cap === null ? "" : (considered.wish.cap / 100).toFixed(2) })),
    !isMarket && [
      field({ name: "kind", label: "How long", options: KINDS, value: timeInForce, change: (timeInForce) => change({ timeInForce }) }),
      timeInForce === "GTD" && input("until", "Until", { kind: "datetime-local", min: undefined, step: undefined }),
      timeInForce.startsWith("G") && tick({ name: "post-only", label: "Post-only: never trade at once", checked: draft.postOnly, change: (postOnly) => change({ postOnly }) }),
    ],
    summary(draft, considered, own),
    h("div.ticket-send",
      isSomebody
        ? h("button.primary", { disabled: reason !== null, "aria-describedby": "ticket-reason" },
          isBusy ? "Sending" : `${direction === "BUY" ? "Buy" : "Sell"} ${considered.said ? `${shares(considered.said.whole.quantity || considered.wish.quantity)} ` : ""}${side}`)
        : h("a.button.primary", { href: signIn }, "Sign in to trade"),
      h("p.hint", { id: "ticket-reason" }, (isSomebody && (reason || (own.cash && `You have ${dollars(own.cash.available_balance_cents)}`))) || "\u00a0")),
    h("div", { key: "became", role: "status" }, outcome(sent, error && !isBeside ? words(error) : null, again, clear)));
}

/** @param {Draft} draft @param {Considered} considered @param {import("../feeds/own.js").Own} own */
function summary({ direction, side, isMarket }, { said, wish }, own) {
  const buys = direction === "BUY";
  const warns = warning(said?.refusal ?? null, wish.quantity);
  const { filled = 0, value = 0, kept = 0, whole: { quantity = 0, value: cost = 0, mostFee = 0 } = {} } = said ?? {};
  const pairs = pairsOf(direction, filled, own.position?.[side === "YES" ? "no" : "yes"].available ?? 0);
  const lines = {
    "Fills now": filled ? `${shares(filled)} of ${shares(isMarket && buys ? filled : wish.quantity)}` : "Nothing",
    "Average price": filled ? average(value, filled) : "–",
    [buys ? "Cost" : "You receive"]: dollars(cost),
    "Fee at most": dollars(mostFee),
    [buys ? "Pays if right" : "After fees at least"]: dollars(buys ? quantity * 100 : cost - mostFee),
    "Stays set aside": buys ? dollars(kept) : `${shares(kept)} ${side}`,
  };
  return [
    facts("sums", Object.fromEntries(Object.entries(lines).map(([name, text]) => [name, said && !warns ? text : "–"]))),
    pairs > 0 && h("p.hint", { key: "pairs" }, `With what you hold, ${shares(pairs)} pairs turn into ${dollars(pairs * 100)} at once.`),
    warns && h("p.problem", { key: "warning" }, warns),
  ];
}

/** @param {Sent} sent @param {string | null} problem what belongs beside no field @param {() => void} again @param {() => void} clear */
function outcome(sent, problem, again, clear) {
  const said = told(sent, problem, again, clear);
  // What just became of the order is seen, wherever the reader had scrolled to.
  const made = (/** @type {HTMLElement} */ element) => requestAnimationFrame(() => element.scrollIntoView({ block: "nearest" }));
  return said && h("div.ticket-became", { key: sent.phase, made }, said);
}

/** @param {Sent} sent @param {string | null} problem @param {() => void} again @param {() => void} clear */
function told({ phase, answer, error, recovered }, problem, again, clear) {
  const wrong = (/** @type {string} */ text) => h("p.problem", text);
  if (problem) return wrong(problem);
  if (phase === "asking") return wrong("No answer came. Asking the exchange what became of the order.");
  if (phase === "missing") {
    return [
      wrong(error?.status === 503 ? "The exchange is busy. Nothing was done; try again." : "The exchange never received this order. Nothing was done."),
      h("p.ticket-again", h("button.primary", { type: "button", on: { click: again } }, "Send the same again"),
        h("button", { type: "button", on: { click: clear } }, "Drop it")),
    ];
  }
  if (phase !== "done") return null;
  const { order, trades, netting_result: netting } = answer;
  return [
    recovered && h("p.hint", "The answer was lost; this is what the exchange has."),
    h("p", became(answer)),
    trades.length > 0 && [
      h("ul", trades.map((/** @type {any} */ trade) =>
        h("li", { key: trade.trade_id }, `${shares(trade.quantity)} at ${cents(ownPrice(order.original_side, trade.price_cents))}, fee ${dollars(trade.fee_cents)}`,
          trade.realized_pnl_cents !== null && `, profit ${gain(trade.realized_pnl_cents)}`))),
      h("p.hint", `Fee in all ${dollars(trades.reduce((/** @type {number} */ sum, /** @type {any} */ trade) => sum + trade.fee_cents, 0))}.`),
    ],
    netting && h("p.hint", `${shares(netting.pairs_netted)} pairs turned into ${dollars(netting.released_cents)}.`),
  ];
}
