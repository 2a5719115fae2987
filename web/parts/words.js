/** What to say of a refusal to somebody who may try again. */
import { cents, dollars } from "../draw/format.js";

const BUSY = 9003;
/** Why an order cannot take part in a campaign. @type {Record<string, string>} */
const NOT_JOINABLE = {
  "UNKNOWN": "There is no such campaign any more.", "OTHER_MARKET": "The campaign is for another market.", "NOT_ACTIVE": "The campaign is not open.",
  "ENDED": "The campaign has ended.", "FULL": "The campaign has all the orders that it takes.", "NOT_ELIGIBLE": "The order is not what the campaign asks for.",
};

/** @param {import("../api/api.js").ExchangeError} error */
export function words(error) {
  if (error.unanswered) return "The exchange did not answer, so this may have happened. Look before you try again.";
  if (error.code === BUSY && error.message.includes("ask again")) return `${error.message}.`;
  if (error.status === 503) return "The exchange is busy. Nothing was done; try again.";
  if (error.data?.reason in NOT_JOINABLE) return NOT_JOINABLE[error.data.reason];
  // The exchange counts in cents; people in dollars, but for prices.
  return error.message.replace(/\b(\d+) cents\b/g, (_, count) => (count > 99 ? dollars(count) : cents(count)));
}
