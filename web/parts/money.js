/** Amounts and moments as people type them. */

/** `12`, `$1,234.5` as cents; null for what is no amount. @param {string} text */
export function centsOf(text) {
  const found = /^\$?(\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.(\d{1,2}))?$/.exec(text.trim());
  return found && Number(found[1].replaceAll(",", "")) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
}

/** A whole number of 1 and more, as a price or a quantity is; null for anything else. @param {string} text */
export function countOf(text) {
  const plain = text.trim().replaceAll(",", "");
  return /^[1-9]\d{0,8}$/.test(plain) ? Number(plain) : null;
}

/** What a field for a moment holds, as the exchange reads it. @param {string | null} text */
export const momentOf = (text) => (text ? new Date(text).toISOString() : null);
