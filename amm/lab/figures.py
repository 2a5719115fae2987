"""The report's figures for other programs: a JSON summary, and two CSV files of the courses that are drawn.

They are the very results that the report is made of, unrounded. Nothing in them depends on when or where they
were made, so the same runs give the same bytes.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from amm.lab.measure import Result
from amm.lab.scenario import START_MS, Scenario
from amm.lab.table import COLUMNS, rows

RUN = ("maker", "informed", "seed")
"""What says of which run a line is."""
SERIES = (
    *("at_ms", "truth", "fair", "bid", "ask", "yes", "no", "q", "level"),
    *("gain", "spread", "adverse", "inventory", "fees"),
)
FILLS = ("at_ms", "outcome", "yes_price_cents", "quantity")


def summary(scenario: Scenario, results: Sequence[Result]) -> str:
    """Everything that was counted in each run, and the table as it is shown."""
    titles = [column.title for column in COLUMNS]
    document = {
        "scenario": attrs.asdict(scenario),
        "table": [dict(zip(titles, row, strict=True)) for row in rows(results)],
        "runs": [figures(result) for result in results],
    }
    return json.dumps(document, indent=1) + "\n"


def figures(result: Result) -> dict[str, Any]:
    """Money and prices are in uc unless they say cents; the shares of a whole in ppm."""
    counted = attrs.asdict(result, filter=lambda field, _value: field.name not in ("points", "marks"))
    return counted | {"gain": result.split.gain}


def series(results: Sequence[Result]) -> str:
    """The moments that the plots show, in milliseconds from the beginning."""
    return _table(
        SERIES,
        (
            (
                *of_run(result),
                point.at_ms - START_MS,
                *(point.truth, point.fair, point.bid, point.ask, point.yes, point.no, point.q),
                point.level.name,
                point.split.gain,
                *attrs.astuple(point.split),
            )
            for result in results
            for point in result.points
        ),
    )


def fills(results: Sequence[Result]) -> str:
    """Each fill of those runs: which outcome the maker sold, at which price of YES."""
    return _table(
        FILLS,
        (
            (*of_run(result), at_ms - START_MS, "YES" if quantity > 0 else "NO", price, abs(quantity))
            for result in results
            for at_ms, price, quantity in result.marks
        ),
    )


def of_run(result: Result) -> tuple[str, int, int]:
    return result.maker, result.informed, result.seed


def _table(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*RUN, *columns))
    writer.writerows(lines)
    return text.getvalue()
