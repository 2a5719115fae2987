/** Taking every open order off the books: how many they are is counted first, and how many they were told afterwards. */
import { h } from "../draw/dom.js";
import { shares } from "../draw/format.js";
import { dialog } from "../parts/dialog.js";
import { focusWhenShown } from "../parts/field.js";
import { createForm } from "../parts/form.js";
import { countOf } from "../parts/money.js";

/**
 * @param {{
 *   count: () => number, api: import("../api/api.js").Api, redraw: () => void, close: () => void,
 *   cancelled: (words: string) => void,
 * }} what `count`: the open orders that are known now
 */
export function createCancelling({ count, api, redraw, close, cancelled }) {
  const form = createForm({
    id: "cancel-all", redraw,
    values: { count: "" },
    check: ({ count: typed }) => ({ count: countOf(typed) === count() ? undefined : `Type ${count()} to confirm.` }),
    send: async () => {
      const { cancelled_count: gone, complete } = await api("POST /orders/cancel-all");
      close();
      cancelled(`${orders(gone)} cancelled.${complete ? "" : " Those of halted markets stay until they go on."}`);
    },
  });

  return {
    view: () =>
      dialog({ title: "Cancel all orders", close },
        h("p", null, `${orders(count())} in all markets would be taken off the books. What they have set aside is yours to spend again.`),
        form.view({ send: `Cancel ${orders(count())}`, sending: "Cancelling", kind: "danger", why: count() === 0 ? "There are none left" : undefined },
          form.field({ name: "count", label: "How many orders is that?", inputmode: "numeric", autocomplete: "off", made: focusWhenShown }))),
    close: form.close,
  };
}

/** @param {number} count */
const orders = (count) => `${shares(count)} order${count === 1 ? "" : "s"}`;
