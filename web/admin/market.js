/** One market as an administrator sees it: how it stands, what can be done to it, and what was. */
import { h } from "../draw/dom.js";
import { cents, counted, dollars, inWords, shares, when } from "../draw/format.js";
import { seldom } from "../feeds/seldom.js";
import { reasonOf } from "../market/reasons.js";
import { rules } from "../market/rules.js";
import { card } from "../parts/card.js";
import { facts } from "../parts/facts.js";
import { openAct } from "./act.js";
import { actsOf } from "./acts.js";
import { badge, createReading, forAdministrators, frame, proposed } from "./frame.js";

const REST_MS = 1_000;

export const open = forAdministrators((page) => {
  const { api, mine, names } = page;
  const of = { market_id: names.id };
  /** @type {string | null} */
  let voidPrice = null;
  const now = createReading(async (signal) => {
    const here = (/** @type {any} */ one) => one.market_id === names.id;
    const [market, end, activity, makers, proposals] = await Promise.all([
      api("GET /admin/markets/{market_id}", of, signal),
      api("GET /admin/markets/{market_id}/foreseen-end", { ...of, void_price_cents: voidPrice }, signal),
      api("GET /markets/{market_id}/activity", { ...of, limit: 10 }, signal),
      api("GET /amm/markets", {}, signal),
      api("GET /admin/proposals", {}, signal),
    ]);
    return { market, end, activity: activity.items, maker: makers.items.find(here), waiting: proposals.items.filter(here) };
  });
  /** It costs two of the few acts that an administrator has in a minute, so it is read by whoever asks for it. @type {any} */
  let past = null;
  const reading = seldom(async () => void (await Promise.all([now.again(), past?.again()])), REST_MS);
  const deaf = mine.hear((topic, event) => {
    if (topic === "everything" || event?.market_id === names.id) reading.ask();
  });

  /** Looks at what would come of it now. @param {import("./act.js").Values} values */
  function look({ void_price_cents: price }) {
    voidPrice = price || null;
    return now.again();
  }

  /** @param {string} name @param {import("./act.js").Act} act @param {any[]} waiting */
  function begin(name, act, waiting) {
    // The second administrator has to ask for what the first one asked for, to the letter.
    const asked = waiting.find(({ action }) => action === act.grave)?.request;
    const values = Object.entries(act.values ?? {}).map(([key, usual]) => [key, asked?.[key] ?? usual]);
    look({});
    openAct(page, name, { ...act, values: Object.fromEntries(values) }, names.id, look);
  }

  function lookBack() {
    past ??= createReading(async (signal) => {
      const [stats, breakers] = await Promise.all([
        api("GET /admin/markets/{market_id}/stats", of, signal),
        api("GET /admin/markets/{market_id}/circuit-breakers", of, signal),
      ]);
      return { stats, breakers: breakers.items };
    });
  }

  /** @param {import("./acts.js").Seen & {waiting: any[], activity: any[]}} seen */
  function drawn({ market, end, maker, waiting, activity }) {
    const groups = Object.entries(actsOf(() => /** @type {any} */ (now.data), api));
    return [
      h("p.tags", badge(market.status), market.trading_mode !== "NORMAL" && badge(market.trading_mode), h("code", market.id),
        market.status !== "DRAFT" && h("a", { href: `/markets/${encodeURIComponent(market.id)}` }, "As traders see it")),
      waiting.map((one) => proposed(one, "")),
      h("div.columns.stacked",
        card("What can be done",
          groups.length === 0 && h("p.hint", "Nothing any more: it is over and paid."),
          groups.map(([group, acts]) => h("div.group", { key: group, role: "group", "aria-label": group }, h("h3", group),
            acts.map(({ name, act, why }) => h("button", { key: name, disabled: why !== undefined, on: { click: () => begin(name, act, waiting) } }, name)),
            h("p.hint", acts.find(({ why }) => why)?.why)))),
        card("How it stands", facts("sums", {
          "Bid / ask": `${cents(market.best_bid_cents)} / ${cents(market.best_ask_cents)}`,
          "Average price of late": cents(end.reference.reference_price_cents),
          "Orders in the book": `${shares(end.orders_count)}, ${end.unfrozen_display} set aside`,
          "Shares": `${shares(market.total_yes_shares)} YES, ${shares(market.total_no_shares)} NO`,
          "Reserve": market.reserve_balance_display,
          "Mode until": market.mode_until !== null && when(market.mode_until),
          "Paused until": market.pause_until !== null && when(market.pause_until),
          "Market maker": maker ? [`${inWords(maker.status)}, ${dollars(maker.initial_budget_cents)}, since `, when(maker.started_at)] : market.amm_authorized ? "Allowed" : "Not allowed",
        })),
        card("Terms", rules(market)),
        card("What happened",
          events(activity, (one) => [one.journal_id, one.at, `${inWords(one.previous)} → ${inWords(one.new)}`, reasonOf(one.reason)]),
          h("h2", "Trades and halts"),
          past === null ? h("button", { on: { click: lookBack } }, "Show them") : past.view(pastDrawn))),
    ];
  }

  return {
    title: () => now.data?.market.title ?? names.id,
    view: () => frame("/admin", now.data?.market.title ?? names.id, now.view(drawn)),
    close() {
      deaf();
      reading.stop();
      now.close();
      past?.close();
    },
  };
});

/** @param {{stats: any, breakers: any[]}} past */
const pastDrawn = ({ stats, breakers }) => [
  facts("sums", {
    "Trades": `${shares(stats.total_trades_count)}, ${shares(stats.total_volume)} shares`,
    "By": counted(stats.unique_traders, "account"),
    "Fees": dollars(stats.total_fees_collected_cents),
    "Circuit breakers": breakers.length === 0 && "None tripped",
  }),
  events(breakers, (one) => [one.id, one.triggered_at, inWords(one.trigger_reason),
    one.resolved_at ? ["Until ", when(one.resolved_at), ` by ${one.resolved_by}: ${one.resolution_note}`] : "Stands"]),
];

/** @param {any[]} items @param {(item: any) => [number, string, string, import("../draw/dom.js").Drawing]} parts */
const events = (items, parts) =>
  h("ol.events", items.map(parts).map(([key, at, what, more]) => h("li", { key }, when(at), h("span", what), h("span.muted", more))));
