"""Somebody sends what nobody should: a request that was made before, with one member as odd as it can be."""

from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from kernel.commands import OpenJournal
from kernel.making_commands import MmCounts, MmLimits, MmPolicy, Observed, VenueRules
from tests.kernel.members import altered, members_of
from tests.kernel.play.crowd import Crowd, act
from tests.kernel.strategies import HUGE, pick

ODD_TEXTS: Final = (
    *("", "x", "x" * 64, "x" * 65, "x" * 128, "x" * 129, "x" * 500, "x" * 501, "x" * 10_000, "x" * 10_001),
    *("two words", "a\nb\tc", "a\0b", "\x7f", "\x85", "\xa0\u2028", "\ud800", "\U0010ffff", "é" * 64),
)
ODD_NUMBERS: Final = (*HUGE, -(2**63) - 1, 2**62 - 1, 2**62, 1)
ODD_TIMES: Final = (
    *(946_684_799_999_999, 946_684_800_000_000, 32_503_679_999_999_999, 32_503_680_000_000_000),
    *(-(2**63), 0, 2**63 - 1),
)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


ODD_JSON: Final[tuple[dict[str, Any], ...]] = (
    {"a": [None, True, "a\nb", {"": 0}], "b": 2**63 - 1},
    *({"a": value} for value in (1.797e308, 1e15, 1.1e15, 1e-9, 9e-10, -0.0, 0.0, -1.5, float("inf"))),
    *({"a": value} for value in (2**63, -(2**63) - 1, "a\0", "\ud800", nested(31), nested(32), b"x")),
    {"a\0": 1},
)
ODD: Final[dict[str, tuple[Any, ...]]] = {
    "config_override": ODD_JSON,
    "context": ODD_JSON,
    "markets": (("x" * 65,), ("",), ("plain",) * 10_001),
    "witnesses": (("x" * 500,), ("x" * 501,), ("",), ("fine", "a\0"), ("\ud800",), ()),
    **dict.fromkeys(("trading_start_at", "trading_end_at", "resolution_date", "until"), ODD_TIMES),
    **dict.fromkeys(
        ("amount", "before", "price", "quantity", "fence", "grace_ms", "nonce", "sound_after", "valid_until"),
        ODD_NUMBERS,
    ),
    **dict.fromkeys(
        ("initial_budget", "initial_price", "last_id", "yes", "no", "costs", "void_price_cents"), ODD_NUMBERS
    ),
    **dict.fromkeys(("user_id", "owner_id", "from_id", "to_id", "market_id", "client_order_id"), ODD_TEXTS),
    **dict.fromkeys(("idempotency_key", "by", "by_id", "reason", "resolution_note"), ODD_TEXTS),
    "expires_at": ODD_TIMES,
    **dict.fromkeys(("max_open_orders", "max_open_orders_total", "max_open_orders_amm"), ODD_NUMBERS),
    **dict.fromkeys(("void_window_ms", "collar_cents", "collar_window_ms"), ODD_NUMBERS),
    **dict.fromkeys(("halt_window_ms", "halt_pause_ms"), ODD_NUMBERS),
    "max_cost_cents": ODD_NUMBERS,
    "most": (*ODD_NUMBERS, 500, 501),
    **dict.fromkeys(("max_fill_quantity", "window_ms"), (*ODD_NUMBERS, 99, 100, 86_400_000, 86_400_001)),
    **dict.fromkeys(("required_cash_cents", "required_yes_shares", "required_no_shares"), ODD_NUMBERS),
    **dict.fromkeys(("amount_cents", "yes_shares", "no_shares", "limit"), ODD_NUMBERS),
    **dict.fromkeys(
        ("key", "venue", "campaign_id", "worker_id", "token", "error", "external_ref"), ODD_TEXTS
    ),
    "strategies": (("",), ("x" * 65,), ("quoter.1",), (), ("a\0",)),
    "policy": (MmPolicy(lease_ms=-1), MmPolicy(lease_ms=2**63), MmPolicy(lease_ms=0), MmPolicy()),
    "venue_rules": (
        *(VenueRules(max_cents=most) for most in (-1, 0, 2**63 - 1, 2**63)),
        *(VenueRules(names=names) for names in (("",), ("x" * 64,), ("x" * 65,), ("a\0",))),
    ),
    "venues": (("",), ("x" * 65,), ("elsewhere",), (), ("a\0",)),
    "tx_id": ODD_TEXTS,
    "evidence": (*ODD_TEXTS, "x" * 2_000, "x" * 2_001),
    **dict.fromkeys(("attempt", "equity_cents"), ODD_NUMBERS),
    "observed": (Observed(-1, 0, 0), Observed(2**63, 0, 0), Observed(0, 0, -(2**63) - 1)),
    "limits": (MmLimits(orders_per_user=-1), MmLimits(cycles_per_second=2**70), MmLimits()),
    "counts": (MmCounts(placed=-1), MmCounts(skipped=10_001), MmCounts(10_000), MmCounts(burned=2**64)),
    "group_id": ("g", "A-z_0.9", *ODD_TEXTS),
    **dict.fromkeys(("title", "category", "description", "after"), ODD_TEXTS),
}


class BoundsRules(Crowd):
    @act(which=pick, member=pick, value=pick)
    def somebody_sends_something_odd(self, which: int, member: int, value: int) -> None:
        done = self.both.commands[-1 - which % len(self.both.commands)]
        command: Any = msgspec.structs.replace(done, at=max(self.at, self.world.at))
        members = [name for name in members_of(type(command)) if name in ODD]
        if not members:
            return
        name = members[member % len(members)]
        self.do(altered(command, **{name: ODD[name][value % len(ODD[name])]}))

    @act(at=st.sampled_from([3_881_606_400_000_000, 2**63, -(2**63)]), which=pick)
    def somebody_has_an_odd_clock(self, at: int, which: int) -> None:
        """Far too late a command is refused; too early it is decided at the time of the newest fact."""
        done = self.both.commands[-1 - which % len(self.both.commands)]
        if not isinstance(done, OpenJournal):  # only a start says it, and only to an empty journal
            self.do(msgspec.structs.replace(done, at=at))
