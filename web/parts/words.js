/** What to say of a refusal to somebody who may try again. */
import { cents, dollars } from "../draw/format.js";

const BUSY = 9003;

/** @param {import("../api/api.js").ExchangeError} error */
export function words(error) {
  if (error.unanswered) return "The exchange did not answer, so this may have happened. Look before you try again.";
  if (error.code === BUSY && error.message.includes("ask again")) return `${error.message}.`;
  if (error.status === 503) return "The exchange is busy. Nothing was done; try again.";
  // The exchange counts in cents; people in dollars, but for prices.
  return error.message.replace(/\b(\d+) cents\b/g, (_, count) => (count > 99 ? dollars(count) : cents(count)));
}
