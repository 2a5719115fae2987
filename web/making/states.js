/** The states of a market-making order: the one list of their names, by the part of its way, and what each means. */

/** @type {Record<string, {part: string, name: string, means: string, kind?: string}>} */
export const STATES = {
  payment_pending: { part: "Payment", name: "Payment pending", means: "It waits for its payment.", kind: "warn" },
  payment_incomplete: { part: "Payment", name: "Partly paid", means: "Part of its payment is missing.", kind: "warn" },
  payment_complete: { part: "Payment", name: "Paid", means: "Everything is in its escrow." },
  withdrawing: { part: "Outside venue", name: "Leaving", means: "Its money is on its way to the outside venue." },
  withdrawal_confirmed: { part: "Outside venue", name: "Left", means: "Its money has left this exchange." },
  deposit_confirming: { part: "Outside venue", name: "Arriving", means: "It waits until the venue shows its money." },
  deposit_confirmed: { part: "Outside venue", name: "Arrived", means: "The venue shows its money." },
  joining_campaign: { part: "Campaign", name: "Joining", means: "It is joining its campaign." },
  campaign_joined: { part: "Campaign", name: "Joined", means: "It takes part in its campaign." },
  created: { part: "Quoting", name: "Ready", means: "It is paid for, and starts when it is told to." },
  running: { part: "Quoting", name: "Running", means: "It quotes the market.", kind: "good" },
  paused: { part: "Quoting", name: "Paused", means: "It does not quote. Its money stays where it is.", kind: "warn" },
  stopped: { part: "End", name: "Stopped", means: "It quotes no more. What it holds is yours to withdraw." },
  failed: { part: "End", name: "Failed", means: "It could not go on.", kind: "wrong" },
  refunded: { part: "End", name: "Refunded", means: "All that it held is back in your account." },
  deleted: { part: "End", name: "Deleted", means: "It is hidden from lists; its record stays." },
};

/** A state that this page does not know is told as an error, and never as another. @param {string} name */
export const stateOf = (name) => STATES[name] ?? { name: `Unknown state ${name}`, means: "Load the page anew.", kind: "wrong" };
