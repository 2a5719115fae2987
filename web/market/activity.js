/** When the market changed its status or what it takes, and why, newest first. */
import { h, kept } from "../draw/dom.js";
import { when } from "../draw/format.js";
import { reasonOf } from "./reasons.js";

/** @type {Record<string, string>} */
const NAMES = {
  "DRAFT": "Draft", "ACTIVE": "Open", "SUSPENDED": "Suspended", "HALTED": "Halted", "RESOLVED": "Resolved",
  "SETTLED": "Paid out", "VOIDED": "Called off",
  "NORMAL": "All orders", "POST_ONLY": "Only orders that wait", "CANCEL_ONLY": "Only cancelling",
};

/**
 * @typedef {{items: any[] | null, cursor: string | null, busy: boolean}} Activity `items` null as long as they are being
 *   read; `cursor` where older ones go on
 */
export const activityList = kept((/** @type {Activity} */ { items, cursor, busy }, /** @type {() => void} */ older) => {
  if (items === null) return h("p", { class: "loading", role: "status" }, "Loading");
  return [
    h("ol", { class: "market-activity" }, items.map(row)),
    cursor === null
      ? h("p", { class: "list-end" }, "That is all since the market was made")
      : h("button", { class: "list-end quiet", disabled: busy, on: { click: older } }, busy ? "Loading" : "Load older"),
  ];
});

/** @param {any} item */
function row({ journal_id: id, at, previous, new: next, reason, until }) {
  return h("li", { key: id },
    when(at),
    h("span", null, h("strong", null, NAMES[next] ?? next), " ", h("span", { class: "muted" }, `from ${(NAMES[previous] ?? previous).toLowerCase()}`)),
    h("span", { class: "muted" }, reasonOf(reason), until && [" Until ", when(until, "clock")]));
}
