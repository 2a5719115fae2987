/** What to say of a refusal to somebody who may try again. */

const BUSY = 9003;

/** @param {import("../api/api.js").ExchangeError} error */
export function words(error) {
  if (error.unanswered) return "The exchange did not answer, so this may have happened. Look before you try again.";
  if (error.code === BUSY && error.message.includes("ask again")) return `${error.message}.`;
  if (error.status === 503) return "The exchange is busy. Nothing was done; try again.";
  return error.message;
}
