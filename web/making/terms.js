/** The terms of an order: how each is called, what it means, and how it is typed. */
import { cents, dollars, shares } from "../draw/format.js";
import { facts } from "../parts/facts.js";

const yesOrNo = (/** @type {boolean} */ value) => (value ? "yes" : "no");
const percent = (/** @type {number} */ value) => `${value}%`;

/** The first ones everybody chooses; the others are for those who want to. @type {Record<string, {label: string, hint?: string, words: (value: any) => string}>} */
export const TERMS = {
  bid_half_spread_cents: { label: "Bid below the middle", hint: "Cents. Wider earns more on a trade, and trades less often.", words: cents },
  ask_half_spread_cents: { label: "Ask above the middle", hint: "Cents.", words: cents },
  order_qty: { label: "Shares of a quote", hint: "On each side, at the first level.", words: shares },
  levels: { label: "Levels", hint: "Quotes on each side, one behind the other.", words: shares },
  max_loss_cents: { label: "Stop at a loss of", hint: "Dollars. It stops for good. Nothing typed is a fifth of the budget.", words: dollars },
  level_step_cents: { label: "Between two levels", hint: "Cents.", words: cents },
  amount_change_per_layer: { label: "More with each level", hint: "Shares, or percent.", words: shares },
  amount_change_type: { label: "More is meant as", words: String },
  refresh_interval_ms: { label: "Between two cycles", hint: "Milliseconds.", words: (ms) => `${ms / 1000} s` },
  refresh_tolerance_cents: { label: "Leave a price that is off by", hint: "Cents. The quote keeps its place.", words: cents },
  qty_tolerance_pct: { label: "Leave a quantity that is off by", hint: "Percent.", words: percent },
  price_source: { label: "Middle", hint: "Of the best prices, also by their quantities; or the last trade.", words: String },
  floor_price_cents: { label: "Never below", hint: "Cents.", words: cents },
  ceiling_price_cents: { label: "Never above", hint: "Cents.", words: cents },
  max_position_per_side: { label: "At most of one side", hint: "Shares.", words: shares },
  auto_merge_min_pairs: { label: "Merge pairs from", hint: "So many YES and NO become a dollar each; 0 is never.", words: shares },
  inventory_skew: { label: "Quote less of what it has much of", words: yesOrNo },
  auto_start: { label: "Start as soon as it is paid for", words: yesOrNo },
};
export const FIRST = 5;

/** @param {{name: string, terms: any}} strategy */
export function termsOf({ name: strategy, terms }) {
  const rows = Object.entries(TERMS).filter(([name]) => name in terms).map(([name, { label, words }]) => [label, words(terms[name])]);
  return facts("sums", { ...Object.fromEntries(rows), Strategy: strategy });
}
