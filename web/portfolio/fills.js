/** Own trades: what was bought and sold at which price, what it cost, and what came of it. */
import { h } from "../draw/dom.js";
import { cents, dollars, profit, shares, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { ownPrice } from "../orders/words.js";
import { listing } from "../parts/listing.js";
import { table, toMarket } from "../parts/table.js";

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = {
  Time: "moment", Market: "title", What: "", Price: "number", As: "", Fee: "number", Realized: "number",
};

const ROLES = { "MAKER": "maker", "TAKER": "taker", "BOTH": "with myself" };

/** @param {{titles: import("../feeds/titles.js").Titles}} page */
export function createFills({ titles }) {
  const pages = createPages((cursor) => titles.page("GET /trades", { limit: 50, cursor }), ({ trade_id: id }) => id);

  /** @param {any} trade @returns {[string, ...import("../draw/dom.js").Drawing[]]} */
  function row(trade) {
    const { trade_id: key, market_id: market, quantity, realized_pnl_cents: realized } = trade;
    const side = trade.my_original_side ?? "YES";
    return [
      key,
      when(trade.executed_at),
      toMarket(market, titles.of(market)),
      h("span", { class: side === "YES" ? "yes" : "no" }, `${did(trade)} ${shares(quantity)} ${side}`),
      cents(ownPrice(side, trade.price_cents)),
      ROLES[/** @type {keyof typeof ROLES} */ (trade.role)],
      dollars(trade.fee_cents),
      realized === null ? "–" : profit(realized),
    ];
  }

  return {
    pages,
    view: () =>
      listing(pages, h("p", "You have not traded yet. ", h("a", { href: "/" }, "Find a market")),
        (trades) => table("Fills", COLUMNS, trades.map(row))),
  };
}

/** @param {any} trade */
function did({ my_original_direction: direction }) {
  if (direction === null) return "Bought and sold";
  return direction === "BUY" ? "Bought" : "Sold";
}
