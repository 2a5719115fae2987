/** What a campaign asks for, and what an order has in it. */
import { h } from "../draw/dom.js";
import { cents, dollars } from "../draw/format.js";
import { card } from "../parts/card.js";
import { facts } from "../parts/facts.js";

/** What the states of a campaign are called. @type {Record<string, string>} */
export const CAMPAIGNS = { draft: "Draft", active: "Open", ended: "Ended", settled: "Paid out", cancelled: "Called off" };

/** @param {string} status */
export const campaignBadge = (status) => h("span.badge", { class: status === "active" ? "good" : "" }, CAMPAIGNS[status] ?? status);

/** What an order must be to take part. @param {any} campaign */
export const asksFor = ({ min_cash_cents: cash, max_half_spread_cents: spread }) =>
  `${cash ? `A budget of ${dollars(cash)}, quotes` : "Quotes"} within ${cents(spread)} of the middle`;

/** To choose from, by their ids. @param {any[]} campaigns @returns {Record<string, string>} */
export const namesOf = (campaigns) =>
  Object.fromEntries(campaigns.map(({ campaign_id: id, name, reward_pool_cents: pool }) => [id, `${name}: ${dollars(pool)}`]));

/** What all the own quotes that were met are worth, and which part of the reward that comes to. @param {any} own @param {any} campaign */
export function part({ contribution_cents: brought, reward_cents: reward, status }, { contribution_cents: all, reward_pool_cents: pool }) {
  if (status === "settled") return `Earned ${dollars(reward)}`;
  if (brought === 0) return "Nothing traded yet";
  const share = brought / all;
  return `${dollars(brought)} traded, ${(100 * share).toFixed(1)}% of all: ${dollars(Math.floor(pool * share))} as it stands`;
}

/** @param {any} own the order's part @param {any} campaign null as long as it is being read */
export const partCard = (own, campaign) => own && campaign && card("Campaign", facts("sums", {
  [campaign.name]: campaignBadge(own.status),
  Reward: dollars(campaign.reward_pool_cents),
  Mine: part(own, campaign),
}));
