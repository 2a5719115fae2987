/** Taking out what an order holds: part of it, or all. */
import { h } from "../draw/dom.js";
import { dollars, shares } from "../draw/format.js";
import { dialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { centsOf, countOf } from "../parts/money.js";

/** @param {{act: import("../api/api.js").Api, redraw: () => void, order: () => any, close: () => void, done: (order: any, words: string) => void}} what */
export function createWithdrawal({ act, redraw, order, close, done }) {
  const form = createForm({
    id: "withdrawal", redraw, values: { all: true, amount: "", yes: "", no: "", merge: false },
    check: ({ all, amount, yes, no }) => (all ? {} : {
      amount: amount + yes + no === "" ? "How much?" : amount === "" || centsOf(amount) ? undefined : "An amount like 250 or 1,250.50.",
      yes: yes === "" || countOf(yes) ? undefined : "A whole number.",
      no: no === "" || countOf(no) ? undefined : "A whole number.",
    }),
    send: async ({ all, amount, yes, no, merge }) => {
      const { order_id: id, state } = order();
      const what = all ? { all } : { amount_cents: centsOf(amount) ?? 0, yes_shares: countOf(yes) ?? 0, no_shares: countOf(no) ?? 0 };
      const first = state === "running" ? { pause_first: true } : {};
      const { moved, order: after } = await act("POST /market-making/orders/{order_id}/withdraw", { order_id: id, ...what, ...first, merge_pairs: merge });
      close();
      done(after, `Withdrawn: ${dollars(moved.cash_cents)}, ${shares(moved.yes)} YES, ${shares(moved.no)} NO.`);
    },
    fieldOf: { 7108: "amount" },
  });

  /** @param {"all" | "merge"} name @param {string} label */
  const choice = (name, label) =>
    h("label", { class: "choice", key: name },
      h("input", { type: "checkbox", checked: form.values[name], on: { change: (/** @type {any} */ event) => form.set({ [name]: event.target.checked }) } }), label);

  return {
    close: form.close,
    view() {
      const { escrow, state } = order();
      return dialog({ title: "Withdraw", close },
        h("p", { class: "hint" }, `Free in its escrow: ${dollars(escrow.cash_cents)}, ${shares(escrow.yes_free)} YES, ${shares(escrow.no_free)} NO.`,
          state === "running" && " It is paused first, which cancels its quotes.",
          state !== "stopped" && form.values.all && " With everything taken out, the order is over."),
        form.view({ send: "Withdraw", sending: "Sending" },
          choice("all", "Everything"),
          !form.values.all && [
            form.field({ name: "amount", label: "Dollars", inputmode: "decimal" }),
            h("div", { class: "pair" }, form.field({ name: "yes", label: "YES shares" }), form.field({ name: "no", label: "NO shares" })),
          ],
          choice("merge", "Turn pairs of YES and NO into a dollar each first")));
    },
  };
}
