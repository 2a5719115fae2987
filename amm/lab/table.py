"""Runs as rows: what many seeds of one maker came to. Text only; terminal and report show the same words."""

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean, stdev

import attrs

from amm.brain.arithmetic import CENT
from amm.lab.measure import LAGS_MIN, Result

DOLLAR = 100 * CENT


@attrs.frozen
class Column:
    title: str
    says: str


COLUMNS = (
    Column("maker", "who made the market"),
    Column("informed", "the share of arrivals that know the truth"),
    Column("gain $", "mean over the seeds, marked at the truth when the run ends"),
    Column("sd", "standard deviation of the gain over the seeds"),
    Column("worst", "the lowest gain at the end of any seed"),
    Column("low", "the lowest gain at any moment of any seed"),
    Column("spread $", "earned by selling above the maker's own fair price"),
    Column("adverse $", "lost because the truth was beyond that price already"),
    Column("inventory $", "what moves of the truth did to what was held"),
    Column("fees $", "paid to the exchange"),
    Column("shares", "sold, mean"),
    Column("quoted %", "of the time with a bid and an ask"),
    Column("width c", "ask less bid while there were both, in cents"),
    Column("off c", "distance from the middle of the quote to the truth, in cents"),
    Column("still c", "the same for a quote that never leaves its first price"),
    Column(
        "follows", "of each cent that the truth went from where it began, how many the quote went with it"
    ),
    Column("late min", "by how many minutes the truth has to be put off to lie nearest to the quote"),
    Column("killed", "seeds in which the kill switch tripped"),
)


def rows(results: Sequence[Result]) -> list[list[str]]:
    """One row for each maker at each informed share, in the order they came."""
    return [row(list(group)) for _, group in groupby(results, key=lambda one: (one.informed, one.maker))]


def row(group: Sequence[Result]) -> list[str]:
    gains = [one.split.gain for one in group]
    seconds, quoted = sum(one.seconds for one in group), sum(one.both for one in group)
    first = group[0]
    return [
        first.maker,
        f"{first.informed / 10_000:g}%",
        dollars(fmean(gains)),
        dollars(stdev(gains)) if len(gains) > 1 else "-",
        dollars(min(gains)),
        dollars(min(one.worst for one in group)),
        dollars(fmean(one.split.spread for one in group)),
        dollars(fmean(one.split.adverse for one in group)),
        dollars(fmean(one.split.inventory for one in group)),
        dollars(fmean(-one.split.fees for one in group)),
        f"{fmean(one.shares for one in group):,.0f}",
        f"{100 * quoted / seconds:.1f}",
        f"{sum(one.spread_sum for one in group) / quoted:.2f}" if quoted else "-",
        f"{sum(one.distance_sum for one in group) / quoted / CENT:.2f}" if quoted else "-",
        f"{sum(one.still_sum for one in group) / quoted / CENT:.2f}" if quoted else "-",
        follows(group),
        late(group),
        f"{sum(one.killed for one in group)}/{len(group)}",
    ]


def follows(group: Sequence[Result]) -> str:
    strayed = sum(one.strayed for one in group)
    return f"{sum(one.followed for one in group) / strayed:.2f}" if strayed else "-"


def late(group: Sequence[Result]) -> str:
    """The delay that fits best over all seeds; a minute that nothing speaks for is none."""
    totals = [sum(column) for column in zip(*(one.late for one in group), strict=True)]
    return str(LAGS_MIN[totals.index(min(totals))]) if any(totals) else "-"


def dollars(uc: float) -> str:
    """Write dollars with two decimals, and zero without a minus."""
    written = f"{uc / DOLLAR:,.2f}"
    return "0.00" if written == "-0.00" else written
