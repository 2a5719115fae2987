/** What somebody holds in one market: shares, what they cost, what they are worth at the midpoint. */
import { h } from "../draw/dom.js";
import { dollars, gain, shares } from "../draw/format.js";
import { table } from "../parts/table.js";
import { average, ownPrice } from "./words.js";

/** @type {import("../parts/table.js").Column[]} */
const COLUMNS = [
  { name: "Shares" }, { name: "Average cost", looks: "number" }, { name: "Worth now", looks: "number" }, { name: "Profit", looks: "number" },
  { name: "Sell", looks: "last" },
];

/**
 * @param {{position: any, spot: number | null, sell: (side: "YES" | "NO", quantity: number) => void}} what `position` as
 *   the exchange answers; `spot` in cents of YES
 */
export function holding({ position, spot, sell }) {
  const sides = /** @type {const} */ (["YES", "NO"]).filter((side) => position[side.toLowerCase()].volume > 0);
  if (sides.length === 0) return h("p", { class: "hint" }, "You hold no shares here.");
  return table({ label: "My shares", columns: COLUMNS, rows: sides.map((side) => {
    const { volume, available, pending_sell: offered, cost_sum_cents: cost } = position[side.toLowerCase()];
    const worth = spot === null ? cost : volume * ownPrice(side, spot);
    return { key: side, cells: [
      [h("span", { class: side.toLowerCase() }, `${shares(volume)} ${side}`), offered > 0 && h("small", null, ` ${shares(offered)} offered`)],
      average(cost, volume),
      dollars(worth),
      h("span", { class: worth > cost ? "yes" : worth < cost ? "no" : undefined }, gain(worth - cost)),
      h("button", { class: "quiet", "aria-label": `Sell ${side}`, disabled: available === 0, on: { click: () => sell(side, available) } }, "Sell"),
    ] };
  }) });
}
