/** What was agreed when the market was made, and how it came out. None of it changes while people trade. */
import { h, kept } from "../draw/dom.js";
import { cents, dollars, lasting, shares, when } from "../draw/format.js";
import { answer } from "./banner.js";

export const rules = kept((/** @type {any} */ market) => {
  if (market === null) return h("p.loading", { role: "status" }, "Loading");
  return h("div.market-rules",
    market.description && h("p", market.description),
    h("dl",
      market.resolution_result !== null && rule("Answer", [answer(market), " · ", when(market.resolved_at)]),
      rule("A share pays", "$1.00 if it is right, nothing if it is not. YES and NO together are always $1.00."),
      rule("Trading", session(market)),
      market.resolution_date !== null && rule("Answer expected", when(market.resolution_date)),
      rule("Fees", `${market.taker_fee_bps / 100}% of what you trade at once, ${market.maker_fee_bps / 100}% of what trades with your waiting order; each fill rounded up to a cent.`),
      rule("Prices", `${cents(market.min_price_cents)} to ${cents(market.max_price_cents)}`),
      rule("Limits", `An order: ${shares(market.max_order_quantity)} shares, ${dollars(market.max_order_amount_cents)}. You: ${shares(market.max_position_per_user)} shares of a side, ${shares(market.max_open_orders)} open orders here.`),
      rule("Price collar", market.collar_cents === 0 ? "None" : `Nobody trades further than ${cents(market.collar_cents)} from the average price of the last ${lasting(market.collar_window_ms)}.`),
      rule("Pause", market.halt_move_cents === 0 ? "None" : `When trades within ${lasting(market.halt_window_ms)} are ${cents(market.halt_move_cents)} apart, trading stops for ${lasting(market.halt_pause_ms)}.`),
      rule("If called off", `Each YES share pays one price, each NO share the rest of $1.00: the average price of the last ${lasting(market.void_window_ms)}, unless an administrator names another.`),
      rule("Market", h("code", market.id))));
});

/** @param {string} name @param {import("../draw/dom.js").Drawing} text */
function rule(name, text) {
  return [h("dt", { key: name }, name), h("dd", { key: name }, text)];
}

/** @param {any} market */
function session({ trading_start_at: start, trading_end_at: end }) {
  return [start === null ? "Until " : ["From ", when(start), " until "], end === null ? "the answer is there" : when(end)];
}


