/** When the market changed its status or what it takes, and why, newest first. */
import { h, kept } from "../draw/dom.js";
import { when } from "../draw/format.js";
import { NAMES, reasonOf } from "./reasons.js";

export const activityList = kept((/** @type {any[]} */ items) =>
  h("ol.market-activity", items.map(({ journal_id: id, at, previous, new: next, reason, until }) =>
    h("li", { key: id },
      when(at),
      h("span", h("strong", NAMES[next] ?? next), " ", h("span.muted", `from ${(NAMES[previous] ?? previous).toLowerCase()}`)),
      h("span.muted", reasonOf(reason), until && [" Until ", when(until, "clock")])))));
