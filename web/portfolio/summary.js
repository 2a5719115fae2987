/** What all of it comes to, and how it came to that: in numbers, and as a picture. */
import { h } from "../draw/dom.js";
import { dollars, profit, when } from "../draw/format.js";
import { linePicture } from "../parts/line.js";
import { table } from "../parts/table.js";

/** @type {import("../parts/table.js").Column[]} */
const COLUMNS = [{ name: "When", looks: "moment" }, { name: "Equity", looks: "number" }, { name: "Paid in", looks: "number" }];

/**
 * @typedef {{at: number, equity: number, paidIn: number}} Moment in milliseconds and cents
 * @param {any} portfolio as the exchange answers; null as long as it has not
 * @param {Moment[]} moments oldest first
 */
export function summary(portfolio, moments) {
  const { realized_pnl_cents: realized = 0, unrealized_pnl_cents: unrealized = 0, fees_paid_cents: fees = 0 } = portfolio ?? {};
  const apart = portfolio?.sub_accounts_equity_cents ?? 0;
  const amount = (/** @type {string} */ name) => (portfolio === null ? "–" : dollars(portfolio[name]));
  return h("div", { class: "portfolio-top" },
    h("section", { class: "card portfolio-equity", "aria-label": "Equity" },
      h("p", { class: "hint" }, "Equity"),
      h("p", { class: "portfolio-total" }, amount("equity_cents")),
      h("p", { class: "muted" }, profit(realized + unrealized - fees), " in all, after fees"),
      picture(moments)),
    h("dl", { class: "card portfolio-facts" },
      fact("To spend", amount("available_balance_cents")),
      fact("Set aside for orders", amount("frozen_balance_cents")),
      fact("Positions at the midpoint", amount("positions_value_cents")),
      fact("Profit not realized", portfolio === null ? "–" : profit(unrealized)),
      fact("Profit realized", portfolio === null ? "–" : profit(realized)),
      fact("Fees paid", amount("fees_paid_cents")),
      fact("Paid in, less taken out", amount("net_deposits_cents")),
      apart !== 0 && fact("In market-making orders beside", dollars(apart))));
}

/** @param {string} name @param {import("../draw/dom.js").Drawing} value */
const fact = (name, value) => h("div", { key: name }, h("dt", null, name), h("dd", null, value));

/** @param {Moment[]} moments */
function picture(moments) {
  if (moments.length < 2) {
    return h("p", { class: "portfolio-no-picture hint" }, "The picture begins when there are two moments to compare: keep this page open, or come back tomorrow.");
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
    h("details", null, h("summary", null, "As a table"),
      h("div", { class: "portfolio-days" },
        table({ label: "Equity over time", columns: COLUMNS, rows: [...moments].reverse().map(({ at, equity, paidIn }) =>
          ({ key: String(at), cells: [when(at), dollars(equity), dollars(paidIn)] })) }))),
  ];
}
