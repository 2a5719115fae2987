/** Own trades: what was bought and sold at which price, what it cost, and what came of it. */
import { h } from "../draw/dom.js";
import { cents, dollars, profit, shares, when } from "../draw/format.js";
import { createPages } from "../feeds/pages.js";
import { ownPrice } from "../orders/words.js";
import { listing } from "../parts/listing.js";
import { table, toMarket } from "../parts/table.js";

/** @type {import("../parts/table.js").Column[]} */
const COLUMNS = [
  { name: "Time", looks: "moment" }, { name: "Market", looks: "title" }, { name: "What" }, { name: "Price", looks: "number" },
  { name: "As" }, { name: "Fee", looks: "number" }, { name: "Realized", looks: "number" },
];

const ROLES = { "MAKER": "maker", "TAKER": "taker", "BOTH": "with myself" };

/** @param {{api: import("../api/api.js").Api, titles: import("../feeds/titles.js").Titles, redraw: () => void}} page */
export function createFills({ api, titles, redraw }) {
  const pages = createPages(async (cursor) => {
    const part = await api("GET /trades", { limit: 50, cursor });
    titles.learn(part.items.map((/** @type {any} */ trade) => trade.market_id));
    return part;
  }, ({ trade_id: id }) => id);
  const stop = pages.store.read(redraw);

  /** @param {any} trade */
  function row(trade) {
    const { trade_id: key, market_id: market, quantity, realized_pnl_cents: realized } = trade;
    const side = trade.my_original_side ?? "YES";
    return { key, cells: [
      when(trade.executed_at),
      toMarket(market, titles.of(market)),
      h("span", { class: side === "YES" ? "yes" : "no" }, `${did(trade)} ${shares(quantity)} ${side}`),
      cents(ownPrice(side, trade.price_cents)),
      ROLES[/** @type {keyof typeof ROLES} */ (trade.role)],
      dollars(trade.fee_cents),
      realized === null ? "–" : profit(realized),
    ] };
  }

  return {
    pages,
    view: () =>
      listing(pages, h("p", null, "You have not traded yet. ", h("a", { href: "/" }, "Find a market")),
        (trades) => table({ label: "Fills", columns: COLUMNS, rows: trades.map(row) })),
    close: stop,
  };
}

/** @param {any} trade */
function did({ my_original_direction: direction }) {
  if (direction === null) return "Bought and sold";
  return direction === "BUY" ? "Bought" : "Sold";
}
