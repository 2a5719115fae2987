/** What somebody holds in one market: shares, what they cost, what they are worth at the midpoint. */
import { h } from "../draw/dom.js";
import { dollars, gain, shares } from "../draw/format.js";
import { table } from "../parts/table.js";
import { average, ownPrice } from "./words.js";

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { Shares: "", "Average cost": "number", "Worth now": "number", Profit: "number", Sell: "last" };

/**
 * @param {{position: any, spot: number | null, sell: (side: "YES" | "NO", quantity: number) => void}} what `position` as
 *   the exchange answers; `spot` in cents of YES
 */
export function holding({ position, spot, sell }) {
  const sides = /** @type {const} */ (["YES", "NO"]).filter((side) => position[side.toLowerCase()].volume > 0);
  if (sides.length === 0) return h("p.hint", "You hold no shares here.");
  return table("My shares", COLUMNS, sides.map((side) => {
    const { volume, available, pending_sell: offered, cost_sum_cents: cost } = position[side.toLowerCase()];
    const worth = spot === null ? cost : volume * ownPrice(side, spot);
    return [
      side,
      [h("span", { class: side.toLowerCase() }, `${shares(volume)} ${side}`), offered > 0 && h("small", ` ${shares(offered)} offered`)],
      average(cost, volume),
      dollars(worth),
      h("span", { class: worth > cost ? "yes" : worth < cost ? "no" : undefined }, gain(worth - cost)),
      h("button.quiet", { "aria-label": `Sell ${side}`, disabled: available === 0, on: { click: () => sell(side, available) } }, "Sell"),
    ];
  }));
}
