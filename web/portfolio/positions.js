/** What one holds: a line for each side of each market, at the midpoint of its book. */
import { h } from "../draw/dom.js";
import { cents, dollars, profit, shares } from "../draw/format.js";
import { table, toMarket } from "../parts/table.js";

const STATUS = {
  "DRAFT": "draft", "SUSPENDED": "suspended", "HALTED": "halted", "RESOLVED": "resolved, not paid out yet",
  "SETTLED": "paid out", "VOIDED": "void",
};

/**
 * @typedef {{
 *   marketId: string, title: string, status: string, side: "YES" | "NO", volume: number, available: number,
 *   cost: number, price: number, value: number,
 * }} Holding `price` at which it is valued, in cents; what is not available is for sale already
 *
 * @param {any} portfolio as the exchange answers
 * @param {any[]} positions likewise
 * @returns {Holding[]}
 */
export function holdingsOf(portfolio, positions) {
  const stakes = new Map(portfolio.positions.map((/** @type {any} */ stake) => [stake.market_id, stake]));
  return positions.flatMap((position) => {
    const { status = "ACTIVE", spot_half_cents: spot = 100 } = stakes.get(position.market_id) ?? {};
    /** @type {["YES" | "NO", any, number][]} */
    const sides = [["YES", position.yes, spot], ["NO", position.no, 200 - spot]];
    return sides.filter(([, { volume }]) => volume > 0).map(([side, { volume, available, cost_sum_cents: cost }, half]) => ({
      marketId: position.market_id, title: position.market_title, status, side, volume, available, cost,
      price: half / 2, value: Math.floor((volume * half) / 2),
    }));
  });
}

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = {
  Market: "title", Shares: "number", "Paid each": "number", Midpoint: "number", Value: "number",
  Profit: "number", Close: "last",
};

/** @param {{holdings: Holding[], close: (holding: Holding) => void}} what */
export function positions({ holdings, close }) {
  return table("Positions", COLUMNS, holdings.map((holding) => {
    const { marketId, title, status, side, volume, available, cost, price, value } = holding;
    const isOpen = status === "ACTIVE";
    return [
      `${marketId} ${side}`,
      [toMarket(marketId, title), !isOpen && [" ", h("span.badge", STATUS[/** @type {keyof typeof STATUS} */ (status)])]],
      [h("span", { class: side === "YES" ? "yes" : "no" }, `${shares(volume)} ${side}`),
        available < volume && h("small", ` ${shares(volume - available)} for sale`)],
      cents(Math.round((cost / volume) * 10) / 10),
      cents(price),
      dollars(value),
      profit(value - cost),
      h("button.quiet", {
        disabled: available === 0 || !isOpen, "aria-label": `Close ${shares(volume)} ${side} in ${title}`,
        title: !isOpen ? "The market takes no orders now" : available === 0 ? "All of it is for sale already" : undefined,
        on: { click: () => close(holding) },
      }, "Close"),
    ];
  }));
}
