/** Campaigns: who keeps good quotes in a market shares a reward. What each asks for, and what own orders have earned in it. */
import { h } from "../draw/dom.js";
import { counted, dollars, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { seldom } from "../feeds/seldom.js";
import { createTitles } from "../feeds/titles.js";
import { listing } from "../parts/listing.js";
import { notLive, staleFor } from "../parts/live.js";
import { select } from "../parts/select.js";
import { table, toMarket } from "../parts/table.js";
import { words } from "../parts/words.js";
import { createStore } from "../store/store.js";
import { administered, openNewCampaign } from "./campaign_acts.js";
import { openJoining } from "./joining.js";
import { keyed } from "./keyed.js";
import { asksFor, campaignBadge, CAMPAIGNS, part } from "./part.js";

const REST_MS = 3_000;
/** What others trade tells no event. */
const EVERY_MS = 10_000;

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { Campaign: "title", State: "", Reward: "number", "It asks for": "", Counts: "", "Taking part": "", Mine: "", Change: "last" };

/** @param {import("../main.js").Page} page @returns {import("../main.js").Screen} */
export function open({ api, mine, session, notices }) {
  const isAdministrator = session.store.state.user?.account_type === "ADMIN";
  const act = keyed(api);
  const titles = createTitles(api);
  // A draft is nothing to anybody but who prepares it.
  const { draft, ...told } = CAMPAIGNS;
  const states = isAdministrator ? CAMPAIGNS : told;
  const all = Object.keys(states).join();
  const store = createStore({ status: all, orders: /** @type {any[]} */ ([]) });
  const campaigns = createPages((cursor) => titles.page("GET /campaigns", { status: store.state.status, cursor, limit: 50 }),
    ({ campaign_id: id }) => id, { changes: true });
  const reading = seldom(read, REST_MS, EVERY_MS);
  const deaf = mine.hear((topic) => (topic === "mm_events" || topic === "everything") && reading.ask());
  reading.ask();

  async function read() {
    const [{ items: orders }] = await Promise.all([api("GET /market-making/orders", { limit: 100 }), campaigns.renew()]);
    store.set({ orders });
  }

  /** @param {string} words */
  function done(words) {
    notices.say(words);
    reading.ask();
  }

  /** @param {string} status */
  function choose(status) {
    store.set({ status });
    campaigns.forget();
    reading.ask();
  }

  const prepare = () => openNewCampaign({ api, act, done }).catch((error) => notices.say(words(error), "wrong"));

  /** @param {any} campaign @param {any[]} orders that may */
  const join = (campaign, orders) =>
    openJoining({ act, campaigns: [campaign], orders, titleOf: titles.of, joined: (_, words) => done(words) });

  /** @param {any} campaign @returns {[string, ...import("../draw/dom.js").Drawing[]]} */
  function row(campaign) {
    const { campaign_id: id, name, market_id: market, status, starts_at: starts, ends_at: ends, participants, max_participants: most } = campaign;
    const own = store.state.orders.filter(({ campaign: one }) => one?.id === id);
    const free = store.state.orders.filter((order) => order.market_id === market && order.allowed_commands.includes("join_campaign"));
    const isOpen = status === "active" && Date.parse(ends) > Date.now();
    return [
      id, [h("strong", name), h("p.campaign-of", toMarket(market, titles.of(market)))], campaignBadge(status), dollars(campaign.reward_pool_cents), asksFor(campaign),
      [when(starts), " to ", when(ends)], `${counted(participants, "order")}${most ? ` of ${most}` : ""}`,
      own.length ? own.map((order) => h("p", { key: order.order_id }, h("a", { href: `/making/${order.order_id}` }, part(order.campaign, campaign)))) : "–",
      [
        isOpen && (free.length
          ? h("button.quiet", { "aria-label": `Join ${name}`, on: { click: () => join(campaign, free) } }, "Join")
          : own.length === 0 && h("a", { href: `/making/new?${new URLSearchParams({ market, campaign: id })}` }, "Quote for it")),
        isAdministrator && administered({ campaign, act, done }),
      ],
    ];
  }

  return {
    title: () => "Campaigns",
    close() {
      reading.stop();
      deaf();
    },
    view: () => [
      h("p.hint", h("a", { href: "/making" }, "Market making")),
      h("header.screen-head", h("h1", "Campaigns"), notLive(staleFor([mine.liveness?.state], Date.now())),
        isAdministrator && h("button.primary", { on: { click: prepare } }, "New campaign")),
      h("section.card", { "aria-label": "Campaigns" },
        h("div.list-tools",
          h("p.hint", "A campaign divides its reward among the orders that quote its market closely enough, by what they trade."),
          h("label", "Show ", select({}, { [all]: "All states", ...states }, store.state.status, choose))),
        listing(campaigns, h("p", "There is no campaign", store.state.status === all ? " yet. What one offers is told here." : " in this state."),
          (items) => table("Campaigns", COLUMNS, items.map(row)))),
    ],
  };
}
