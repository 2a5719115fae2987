"""What every event may carry, whatever it tells: see `events.py` for those that there are."""

import msgspec

from kernel.codes import LedgerEntryType


class Posting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One ledger entry: what changed on one account's available balance, and what it is now.

    Entries of one event are numbered on from the event's `ledger_id`. Where `order_id` is null the entry
    refers to what the event is about (see `reference`).
    """

    user_id: str
    entry_type: LedgerEntryType
    amount: int
    balance_after: int
    frozen_after: int
    order_id: str | None


class PositionAfter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    user_id: str
    yes_volume: int
    yes_cost_sum: int
    yes_pending_sell: int
    no_volume: int
    no_cost_sum: int
    no_pending_sell: int


class MarketAfter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    reserve_balance: int
    pnl_pool: int
    total_yes_shares: int
    total_no_shares: int


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True, gc=False):
    """What every fact may carry: what it changed.

    These members are named when an event is made; an event's own fields may be given by position, as the
    frequent ones are: naming eighteen fields costs ten times what the event does.
    """

    ledger_id: int = 0
    """Number of its first ledger entry; 0 if it has none."""
    postings: list[Posting] = []
    positions: list[PositionAfter] = []
    market: MarketAfter | None = None
