/** Taking part in a campaign with an order that is there already: which campaign, which order, and what they ask of each other. */
import { h } from "../draw/dom.js";
import { dollars, meaning, timeLeft } from "../draw/format.js";
import { openDialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { asksFor, namesOf } from "./part.js";
import { stateOf } from "./states.js";

/**
 * @param {{
 *   act: import("../api/api.js").Api, campaigns: any[], orders: any[], titleOf: (marketId: string) => string,
 *   joined: (order: any, words: string) => void,
 * }} what the campaigns and the orders that can be chosen, one at least of each
 */
export function openJoining({ act, campaigns, orders, titleOf, joined }) {
  const form = createForm({
    id: "join", values: { campaign_id: campaigns[0].campaign_id, order_id: orders[0].order_id },
    send: async (values) => {
      const { order } = await act("POST /market-making/orders/{order_id}/join-campaign", values);
      close();
      joined(order, `It takes part in ${chosen().name}.`);
    },
  });
  const chosen = () => campaigns.find(({ campaign_id: id }) => id === form.values.campaign_id);

  const close = openDialog("Join a campaign", () => {
    const campaign = chosen();
    return [
      h("p", titleOf(campaign.market_id)),
      form.view({ send: "Join", sending: "Joining" },
        form.field({ name: "campaign_id", label: "Campaign", options: namesOf(campaigns) }),
        form.field({ name: "order_id", label: "With the order", options: Object.fromEntries(orders.map(({ order_id: id, equity_cents: equity, state }) =>
          [id, `${dollars(equity)}, ${stateOf(state).name.toLowerCase()}`])) }),
        h("p.hint", `It asks for: ${asksFor(campaign).toLowerCase()}. `, meaning(campaign.ends_at, `It counts for ${timeLeft(Date.parse(campaign.ends_at), Date.now())} more.`),
          " An order takes part in one campaign in its life.")),
    ];
  });
}
