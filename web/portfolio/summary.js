/** What all of it comes to, and how it came to that: in numbers, and as a picture. */
import { h } from "../draw/dom.js";
import { dollars, profit, when } from "../draw/format.js";
import { facts } from "../parts/facts.js";
import { linePicture } from "../parts/line.js";
import { table } from "../parts/table.js";

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { When: "moment", Equity: "number", "Paid in": "number" };

/**
 * @typedef {{at: number, equity: number, paidIn: number}} Moment in milliseconds and cents
 * @param {any} portfolio as the exchange answers; null as long as it has not
 * @param {Moment[]} moments oldest first
 */
export function summary(portfolio, moments) {
  const { realized_pnl_cents: realized = 0, unrealized_pnl_cents: unrealized = 0, fees_paid_cents: fees = 0 } = portfolio ?? {};
  const apart = portfolio?.sub_accounts_equity_cents ?? 0;
  const amount = (/** @type {string} */ name) => (portfolio === null ? "–" : dollars(portfolio[name]));
  return h("div.portfolio-top",
    h("section.card.portfolio-equity", { "aria-label": "Equity" },
      h("p.hint", "Equity"),
      h("p.portfolio-total", amount("equity_cents")),
      h("p.muted", profit(realized + unrealized - fees), " in all, after fees"),
      picture(moments)),
    facts("card portfolio-facts", {
      "To spend": amount("available_balance_cents"),
      "Set aside for orders": amount("frozen_balance_cents"),
      "Positions at the midpoint": amount("positions_value_cents"),
      "Profit not realized": portfolio === null ? "–" : profit(unrealized),
      "Profit realized": portfolio === null ? "–" : profit(realized),
      "Fees paid": amount("fees_paid_cents"),
      "Paid in, less taken out": amount("net_deposits_cents"),
      "In market-making orders beside": apart !== 0 && dollars(apart),
    }));
}

/** @param {Moment[]} moments */
function picture(moments) {
  if (moments.length < 2) {
    return h("p.portfolio-no-picture.hint", "The picture begins when there are two moments to compare: keep this page open, or come back tomorrow.");
  }
  const line = (/** @type {(moment: Moment) => number} */ of) => moments.map((moment) => ({ at: moment.at, cents: of(moment) }));
  return [
    linePicture({
      label: `Equity from ${dollars(moments[0].equity)} to ${dollars(moments[moments.length - 1].equity)}`,
      lines: [
        { name: "Paid in", looks: "line-quiet", points: line(({ paidIn }) => paidIn) },
        { name: "Equity", looks: "line-first", points: line(({ equity }) => equity) },
      ],
    }),
    h("details", h("summary", "As a table"),
      h("div.portfolio-days",
        table("Equity over time", COLUMNS, [...moments].reverse().map(({ at, equity, paidIn }) =>
          [String(at), when(at), dollars(equity), dollars(paidIn)])))),
  ];
}
