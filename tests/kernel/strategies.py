"""What the property tests draw from: few people, few markets, small numbers, so that things meet."""

from typing import Final

import attrs
from hypothesis import strategies as st

from kernel.codes import AMM_ID, Direction, ReferenceType, SelfTradeMode, Side, TimeInForce
from kernel.commands import MarketTerms

START: Final = 1_790_000_000_000_000
"""Microseconds: some day in 2026."""
SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND

ESCROW: Final = "mm:1"
"""A sub-account of ann's."""

MARKETS: Final = {
    "plain": MarketTerms(title="The default fees"),
    "free": MarketTerms(
        title="No fees",
        maker_fee_bps=0,
        taker_fee_bps=0,
        halt_move_cents=8,
        halt_window_ms=60_001,
        halt_pause_ms=1_000,
    ),
    "dear": MarketTerms(
        title="The maker pays most",
        maker_fee_bps=1_000,
        taker_fee_bps=300,
        collar_cents=12,
        collar_window_ms=20_001,
        halt_move_cents=9,
        halt_window_ms=20_000,
        halt_pause_ms=0,
    ),
    "narrow": MarketTerms(
        title="A narrow range", min_price_cents=45, max_price_cents=57, taker_fee_bps=1_000
    ),
    "small": MarketTerms(
        title="Small limits",
        min_price_cents=45,
        max_order_quantity=15,
        max_position_per_user=17,
        max_order_amount_cents=700,
        void_window_ms=60_000,
        max_open_orders=3,
        max_open_orders_total=6,
        max_open_orders_amm=4,
        maker_fee_bps=77,
        taker_fee_bps=33,
    ),
    "timed": MarketTerms(
        title="A trading window",
        trading_start_at=START + 10 * SECOND,
        trading_end_at=START + HOUR,
        void_window_ms=90_001,
        collar_cents=20,
        halt_move_cents=6,
        halt_window_ms=40_000,
        halt_pause_ms=2_000,
    ),
}

HOLDERS: Final = ("ann", "ben", "cat", ESCROW, AMM_ID)
"""Ann and ben net their pairs, cat does not."""

users = st.sampled_from([*HOLDERS, *HOLDERS, *HOLDERS, "dan", "nobody"])
sides = st.sampled_from(Side)
directions = st.sampled_from(Direction)
nonces = st.integers(0, 2**62 - 1)

HUGE: Final = (-(2**63), -1, 0, 2**63 - 1, 2**63, 2**70)


def mostly(usual: st.SearchStrategy[int], *odd: int) -> st.SearchStrategy[int]:
    """One time in eight something that no sensible caller would send."""
    return st.one_of(*[usual] * 7, st.sampled_from(odd))


prices = mostly(st.integers(1, 99), 98, 99, 100, *HUGE)
quantities = mostly(st.integers(1, 60), 10_000, 10_001, 2**31 - 1, 2**31, *HUGE)
amounts = mostly(st.integers(1, 3_000), 10_000_000, 10_000_001, *HUGE)
keys = st.sampled_from([*(f"k{number}" for number in range(9)), "amm_start_plain_1"])
"""Few, so that they come again with the same request and with another."""

transfer_types = st.sampled_from(
    [
        ReferenceType.MM_PAYMENT,
        ReferenceType.MM_PAYMENT,
        ReferenceType.MM_REFUND,
        ReferenceType.MM_REWARD,
        ReferenceType.MM_VENUE_OUT,
        ReferenceType.AMM_MINT,
    ]
)

steps_in_time = st.one_of(
    st.integers(0, 3 * SECOND),
    st.integers(0, 3 * SECOND),
    st.sampled_from([-HOUR, -SECOND, -1, 1, 999, 1_000, 60 * SECOND, HOUR]),
)


@attrs.frozen
class Attributes:
    """What an order asks for beside side, price and quantity. Times count from when it is sent."""

    time_in_force: TimeInForce = TimeInForce.GTC
    expires_in: int | None = None
    post_only: bool = False
    most: int | None = None
    """The spend cap, if it buys."""
    self_trade_mode: SelfTradeMode = SelfTradeMode.REJECT
    group_id: str | None = None


GTC, IOC, FOK, GTD = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD
NOTHING: Final = Attributes()
MODES: Final = (*SelfTradeMode, SelfTradeMode.REJECT, SelfTradeMode.CANCEL_MAKER)
modes = st.sampled_from(MODES)
groups = st.sampled_from([None, None, "g", "h"])
rarely = st.sampled_from([False, False, False, True])
lifetimes = st.one_of(
    st.integers(1, 3 * SECOND), st.integers(1, 3 * SECOND), st.sampled_from([-1, 0, 1, HOUR])
)
caps = st.one_of(st.none(), st.integers(1, 700), st.sampled_from([1, 50, 100, 10_000]))
attributes = st.one_of(
    st.just(NOTHING),
    st.builds(Attributes, st.just(GTD), lifetimes, post_only=rarely, self_trade_mode=modes, group_id=groups),
    st.builds(Attributes, st.just(GTC), post_only=rarely, self_trade_mode=modes, group_id=groups),
    st.builds(Attributes, st.sampled_from([IOC, FOK]), most=caps, self_trade_mode=modes, group_id=groups),
)
pick = st.integers(0, 63)
"""Which of the things there are, counted from the newest."""
