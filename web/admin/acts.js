/** What an administrator can do to a market as it stands, and what each of it would bring, in numbers. */
import { h } from "../draw/dom.js";
import { cents, counted, dollars, inWords, shares } from "../draw/format.js";
import { facts } from "../parts/facts.js";
import { centsOf, momentOf } from "../parts/money.js";

/**
 * @typedef {import("./act.js").Act} Act
 * @typedef {{market: any, end: any, maker: any}} Seen a market, what its end would bring now, and the market maker's run
 */

const UNDECIDED = ["ACTIVE", "SUSPENDED", "HALTED"];
/** What orders meet in each trading mode. @type {Record<string, string>} */
const MODES = {
  NORMAL: "Trading is as ever.", POST_ONLY: "Whoever would trade at once is refused.", CANCEL_ONLY: "Every new order is refused, and nothing trades.",
};
const PRICE = /^[1-9]\d?$/;

/**
 * @param {() => Seen} seen as it was read last
 * @param {import("../api/api.js").Api} api
 * @returns {Record<string, {name: string, act: Act, why?: string}[]>} by what they are about; `why` one cannot be done now
 */
export function actsOf(seen, api) {
  const { market: { id, status, trading_mode: mode, resolution_result: answer, amm_authorized: allowed }, end, maker } = seen();
  const of = { market_id: id };
  const isRunning = maker?.status === "RUNNING";
  const orders = () => `${counted(seen().end.orders_count, "order")} with ${seen().end.unfrozen_display} set aside`;
  const why = end.has_conflict ? "You hold shares here: another administrator has to do it." : undefined;
  const asked = `${id}: asked for. It happens once a second administrator asks for the very same.`;

  /** @param {string} request */
  const changed = (request) => async (/** @type {any} */ values) => {
    const now = await api(request, { ...of, ...values });
    return `${id}: ${inWords(now.status)}, ${inWords(now.trading_mode).toLowerCase()}.`;
  };
  /** @param {string} request */
  const ended = (request) => async (/** @type {any} */ values) => {
    const { proposal, settlement: paid } = await api(request, { ...of, ...values });
    if (proposal) return asked;
    return paid ? `${id}: ${paid.total_payout_display} paid to ${counted(paid.winners_count, "account")}.` : `${id} is resolved, and nothing paid yet.`;
  };
  /** @param {import("./act.js").Form} form @param {string} [name] @param {string} [label] */
  const said = (form, name = "reason", label = "Reason") => form.field({ name, label, hint: "It may become public.", maxlength: "500" });
  /** @param {string} text */
  const priceProblem = (text) => (PRICE.test(text) ? undefined : "A whole number, 1 to 99.");

  /** @param {string} result */
  function bringing(result) {
    const { results, of_one_moment: still, needs_second: second, ...end } = seen().end;
    const it = results.find((/** @type {any} */ one) => one.resolution_result === result);
    return it && [
      facts("sums", {
        "Orders cancelled": shares(end.orders_count),
        "Cash they give back": end.unfrozen_display,
        "Cash for whole pairs": end.netted_cents > 0 && end.netted_display,
        "A share pays": result === "VOID" && `YES ${cents(it.void_price_cents)}, NO ${cents(100 - it.void_price_cents)}`,
        "Paid": `${it.total_payout_display} to ${counted(it.winners_count, "account")}`,
        "Gained in sum": `+${it.gained_display}`,
        "Lost in sum": `${it.lost_cents > 0 ? "−" : ""}${it.lost_display}`,
      }),
      h("p.hint", "It cannot be taken back.",
        (seen().market.status === "ACTIVE" || !still) && " People still trade, so the sums move: suspend the market first to have them exact.",
        second && " A second administrator has to ask for the very same."),
    ];
  }

  /** @type {[string, string, string[], Act, string?][]} group, name, in which states, what it does, why not */
  const all = [
    ["Trading", "Activate", ["DRAFT"], {
      tells: () => "Everybody sees the question, and orders are taken. Its terms stay as they are.",
      send: changed("POST /admin/markets/{market_id}/activate"),
    }],
    ["Trading", "Suspend", ["ACTIVE"], {
      danger: true, values: { reason: "" }, fields: said,
      tells: () => `No new orders are taken. ${orders()} stay in the book; their owners can cancel them.`,
      send: changed("POST /admin/markets/{market_id}/suspend"),
    }],
    ["Trading", "Halt", ["ACTIVE", "SUSPENDED"], {
      danger: true, values: { reason: "" }, fields: said,
      check: ({ reason }) => ({ reason: reason ? undefined : "A halt needs a reason." }),
      tells: () => `Nothing moves any more. ${orders()} stay where they are, and nobody can cancel them.`,
      send: changed("POST /admin/markets/{market_id}/halt"),
    }],
    ["Trading", "Resume", ["SUSPENDED", "HALTED"], {
      values: { target_status: "ACTIVE", resolution_note: "" },
      fields: (form) => [
        status === "HALTED" && form.field({ name: "target_status", label: "Go on", options: { "ACTIVE": "Trading", "SUSPENDED": "Suspended" } }),
        said(form, "resolution_note", "Note"),
      ],
      check: ({ resolution_note: note }) => ({ resolution_note: status === "HALTED" && !note ? "What was found, after a halt?" : undefined }),
      tells: () => `${orders()} stand in the book as before.`,
      send: changed("POST /admin/markets/{market_id}/resume"),
    }],
    ["Trading", "Set the mode", ["DRAFT", ...UNDECIDED], {
      danger: true, values: { mode, until: "", reason: "" },
      fields: (form) => [
        form.field({ name: "mode", label: "Orders that are taken", options: { "NORMAL": "All", "POST_ONLY": "Only those that wait", "CANCEL_ONLY": "None, only cancels" } }),
        form.values.mode !== "NORMAL" && form.field({ name: "until", label: "Until", kind: "datetime-local", hint: "Empty: until told otherwise." }),
        said(form),
      ],
      tells: ({ mode }) => `${orders()} stay in the book. ${MODES[mode]}`,
      send: ({ until, ...values }) => changed("POST /admin/markets/{market_id}/mode")({ ...values, until: values.mode === "NORMAL" ? null : momentOf(until) }),
    }],
    ["The answer", "Resolve", UNDECIDED, {
      grave: "RESOLVE", danger: true, values: { resolution_result: "", settle: true },
      fields: (form) => [
        form.field({ name: "resolution_result", label: "The answer", options: { "": "Choose", "YES": "YES", "NO": "NO" } }),
        form.tick({ name: "settle", label: "Pay out at once, not by a later act" }),
      ],
      check: ({ resolution_result: result }) => ({ "": result ? undefined : "Choose the answer." }),
      tells: ({ resolution_result: result }) => bringing(result),
      send: ended("POST /admin/markets/{market_id}/resolve"),
    }, why],
    ["The answer", "Void", UNDECIDED, {
      grave: "VOID", danger: true, values: { void_price_cents: "", reason: "" },
      fields: (form) => [
        form.field({ name: "void_price_cents", label: "A YES share pays, in cents", inputmode: "numeric",
          hint: seen().end.needs_void_price ? "Hardly anybody quoted here, so name a price." : `Empty: the average of late, ${cents(seen().end.reference.reference_price_cents)} now.` }),
        said(form),
      ],
      check: ({ void_price_cents: price }) => ({ void_price_cents: price || seen().end.needs_void_price ? priceProblem(price ?? "") : undefined }),
      tells: () => bringing("VOID"),
      send: ({ void_price_cents: price, ...values }) => ended("POST /admin/markets/{market_id}/void")({ ...values, void_price_cents: price && Number(price) }),
    }, why],
    ["The answer", "Settle", ["RESOLVED"], {
      grave: "SETTLE", danger: true, tells: () => bringing(answer), send: ended("POST /admin/markets/{market_id}/settle"),
    }, why],
    ["Market maker", "Start it", isRunning ? [] : ["ACTIVE"], {
      grave: "AMM_START", danger: true, values: { budget: "1,000", initial_price_cents: "50" },
      fields: (form) => [
        form.field({ name: "budget", label: "Budget, in dollars", inputmode: "decimal" }),
        form.field({ name: "initial_price_cents", label: "Opening price of YES, in cents", inputmode: "numeric" }),
      ],
      check: ({ budget, initial_price_cents: price }) => ({ budget: centsOf(budget) ? undefined : "An amount in dollars.", initial_price_cents: priceProblem(price) }),
      tells: ({ budget }) => `${dollars(centsOf(budget) ?? 0)} are paid in for it. Half becomes ${counted(Math.floor((centsOf(budget) ?? 0) / 200), "pair")} of YES and NO, half stays cash.`,
      async send({ budget, initial_price_cents: price }) {
        const { proposal } = await api("POST /admin/amm/start", { ...of, initial_budget_cents: centsOf(budget), initial_price_cents: Number(price) });
        return proposal ? asked : `The market maker is started in ${id}.`;
      },
    }, allowed ? undefined : "It is not allowed here."],
    ["Market maker", "Stop it", isRunning ? [status] : [], {
      danger: true, values: { stop_mode: "GRACEFUL" },
      fields: (form) => form.field({ name: "stop_mode", label: "Its cycle", options: { "GRACEFUL": "It may end it", "IMMEDIATE": "It breaks off" } }),
      tells: () => `${counted(seen().market.amm_orders_count, "order")} of its own are cancelled. It keeps its shares and its cash.`,
      async send(values) {
        const { cancelled_orders_count: count } = await api("POST /admin/amm/stop", { ...of, ...values });
        return `The market maker is stopped in ${id}, ${counted(count, "order")} cancelled.`;
      },
    }],
    ["Market maker", allowed ? "Forbid it" : "Allow it", ["DRAFT", ...UNDECIDED], {
      tells: () => (allowed ? "It makes no more pairs here, and cannot be started. Its orders stay." : "It can be started here."),
      send: () => changed("POST /admin/markets/{market_id}/amm-authorization")({ authorized: !allowed }),
    }],
  ];
  /** @type {ReturnType<typeof actsOf>} */
  const groups = {};
  for (const [group, name, states, act, why] of all) if (states.includes(status)) (groups[group] ??= []).push({ name, act, why });
  return groups;
}
