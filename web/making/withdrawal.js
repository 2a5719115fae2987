/** Taking out what an order holds: part of it, or all. */
import { h } from "../draw/dom.js";
import { dollars, shares } from "../draw/format.js";
import { openDialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { centsOf, countOf } from "../parts/money.js";

/** @param {{act: import("../api/api.js").Api, order: () => any, done: (order: any, words: string) => void}} what */
export function openWithdrawal({ act, order, done }) {
  const form = createForm({
    id: "withdrawal", values: { all: true, amount: "", yes: "", no: "", merge: false },
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

  const close = openDialog("Withdraw", () => {
    const { escrow, state } = order();
    return [
      h("p.hint", `Free in its escrow: ${dollars(escrow.cash_cents)}, ${shares(escrow.yes_free)} YES, ${shares(escrow.no_free)} NO.`,
        state === "running" && " It is paused first, which cancels its quotes.",
        state !== "stopped" && form.values.all && " With everything taken out, the order is over."),
      form.view({ send: "Withdraw", sending: "Sending" },
        form.tick({ name: "all", label: "Everything" }),
        !form.values.all && [
          form.field({ name: "amount", label: "Dollars", inputmode: "decimal" }),
          h("div.pair", form.field({ name: "yes", label: "YES shares" }), form.field({ name: "no", label: "NO shares" })),
        ],
        form.tick({ name: "merge", label: "Turn pairs of YES and NO into a dollar each first" })),
    ];
  });
}
