"""Durations as people type them."""

import re
from typing import Final

import click

SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Span(click.ParamType[int]):
    """Whole seconds, from `45s`, `10m`, `2h` or `1d`."""

    name = "span"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([smhd]?)", value)
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is no span of time like 30s, 10m or 2h", param, ctx)
        return int(found[1]) * SECONDS[found[2]]


SPAN: Final = Span()
