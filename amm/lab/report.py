"""The report: one HTML file that needs nothing else. No time of day, no name of a machine, no chance."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import cycle, groupby

from amm.brain.arithmetic import CENT
from amm.brain.defence import Level
from amm.lab.measure import Point, Result
from amm.lab.plot import Band, Curve, Mark, Plot
from amm.lab.scenario import START_MS, Scenario
from amm.lab.table import COLUMNS, DOLLAR, dollars, rows

STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em;
  color: #1b1f24; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em } h3 { font-size: 1em; margin: 1em 0 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 12px;
  display: block; overflow-x: auto }
th, td { padding: .25em .5em; text-align: right; border-bottom: 1px solid #d8dee4; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1em; font-size: 12px }
dt { font-weight: 600 } dd { margin: 0 }
details { font-size: 12px; margin: 1em 0 } summary { cursor: pointer; color: #57606a }
svg { width: 100%; height: auto } .legend { font-size: 12px } .legend span { margin-right: 1em }
.grid { stroke: #e6e9ec } .line { fill: none; stroke-width: 1.3 }
text { font-size: 11px; fill: #57606a } .value { text-anchor: end; dominant-baseline: middle }
.time { text-anchor: middle }
"""
BLUE, ORANGE, GREEN, RED, GREY = "#0969da", "#bc4c00", "#1a7f37", "#cf222e", "#6e7781"
COLOURS = (BLUE, ORANGE, GREEN, RED, GREY, "#8250df", "#bf3989", "#9a6700")
"""Of the lines that stand for makers; more than these begin again."""
ALARM = {
    Level.WIDEN: ("wider", "#fff1c2"),
    Level.ONE_SIDE: ("one side", "#ffd8a8"),
    Level.AMM_PAUSE: ("paused", "#d0d7de"),
    Level.KILL_SWITCH: ("killed", "#ffc9c9"),
}


def report(scenario: Scenario, results: Sequence[Result]) -> str:
    seeds = [one.seed for one in results]
    lead = (
        f"{scenario.says.capitalize()}. {scenario.hours} simulated hours, "
        f"seeds {min(seeds)} to {max(seeds)}, a maker with {dollars(scenario.funding * CENT)} dollars."
    )
    body = [
        f"<h1>The laboratory: {escape(scenario.name)}</h1>",
        f"<p>{escape(lead)}</p>",
        table([column.title for column in COLUMNS], rows(results)),
        "<details><summary>What the columns mean</summary><dl>",
        *(f"<dt>{escape(column.title)}</dt><dd>{escape(column.says)}</dd>" for column in COLUMNS),
        "</dl></details>",
        *(part for plot in side_by_side(scenario, results) for part in drawn(plot)),
        *(part for result in results if result.points for part in course(scenario, result)),
    ]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>Laboratory: {escape(scenario.name)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def side_by_side(scenario: Scenario, results: Sequence[Result]) -> Iterable[Plot]:
    """The gain of each maker on the same flow, where there is more than one of them."""
    shown = [one for one in results if one.points]
    for informed, group in groupby(shown, key=lambda one: one.informed):
        rivals = list(group)
        if len(rivals) > 1:
            flow = f"{informed / 10_000:g}% informed, seed {rivals[0].seed}"
            title = f"Gain in dollars, side by side on the same flow: {flow}"
            lines = [
                Curve(one.maker, colour, [(point.at_ms, point.split.gain) for point in one.points])
                for one, colour in zip(rivals, cycle(COLOURS), strict=False)
            ]
            yield Plot(title, DOLLAR, START_MS, scenario.end_ms, lines)


def drawn(plot: Plot) -> Iterable[str]:
    yield f'<h3>{escape(plot.title)}</h3><div class="legend">{plot.legend()}</div>'
    yield plot.svg()


def course(scenario: Scenario, result: Result) -> Iterable[str]:
    """How one run went."""
    yield f"<h2>{escape(result.maker)}, {result.informed / 10_000:g}% informed, seed {result.seed}</h2>"
    ledger = dollars(result.settled_cents * CENT)
    yield (
        f"<p>Gained {dollars(result.split.gain)} dollars at the truth; the market came out {result.outcome}, "
        f"and by the exchange's ledger it was {ledger}. Largest fall from a high: "
        f"{dollars(result.drawdown)}. Largest skew: {result.most_skewed / 10_000:.0f}%. A minute after each "
        f"fill, {markout(result)} cents a share were left.</p>"
    )
    yield table(
        ["who traded with it", "spread and adverse $"],
        [[trader, dollars(gain)] for trader, gain in result.by_trader.items()],
    )
    counts = {**result.commands, **result.notes}
    listed = escape(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    yield f"<details><summary>Commands sent, and what else was counted</summary>{listed}.</details>"
    for plot in plots(scenario, result):
        yield from drawn(plot)


def markout(result: Result) -> str:
    return f"{result.markout / CENT / result.shares:.2f}" if result.shares else "no"


def plots(scenario: Scenario, result: Result) -> list[Plot]:
    points, begin, end = result.points, START_MS, scenario.end_ms
    marks = [Mark(at, price * CENT, GREEN if quantity > 0 else RED) for at, price, quantity in result.marks]

    def line(name: str, colour: str, values: Iterable[int | None]) -> Curve:
        return Curve(name, colour, list(zip((point.at_ms for point in points), values, strict=True)))

    return [
        Plot(
            "Price against truth, in cents; dots are fills, green where the maker sold YES, red NO",
            CENT,
            begin,
            end,
            [
                line("ask", GREY, (None if one.ask is None else one.ask * CENT for one in points)),
                line("bid", GREY, (None if one.bid is None else one.bid * CENT for one in points)),
                line("fair price", BLUE, (one.fair for one in points)),
                line("truth", ORANGE, (one.truth for one in points)),
            ],
            marks,
        ),
        Plot(
            "Inventory, in shares",
            1,
            begin,
            end,
            [
                line("YES", GREEN, (one.yes for one in points)),
                line("NO", RED, (one.no for one in points)),
            ],
        ),
        Plot(
            "Gain and where it comes from, in dollars",
            DOLLAR,
            begin,
            end,
            [
                line("gain", BLUE, (one.split.gain for one in points)),
                line("spread earned", GREEN, (one.split.spread for one in points)),
                line("adverse selection", RED, (one.split.adverse for one in points)),
                line("inventory", ORANGE, (one.split.inventory for one in points)),
                line("fees", GREY, (-one.split.fees for one in points)),
            ],
        ),
        Plot(
            "Quoted spread, in cents, and behind it the level of defence",
            1,
            begin,
            end,
            [line("spread", BLUE, (width(one) for one in points))],
            bands=alarms(points, end),
        ),
    ]


def width(point: Point) -> int | None:
    return None if point.bid is None or point.ask is None else point.ask - point.bid


def alarms(points: Sequence[Point], end_ms: int) -> list[Band]:
    """Where the maker was alarmed, one band for each stretch of the same level."""
    bands: list[Band] = []
    ends = [*(point.at_ms for point in points[1:]), end_ms]
    for point, until in zip(points, ends, strict=True):
        if point.level not in ALARM:
            continue
        name, colour = ALARM[point.level]
        if bands and bands[-1].end == point.at_ms and bands[-1].colour == colour:
            bands[-1] = Band(name, bands[-1].begin, until, colour)
        else:
            bands.append(Band(name, point.at_ms, until, colour))
    return bands


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"
