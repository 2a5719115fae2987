/**
 * Sending an order, and the truth about it. Nothing is so until the exchange has said it. An answer that was lost is
 * asked for by the name that the order was given here: it may have been carried out, or never have arrived.
 */
import { createStore } from "../store/store.js";

/** A request without an answer may still be under way: only the second "no such order" counts. */
const LOOKS = 2;
const APART_MS = 500;
const LONGEST_APART_MS = 10_000;

/**
 * `missing`: the exchange does not have it and did nothing; `recovered`: the answer was lost, and asked for.
 * @typedef {{
 *   phase: "idle" | "sending" | "asking" | "missing" | "done" | "refused", recovered: boolean, againAt: number,
 *   request: any, answer: any, error: import("../api/api.js").ExchangeError | null,
 * }} Sent
 */
const IDLE = /** @type {Sent} */ ({ phase: "idle", request: null, answer: null, error: null, recovered: false, againAt: 0 });

/** @param {{api: import("../api/api.js").Api, settled: (sent: Sent) => void}} how */
export function createSending({ api, settled }) {
  const store = createStore(IDLE);

  /** @param {Partial<Sent>} changes */
  function settle(changes) {
    store.set(changes);
    settled(store.state);
  }

  /** @param {any} request with its client_order_id */
  async function send(request) {
    store.set({ ...IDLE, phase: "sending", request });
    try {
      settle({ phase: "done", answer: await api("POST /orders", request) });
    } catch (thrown) {
      const error = /** @type {import("../api/api.js").ExchangeError} */ (thrown);
      // Even "busy" may come after the decision, where only its journal was slow.
      if (error.unanswered || error.status === 503) await find(request, error);
      else settle({ phase: "refused", error, againAt: error.status === 429 ? Date.now() + error.retryAfter * 1000 : 0 });
    }
  }

  /** @param {any} request @param {import("../api/api.js").ExchangeError} error */
  async function find(request, error) {
    store.set({ phase: "asking", error });
    let looks = 0;
    for (let wait = APART_MS; looks < LOOKS; wait = Math.min(wait * 2, LONGEST_APART_MS)) {
      await new Promise((go) => setTimeout(go, wait));
      try {
        const { items } = await api("GET /orders", { client_order_id: request.client_order_id });
        if (items.length > 0) {
          const answer = await api("GET /orders/{order_id}", { order_id: items[0].id });
          return settle({ phase: "done", answer, recovered: true, error: null });
        }
        looks += 1;
      } catch {
        // Asked again until it answers; the ticket says so meanwhile.
      }
    }
    settle({ phase: "missing" });
  }

  return {
    store,
    send,
    /** The very same: whatever became of the first, there is one order of this name. */
    again: () => send(store.state.request),
    forget: () => store.set(IDLE),
  };
}
