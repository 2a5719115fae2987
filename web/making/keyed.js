/**
 * Requests that move money carry a key. One whose answer was lost is sent again under the same key, so that it is done
 * once however often it is sent; after an answer, the next is another request.
 */
import { ExchangeError } from "../api/api.js";
import { freshName } from "../api/names.js";

/** @param {import("../api/api.js").Api} api @returns {import("../api/api.js").Api} */
export function keyed(api) {
  /** @type {Map<string, string>} */
  const open = new Map();
  return async (request, members = {}) => {
    const asked = JSON.stringify([request, members]);
    const key = open.get(asked) ?? freshName();
    open.set(asked, key);
    try {
      const answer = await api(request, { ...members, idempotency_key: key });
      open.delete(asked);
      return answer;
    } catch (error) {
      if (!(error instanceof ExchangeError && error.unanswered)) open.delete(asked);
      throw error;
    }
  };
}
