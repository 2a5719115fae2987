/** Taking every open order off the books: how many they are is counted first, and how many they were told afterwards. */
import { h } from "../draw/dom.js";
import { counted } from "../draw/format.js";
import { openDialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { countOf } from "../parts/money.js";

/**
 * @param {{
 *   count: () => number, api: import("../api/api.js").Api,
 *   cancelled: (words: string) => void,
 * }} what `count`: the open orders that are known now
 */
export function openCancelling({ count, api, cancelled }) {
  const form = createForm({
    id: "cancel-all",
    values: { count: "" },
    check: ({ count: typed }) => ({ count: countOf(typed) === count() ? undefined : `Type ${count()} to confirm.` }),
    send: async () => {
      const { cancelled_count: gone, complete } = await api("POST /orders/cancel-all");
      close();
      cancelled(`${counted(gone, "order")} cancelled.${complete ? "" : " Those of halted markets stay until they go on."}`);
    },
  });

  const close = openDialog("Cancel all orders", () => {
    const orders = counted(count(), "order");
    return [
      h("p", `${orders} in all markets would be taken off the books. What they have set aside is yours to spend again.`),
      form.view({ send: `Cancel ${orders}`, sending: "Cancelling", kind: "danger", why: count() === 0 ? "There are none left" : undefined },
        form.field({ name: "count", label: "How many orders is that?", inputmode: "numeric", autocomplete: "off" })),
    ];
  });
}
