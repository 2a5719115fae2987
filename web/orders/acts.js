/**
 * Cancelling and amending one's open orders. Both are safe to repeat, so a request whose answer was lost is
 * sent again until there is one.
 */
import { createStore } from "../store/store.js";
import { words } from "../parts/words.js";
import { openAmending } from "./amending.js";
import { wish } from "./open_orders.js";
import { became } from "./words.js";

const APART_MS = 500;
const LONGEST_APART_MS = 10_000;
const CLOSED = 4006;

/** @param {Pick<import("../main.js").Page, "api" | "notices"> & {changed: () => void, titleOf: (marketId: string) => string}} how `changed`: read the orders anew */
export function createOrderActs({ api, notices, changed, titleOf }) {
  const store = createStore({ leaving: /** @type {Set<string>} */ (new Set()) });
  let over = false;

  /** @param {string} request @param {any} members */
  async function ask(request, members) {
    for (let wait = APART_MS; ; wait = Math.min(wait * 2, LONGEST_APART_MS)) {
      try {
        return await api(request, members);
      } catch (error) {
        if (!(/** @type {any} */ (error).unanswered) || over) throw error;
        if (wait === APART_MS) notices.say("The exchange did not answer. Asking it again.", "wrong");
        await new Promise((go) => setTimeout(go, wait));
      }
    }
  }

  /** @param {any} order */
  async function cancel(order) {
    const { id: order_id } = order;
    store.set({ leaving: new Set([...store.state.leaving, order_id]) });
    try {
      await ask("POST /orders/{order_id}/cancel", { order_id }).catch(async (error) => {
        // What is closed already may be what this cancel did, whose answer was lost.
        const found = error.code === CLOSED && (await ask("GET /orders/{order_id}", { order_id }));
        if (!found || found.order.cancel_reason !== "USER_CANCELLED") throw error;
      });
      notices.say(`Cancelled: ${wish(order)}.`);
    } catch (error) {
      store.set({ leaving: new Set([...store.state.leaving].filter((id) => id !== order_id)) });
      notices.say(`Not cancelled. ${words(/** @type {any} */ (error))}`, "wrong");
    }
    changed();
  }

  return {
    store,
    cancel,
    /** @param {any} order */
    amend(order) {
      openAmending({
        order, title: titleOf(order.market_id),
        async amend(changes) {
          const answer = await ask("POST /orders/{order_id}/amend", { order_id: order.id, ...changes });
          notices.say(answer.trades.length ? became(answer) : `Amended. It ${answer.kept_priority ? "kept its place in" : "went to the end of"} the queue.`);
          changed();
        },
      });
    },
    close() {
      over = true;
    },
  };
}
