"""Integer arithmetic for prices and ratios. There is no binary floating point anywhere in the maker's brain.

Prices are held in uc (one millionth of a cent) and ratios in ppm (one millionth), so that two platforms,
and the laboratory beside the live bot, agree to the last digit. This file knows no markets.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Cents: TypeAlias = int
Uc: TypeAlias = int
Ppm: TypeAlias = int
Shares: TypeAlias = int
Ms: TypeAlias = int

CENT: Final[Uc] = 1_000_000
ONE: Final[Ppm] = 1_000_000
PAIR: Final[Cents] = 100
DAY_MS: Final[Ms] = 86_400_000

LN_2: Final = 693_147_180_560
"""The natural logarithm of 2, in units of 10^-12."""
LN_UNIT: Final = 10**12


def rdiv(a: int, b: int) -> int:
    """Return a / b as the nearest integer, ties away from zero: long and short round alike."""
    assert b > 0
    return (2 * a + b) // (2 * b) if a >= 0 else -((-2 * a + b) // (2 * b))


def cdiv(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


def fdiv(a: int, b: int) -> int:
    """Return a / b rounded down."""
    return a // b


def clamp(value: int, low: int, high: int) -> int:
    return low if value < low else min(value, high)


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def ln_ppm(x: Ppm) -> Ppm:
    """Return the natural logarithm of x >= 1.

    x is halved into [1, 2), where ln m = 2 artanh((m - 1) / (m + 1)) converges by a factor of nine a term.
    """
    assert x >= ONE
    halvings = 0
    mantissa = x * (LN_UNIT // ONE)
    while mantissa >= 2 * LN_UNIT:
        mantissa //= 2
        halvings += 1
    y = (mantissa - LN_UNIT) * LN_UNIT // (mantissa + LN_UNIT)
    total, power, odd = 0, y, 1
    while power:
        total += power // odd
        power = power * y // LN_UNIT * y // LN_UNIT
        odd += 2
    return rdiv(halvings * LN_2 + 2 * total, LN_UNIT // ONE)


def epoch_ms(moment: datetime) -> Ms:
    """Return a moment in milliseconds since 1970. Raise TypeError if it has no zone."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def write_epoch_ms(moment: Ms) -> str:
    """Return a moment as the exchange reads it."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).isoformat()


def read_epoch_ms(written: str | None) -> Ms | None:
    """Read a time as the exchange writes it. Raise ValueError or TypeError for what is none."""
    return None if written is None else epoch_ms(datetime.fromisoformat(written))
