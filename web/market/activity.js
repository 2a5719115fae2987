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

export const activityList = kept((/** @type {any[]} */ items) =>
  h("ol.market-activity", items.map(({ journal_id: id, at, previous, new: next, reason, until }) =>
    h("li", { key: id },
      when(at),
      h("span", h("strong", NAMES[next] ?? next), " ", h("span.muted", `from ${(NAMES[previous] ?? previous).toLowerCase()}`)),
      h("span.muted", reasonOf(reason), until && [" Until ", when(until, "clock")])))));
