/** Paying in and taking out. The money is simulated, and it is said so where somebody might forget. */
import { h } from "../draw/dom.js";
import { dollars } from "../draw/format.js";
import { openDialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { centsOf } from "../parts/money.js";

const NOT_ENOUGH = 2001;
/** What the exchange takes at once. */
const DEPOSIT_MAX_CENTS = 10_000_000;

/**
 * @param {{
 *   kind: "deposit" | "withdraw", available: () => number | null, api: import("../api/api.js").Api,
 *   moved: (words: string) => void,
 * }} what `available`: cents that can be taken out, as far as they are known
 */
export function openCash({ kind, available, api, moved }) {
  const isDeposit = kind === "deposit";
  const form = createForm({
    id: kind,
    values: { amount_cents: isDeposit ? "1,000.00" : "" },
    check: ({ amount_cents: text }) => ({ amount_cents: problemOf(centsOf(text)) }),
    send: async ({ amount_cents: text }) => {
      const members = { amount_cents: centsOf(text) };
      const { available_balance_cents: cash } = isDeposit
        ? await api("POST /account/deposit", members) : await api("POST /account/withdraw", members);
      close();
      moved(`${isDeposit ? "Paid in" : "Taken out"}: ${dollars(Number(members.amount_cents))}. ${dollars(cash)} to spend now.`);
    },
    fieldOf: { [NOT_ENOUGH]: "amount_cents" },
  });

  /** @param {number | null} cents */
  function problemOf(cents) {
    if (!cents) return "An amount like 250 or 1,250.50.";
    return isDeposit && cents > DEPOSIT_MAX_CENTS ? `At most ${dollars(DEPOSIT_MAX_CENTS)} at once.` : undefined;
  }

  function hint() {
    const cash = available();
    if (isDeposit || cash === null) return undefined;
    return `${dollars(cash)} can be taken out; what open orders have set aside cannot.`;
  }

  const close = openDialog(isDeposit ? "Deposit" : "Withdraw", () => [
    h("p.note", "Simulated money: no bank, no card, and nothing that you could lose outside of this exchange."),
    form.view({ send: isDeposit ? "Pay in" : "Take out", sending: "Sending" },
      form.field({ name: "amount_cents", label: "Dollars", inputmode: "decimal", hint: hint() })),
  ]);
}
