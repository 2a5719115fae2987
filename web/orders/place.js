/**
 * Sending an order so that its sender knows what became of it. It goes by a name of our own: where the answer is lost,
 * the same request is sent again, and answered with what the first one did, if there was a first.
 */
const ATTEMPTS = 5;
const REST_MS = 1_000;

/**
 * @param {import("../api/api.js").Api} api
 * @param {Record<string, any>} order all but its name
 */
export async function place(api, order) {
  const named = { client_order_id: freshName(), ...order };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await api("POST /orders", named);
    } catch (thrown) {
      const error = /** @type {import("../api/api.js").ExchangeError} */ (thrown);
      // Even "busy" may come after the decision, where only its journal was slow.
      const isOpen = error.unanswered || error.status === 503;
      if (!isOpen || attempt === ATTEMPTS) throw error;
      await new Promise((rested) => setTimeout(rested, attempt * REST_MS));
    }
  }
}

/** A name that nobody else gives, by numbers that are there without a secure connection, too. */
export function freshName() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}
