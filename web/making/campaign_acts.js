/** What administrators do with campaigns. The money is theirs: each amount is shown before it moves. */
import { h } from "../draw/dom.js";
import { dollars } from "../draw/format.js";
import { confirm } from "../parts/confirm.js";
import { openDialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { centsOf, countOf, momentOf } from "../parts/money.js";

/** @typedef {{act: import("../api/api.js").Api, done: (words: string) => void}} Acting */

/** A button for each thing that can be done with a campaign as it is. @param {Acting & {campaign: any}} what */
export function administered({ campaign, act, done }) {
  const { campaign_id, name, status, reward_pool_cents: pool, participants } = campaign;
  const reward = dollars(pool);
  /** @param {string} word @param {string[]} states @param {string} says @param {string} request @param {string} became */
  const button = (word, states, says, request, became) => states.includes(status) &&
    h("button.quiet", {
      key: word, "aria-label": `${word} ${name}`,
      on: { click: () => confirm({ title: `${word}: ${name}`, act: word, says, send: async () => {
        await act(request, { campaign_id });
        done(became);
      } }) },
    }, word);
  return [
    button("Activate", ["draft"], `${reward} are taken from your cash and kept for it. From then on orders can join; at its end the reward is paid to them.`,
      "POST /admin/campaigns/{campaign_id}/activate", `${name} is open; ${reward} are kept for it.`),
    button("Call off", ["draft", "active"], status === "draft" ? "Nobody has paid for it yet: no money moves."
      : `${reward} go back to whoever paid for it. The orders that take part, ${participants} so far, get nothing for what they did.`,
      "POST /admin/campaigns/{campaign_id}/cancel", `${name} is called off.`),
  ];
}

const AMOUNT = "An amount like 250 or 1,250.50.";

/** @param {Acting & {api: import("../api/api.js").Api}} what */
export async function openNewCampaign({ api, act, done }) {
  const { items: markets } = await api("GET /markets", { status: "ACTIVE", limit: 100 });
  const form = createForm({
    id: "campaign",
    values: { market_id: markets[0]?.id ?? "", name: "", starts_at: "", ends_at: "", reward: "", budget: "", max_half_spread_cents: "5", max_participants: "" },
    check: ({ name, ends_at, reward, budget, max_half_spread_cents: spread, max_participants: most }) => ({
      name: name.trim() ? undefined : "By what do people know it?",
      ends_at: ends_at ? undefined : "When is the reward divided?",
      reward: centsOf(reward) ? undefined : AMOUNT,
      budget: budget === "" || centsOf(budget) ? undefined : AMOUNT,
      max_half_spread_cents: countOf(spread) ? undefined : "A whole number of cents.",
      max_participants: most === "" || countOf(most) ? undefined : "A whole number.",
    }),
    send: async ({ market_id, name, starts_at, ends_at, reward, budget, max_half_spread_cents: spread, max_participants: most }) => {
      await act("POST /admin/campaigns", {
        market_id, name: name.trim(), starts_at: momentOf(starts_at) ?? new Date().toISOString(), ends_at: momentOf(ends_at), reward_pool_cents: centsOf(reward),
        min_cash_cents: centsOf(budget), max_half_spread_cents: countOf(spread), max_participants: countOf(most),
      });
      close();
      done(`${name} is a draft. It costs nothing before you activate it.`);
    },
  });
  const close = openDialog("New campaign", () =>
    form.view({ send: "Make the draft", sending: "Making it" },
      form.field({ name: "name", label: "Name", maxlength: "100", autocomplete: "off" }),
      form.field({ name: "market_id", label: "Market", options: Object.fromEntries(markets.map((/** @type {any} */ { id, title }) => [id, title])) }),
      h("div.pair",
        form.field({ name: "starts_at", label: "From", kind: "datetime-local", hint: "Empty: from now on." }),
        form.field({ name: "ends_at", label: "Until", kind: "datetime-local" }),
        form.field({ name: "reward", label: "Reward, in dollars", inputmode: "decimal" }),
        form.field({ name: "budget", label: "Least budget, in dollars", inputmode: "decimal", hint: "Empty: any." }),
        form.field({ name: "max_half_spread_cents", label: "Quotes within, in cents", inputmode: "numeric" }),
        form.field({ name: "max_participants", label: "Orders at most", inputmode: "numeric", hint: "Empty: no limit." }))));
}
