/** What a market's status and mode are called, and why they changed. */

/** @type {Record<string, string>} */
export const NAMES = {
  "DRAFT": "Draft", "ACTIVE": "Open", "SUSPENDED": "Suspended", "HALTED": "Halted", "RESOLVED": "Resolved",
  "SETTLED": "Paid out", "VOIDED": "Called off",
  "NORMAL": "All orders", "POST_ONLY": "Only orders that wait", "CANCEL_ONLY": "Only cancelling",
};

/** @type {Record<string, string>} */
const REASONS = {
  "ADMIN": "By an administrator.",
  "TRADING_ENDED": "The time for trading is over.",
  "CIRCUIT_BREAKER": "By the exchange itself.",
  "RESOLUTION": "The question was answered.",
  "RESTART": "After a restart of the exchange.",
  "ENDED": "Its time was over.",
};

/** The exchange's word, or what an administrator said, which stands behind it. @param {string | null} [reason] */
export function reasonOf(reason) {
  if (!reason) return null;
  const [word, ...said] = reason.split(": ");
  return said.length > 0 ? `An administrator: “${said.join(": ")}”.` : REASONS[word] ?? word;
}
