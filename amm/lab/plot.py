"""Plots as SVG, drawn here: lines over time, steps, bands of colour, and marks. Whole numbers in, text out.

Every coordinate is written with one decimal, from integer arithmetic, so the same run is the same picture to
the byte.
"""

from collections.abc import Iterable, Sequence
from html import escape

import attrs

WIDTH = 960
HEIGHT = 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 24
TICKS = 5


@attrs.frozen
class Curve:
    """A series over time; None is a gap. Values are whole numbers of whatever the plot shows."""

    name: str
    colour: str
    values: Sequence[tuple[int, int | None]]


@attrs.frozen
class Mark:
    at: int
    value: int
    colour: str


@attrs.frozen
class Band:
    """A stretch of time with a colour behind it."""

    name: str
    begin: int
    end: int
    colour: str


@attrs.frozen
class Plot:
    title: str
    unit: int
    """What one of the numbers on the axis is worth in the values."""
    begin: int
    end: int
    lines: Sequence[Curve]
    marks: Sequence[Mark] = ()
    bands: Sequence[Band] = ()

    def svg(self) -> str:
        low, high = self._range()
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">',
            *(self._band(band) for band in self.bands),
            *self._grid(low, high),
            *(self._path(line, low, high) for line in self.lines),
            *(self._mark(mark, low, high) for mark in self.marks),
            "</svg>",
        ]
        return "\n".join(parts)

    def legend(self) -> str:
        lines = [f'color:{line.colour}">&#9632; {escape(line.name)}' for line in self.lines]
        bands = {f'background:{band.colour}">&nbsp;{escape(band.name)}&nbsp;': None for band in self.bands}
        return " ".join(f'<span style="{entry}</span>' for entry in (*lines, *bands))

    def _range(self) -> tuple[int, int]:
        values = [value for line in self.lines for _, value in line.values if value is not None]
        values += [mark.value for mark in self.marks]
        if not values:
            return 0, self.unit
        low, high = min(values), max(values)
        margin = max(self.unit, high - low) // 20 + 1
        return low - margin, high + margin

    def _x(self, at: int) -> str:
        return tenths(LEFT * 10 + (at - self.begin) * (WIDTH - LEFT - RIGHT) * 10 // (self.end - self.begin))

    @staticmethod
    def _y(value: int, low: int, high: int) -> str:
        return tenths((HEIGHT - BOTTOM) * 10 - (value - low) * (HEIGHT - TOP - BOTTOM) * 10 // (high - low))

    def _grid(self, low: int, high: int) -> Iterable[str]:
        step = tick(high - low, self.unit)
        for value in range(-(-low // step) * step, high + 1, step):
            y = self._y(value, low, high)
            yield f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield f'<text x="{LEFT - 6}" y="{y}" class="value">{shown(value, self.unit)}</text>'
        hours = (self.end - self.begin) // 3_600_000
        every = max(1, -(-hours // 12))
        for hour in range(0, hours + 1, every):
            x = self._x(self.begin + hour * 3_600_000)
            yield f'<text x="{x}" y="{HEIGHT - 6}" class="time">{hour} h</text>'

    def _path(self, line: Curve, low: int, high: int) -> str:
        drawn: list[str] = []
        pen_down = False
        for at, value in line.values:
            if value is not None:
                drawn.append(f"{'L' if pen_down else 'M'}{self._x(at)} {self._y(value, low, high)}")
            pen_down = value is not None
        return f'<path class="line" stroke="{line.colour}" d="{"".join(drawn)}"/>'

    def _mark(self, mark: Mark, low: int, high: int) -> str:
        x, y = self._x(mark.at), self._y(mark.value, low, high)
        return f'<circle cx="{x}" cy="{y}" r="1.6" fill="{mark.colour}"/>'

    def _band(self, band: Band) -> str:
        x = self._x(band.begin)
        width = tenths((band.end - band.begin) * (WIDTH - LEFT - RIGHT) * 10 // (self.end - self.begin))
        return (
            f'<rect x="{x}" y="{TOP}" width="{width}" height="{HEIGHT - TOP - BOTTOM}" fill="{band.colour}"/>'
        )


def tick(span: int, unit: int) -> int:
    """A round step that divides a span into about five: 1, 2 or 5 times a power of ten, in units or less."""
    step = max(1, unit // 100)
    while True:
        for factor in (1, 2, 5):
            if span <= step * factor * TICKS:
                return step * factor
        step *= 10


def tenths(value: int) -> str:
    """A number of tenths, as SVG writes it."""
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 10}.{abs(value) % 10}"


def shown(value: int, unit: int) -> str:
    """A value in units, with as many of two decimals as it needs."""
    sign, hundredths = "-" if value < 0 else "", abs(value) * 100 // unit
    written = f"{hundredths // 100:,}.{hundredths % 100:02d}"
    return sign + written.rstrip("0").rstrip(".")
