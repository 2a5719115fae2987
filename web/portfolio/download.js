/**
 * A whole list of the exchange as a file of comma-separated values: every page of it, read one after the other, and
 * what the exchange gives as it gives it, amounts in cents and moments in UTC.
 */

/** Of a list of many pages the exchange may want to be asked less often. */
const LONGEST_REST_S = 60;

/**
 * @param {(cursor: string | null) => Promise<import("../feeds/pages.js").Part>} ask
 * @param {(count: number) => void} progress
 * @param {AbortSignal} signal
 */
export async function readAll(ask, progress, signal) {
  const items = [];
  let cursor = null;
  do {
    let part;
    try {
      part = await ask(cursor);
    } catch (error) {
      const rest = /** @type {any} */ (error).retryAfter;
      if (signal.aborted || !rest || rest > LONGEST_REST_S) throw error;
      await new Promise((rested) => setTimeout(rested, rest * 1000));
      continue;
    }
    items.push(...part.items);
    cursor = part.next_cursor;
    progress(items.length);
  } while (cursor !== null && !signal.aborted);
  return items;
}

/** @param {string[]} columns @param {any[]} items */
export function csv(columns, items) {
  return [columns, ...items.map((item) => columns.map((column) => item[column]))]
    .map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

/** @param {any} value */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  // A table program takes what begins like this for a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {string} name @param {string} text */
export function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
