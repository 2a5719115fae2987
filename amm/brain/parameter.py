"""What a parameter is: how its value is read, its range, and when a change of it takes effect.

Values are read strictly. TOML and JSON have types, and a value of the wrong one is a slip: a true that became
1, or a 2.0 that became 2, would be a parameter that nobody meant.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from amm.brain.arithmetic import ONE, Ppm


class Change(Enum):
    """When a changed value may take effect."""

    HOT = "HOT"  # in the next cycle
    WARM = "WARM"  # in the next cycle; these are the defences
    COLD = "COLD"  # after a restart
    LOCKED = "LOCKED"  # never: the start command fixes it


@attrs.frozen
class Parameter:
    """What is allowed for one key; `low` and `high` are in stored units (ppm for ratios)."""

    read: Callable[[object], Any]
    """From what was written to stored units; raises ValueError with what is wrong about it."""
    change: Change
    low: int | None = None
    high: int | None = None
    unit: int = 1
    """How many stored units are one as it is written."""

    def structure(self, raw: object, _type: object = None) -> Any:
        """Return `raw` in stored units; raise ValueError with what is wrong about it. A hook for cattrs."""
        value = self.read(raw)
        if self.low is not None and value < self.low:
            raise ValueError(f"must be at least {Decimal(self.low) / self.unit}, not {shown(raw)}")
        if self.high is not None and value > self.high:
            raise ValueError(f"must be at most {Decimal(self.high) / self.unit}, not {shown(raw)}")
        return value


def whole(default: int | None, low: int, high: int | None, change: Change) -> Any:
    """Declare a whole number; without a default it follows from the funding (`config_layers.derived`)."""
    return _field(default, Parameter(read_whole, change, low, high))


def ratio(default: str, low: str, high: str, change: Change) -> Any:
    return _field(ppm(default), Parameter(read_ppm, change, ppm(low), ppm(high), unit=ONE))


def flag(default: bool, change: Change) -> Any:
    return _field(default, Parameter(read_flag, change))


def choice(default: Enum, change: Change) -> Any:
    return _field(default, Parameter(lambda raw: read_choice(type(default), raw), change))


def address(change: Change) -> Any:
    """Declare an address of the web; by default there is none."""
    return _field("", Parameter(read_address, change))


def _field(default: object, parameter: Parameter) -> Any:
    return attrs.field(
        default=attrs.NOTHING if default is None else default, kw_only=True, metadata={"parameter": parameter}
    )


def ppm(text: str) -> Ppm:
    return int(Decimal(text) * ONE)


def read_whole(raw: object) -> int:
    # A boolean is not an integer, and 2.0 is not one either.
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValueError(f"must be a whole number, not {shown(raw)}")
    return raw


def read_ppm(raw: object) -> Ppm:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise ValueError(f"must be a number, not {shown(raw)}")
    # A float comes only from the JSON of a start command; its shortest form is what was written there.
    exact = (raw if isinstance(raw, Decimal) else Decimal(str(raw))) * ONE
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise ValueError(f"has more than six decimals: {shown(raw)}")
    return int(exact)


def read_flag(raw: object) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"must be true or false, not {raw!r}")
    return raw


def read_choice(choices: type[Enum], raw: object) -> Enum:
    words = [member.value for member in choices]
    if raw not in words:
        raise ValueError(f"must be one of {', '.join(words)}, not {raw!r}")
    return choices(raw)


def read_address(raw: object) -> str:
    if not isinstance(raw, str) or not raw.startswith(("http://", "https://")):
        raise ValueError(f"must be an http or https address, not {raw!r}")
    return raw


def shown(raw: object) -> str:
    return str(raw) if isinstance(raw, Decimal) else repr(raw)
