/** Another price, another quantity of an order that waits: one step, in which it stays the same order. */
import { h } from "../draw/dom.js";
import { shares } from "../draw/format.js";
import { openDialog } from "../parts/dialog.js";
import { createForm } from "../parts/form.js";
import { countOf } from "../parts/money.js";
import { wish } from "./open_orders.js";

/** Which field a refusal is about: 4001, 4007 and 4011 the price, 4002, 4013 and 5001 the quantity; 2001 is the cash of both. */
const FIELD_OF = {
  4001: "price_cents", 4007: "price_cents", 4011: "price_cents", 4002: "quantity", 4013: "quantity", 5001: "quantity", 2001: "quantity",
};

/**
 * @param {{
 *   order: any, title: string,
 *   amend: (changes: {price_cents: number, quantity: number}) => Promise<void>,
 * }} what
 */
export function openAmending({ order, title, amend }) {
  const { quantity, filled_quantity: filled, original_price_cents: price } = order;
  const form = createForm({
    id: "amend",
    values: { price_cents: String(price), quantity: String(quantity) },
    check: ({ price_cents, quantity }) => ({
      price_cents: (countOf(price_cents) ?? 100) > 99 ? "A whole number of cents from 1 to 99." : undefined,
      quantity: (countOf(quantity) ?? 0) <= filled ? `A whole number above the ${shares(filled)} that are filled.` : undefined,
    }),
    send: async ({ price_cents, quantity }) => {
      await amend({ price_cents: Number(countOf(price_cents)), quantity: Number(countOf(quantity)) });
      close();
    },
    fieldOf: FIELD_OF,
  });

  /** What becomes of the place in the queue. */
  function consequence() {
    const next = countOf(form.values.quantity);
    const samePrice = countOf(form.values.price_cents) === price;
    if (samePrice && next === quantity) return "Nothing would change.";
    if (samePrice && next !== null && next < quantity) return "It keeps its place in the queue.";
    return "It goes to the end of the queue at its price, or trades at once if somebody meets it.";
  }

  const close = openDialog("Amend order", () => [
    h("p", `${wish(order)} · ${title}`),
    form.view({ send: "Amend", sending: "Sending" },
      h("div.pair",
        form.field({ name: "price_cents", label: "Price in cents", inputmode: "numeric" }),
        form.field({ name: "quantity", label: "Shares in all", inputmode: "numeric", hint: filled > 0 ? `${shares(filled)} of them are filled.` : undefined })),
      h("p.hint", consequence())),
  ]);
}
