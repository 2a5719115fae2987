/** Paying for an order: what is missing of each part, how long there is time, and the way to pay it. */
import { h } from "../draw/dom.js";
import { dollars, meaning, shares, timeLeft } from "../draw/format.js";
import { card } from "../parts/card.js";
import { createForm } from "../parts/form.js";
import { centsOf, countOf } from "../parts/money.js";

/** @param {string} asset @param {number} amount */
const amountOf = (asset, amount) => (asset === "CASH" ? dollars(amount) : `${shares(amount)} ${asset}`);
/** @param {string} asset @param {string} text */
const read = (asset, text) => (asset === "CASH" ? centsOf(text) : countOf(text));

/** @param {{act: import("../api/api.js").Api, order: () => any, done: (order: any, words: string) => void}} what */
export function createPayment({ act, order, done }) {
  const form = createForm({
    id: "pay", values: { amount: "" },
    check: ({ amount }) => ({ amount: amount === "" || read(leg().asset, amount) ? undefined : "An amount like 250; nothing typed is all that is missing." }),
    send: async ({ amount }) => {
      const { asset, outstanding } = leg();
      const given = amount === "" ? outstanding : Number(read(asset, amount));
      const answer = await act("POST /market-making/orders/{order_id}/payments", { order_id: order().order_id, asset, amount: given });
      form.set({ amount: "" });
      done(answer.order, `Paid ${amountOf(asset, given)}.`);
    },
    fieldOf: { 7106: "amount", 2001: "amount", 5001: "amount" },
  });

  /** The first part that is not complete: they are paid one after the other. */
  const leg = () => order().legs.find((/** @type {any} */ one) => one.outstanding > 0);

  return {
    view() {
      const { legs, allowed_commands: allowed, payment_deadline: deadline } = order();
      if (!allowed.includes("pay")) return null;
      const { asset, outstanding } = leg();
      return card("Payment",
        h("ul.legs", legs.filter((/** @type {any} */ one) => one.required > 0).map((/** @type {any} */ one) =>
          h("li", { key: one.asset }, `${amountOf(one.asset, one.received)} of ${amountOf(one.asset, one.required)}`,
            h("progress", { max: String(one.required), value: one.received, "aria-label": `Received of ${one.asset}` })))),
        h("p.hint", meaning(deadline, `Time left: ${timeLeft(Date.parse(deadline), Date.now())}. If it is not complete by then, what was paid comes back.`)),
        form.view({ send: form.values.amount === "" ? `Pay ${amountOf(asset, outstanding)}` : "Pay", sending: "Paying" },
          form.field({ name: "amount", label: asset === "CASH" ? "Dollars" : `${asset} shares`, inputmode: "decimal", placeholder: "All that is missing" })));
    },
  };
}
