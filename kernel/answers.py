"""What the kernel answers: the outcome of a command, as a value that later commands cannot change."""

from typing import Any

import msgspec

from kernel.codes import (
    AdminAction,
    CancelReason,
    Code,
    FrozenAssetType,
    GroupState,
    KeyKind,
    OrderStatus,
    ResolutionResult,
    StopMode,
)
from kernel.commands import AnyCommand, OrderTerms, VoidBasis
from kernel.events import Fact
from kernel.making_answers import AnyMmAnswer
from kernel.market import Order


class Refusal(msgspec.Struct, frozen=True):
    """An expected no. It is a value and no exception: the caller asked, and this is the answer."""

    code: Code
    message: str
    data: dict[str, Any] | None = None


class OrderNow(msgspec.Struct, frozen=True, gc=False):
    """An order at one moment: the order itself for what never changes, and copies of what does."""

    order: Order
    terms: OrderTerms
    amend_count: int
    status: OrderStatus
    filled_quantity: int
    remaining_quantity: int
    frozen_amount: int
    cancel_reason: CancelReason | None
    updated_at: int


class Netting(msgspec.Struct, frozen=True):
    """What one caller's nettings within one command came to."""

    pairs_netted: int
    released_cents: int


class Opened(msgspec.Struct, frozen=True):
    user_id: str


class BalanceMoved(msgspec.Struct, frozen=True):
    available: int
    amount: int
    ledger_id: int


class Transferred(msgspec.Struct, frozen=True):
    """The number of the journal's fact that moved it; the same number when the request is repeated."""

    journal_id: int


class FenceStands(msgspec.Struct, frozen=True):
    fence: int


class JournalStands(msgspec.Struct, frozen=True):
    """The journal goes on from where it ends; told by the row that says so."""

    journal_id: int


class Forgotten(msgspec.Struct, frozen=True):
    """How many orders, keys or positions memory has let go of."""

    count: int


class AskThePast(msgspec.Struct, frozen=True):
    """Nothing is decided: the command names orders, or a key, that memory may have let go of.

    Whoever sent it looks for them, as of what the outcome has `seen`, and sends it again with what was found.
    """

    user_id: str
    names: tuple[str, ...] = ()
    """Client order ids of this account."""
    order_ids: tuple[str, ...] = ()
    key: tuple[KeyKind, str] | None = None


class GuardStands(msgspec.Struct, frozen=True):
    grace_ms: int | None
    markets: tuple[str, ...] | None


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An order as the command left it; its trades are the fills among the outcome's facts."""

    order: OrderNow
    netting: Netting | None
    repeated: bool = False
    """Asked for before under the same client_order_id: nothing happened now."""
    self_trade_cancelled: tuple[str, ...] = ()
    """The orders of the same owner that gave way to it, in their order."""


class Replaced(msgspec.Struct, frozen=True, gc=False):
    old: OrderNow
    new: OrderNow
    netting: Netting | None
    repeated: bool = False
    self_trade_cancelled: tuple[str, ...] = ()


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    order: OrderNow
    unfrozen_amount: int
    unfrozen_asset_type: FrozenAssetType
    netting: Netting | None


class Amended(msgspec.Struct, frozen=True, gc=False):
    """An order as an amend left it; its trades are the fills among the outcome's facts."""

    order: OrderNow
    changed: bool
    """False if it was so already: nothing happened."""
    kept_priority: bool
    netting: Netting | None
    self_trade_cancelled: tuple[str, ...] = ()


class BatchCancelled(msgspec.Struct, frozen=True):
    market_id: str
    cancelled_count: int
    unfrozen_funds: int
    unfrozen_yes_shares: int
    unfrozen_no_shares: int


class AllCancelled(BatchCancelled, frozen=True):
    """Of one market, as far as the orders fitted the filters."""

    netting: Netting | None


class OrderIs(msgspec.Struct, frozen=True):
    """What a command of a repeated batch had named, as it is now; nothing if there is no such order."""

    order: OrderNow | None


class Done(msgspec.Struct, frozen=True):
    """One command of an atomic batch: its answer, and the journal ids of its facts, behind `after`."""

    answer: "Answer | OrderIs"
    after: int
    upto: int


class Batched(msgspec.Struct, frozen=True):
    market_id: str
    done: tuple[Done, ...]
    repeated: bool = False


class GroupNow(msgspec.Struct, frozen=True):
    """An order group at one moment."""

    market_id: str
    group_id: str
    max_fill_quantity: int
    window_ms: int
    state: GroupState
    filled_in_window: int
    open_orders: int
    triggered_at: int | None
    created_at: int


class GroupIs(msgspec.Struct, frozen=True):
    """A group as a command left it; of one that is deleted, as it was."""

    group: GroupNow
    is_new: bool = False


class PairsMoved(msgspec.Struct, frozen=True):
    """Pairs came to be or ceased: how many, the cash that moved, and what the account holds after."""

    market_id: str
    quantity: int
    cents: int
    new_yes_inventory: int
    new_no_inventory: int
    remaining_balance: int
    repeated: bool = False


class Minted(PairsMoved, frozen=True):
    """Paid into the reserve, 100 cents a pair."""


class Burned(PairsMoved, frozen=True):
    """Paid out of the reserve, 100 cents a pair."""


class AmmRunning(msgspec.Struct, frozen=True):
    market_id: str
    initial_budget: int
    initial_mint_quantity: int
    started_at: int


class AmmStoppedNow(msgspec.Struct, frozen=True):
    market_id: str
    stop_mode: StopMode
    cancelled_orders_count: int
    remaining_yes_inventory: int
    remaining_no_inventory: int
    remaining_balance: int
    stopped_at: int


class MarketIs(msgspec.Struct, frozen=True):
    """A change of a market was made (or was not needed): ask for the market to see it."""

    market_id: str


class Settlement(msgspec.Struct, frozen=True):
    settled_at: int
    total_payout: int
    winners_count: int
    cancelled_orders_count: int
    cancelled_orders_unfrozen: int


class Resolved(msgspec.Struct, frozen=True):
    market_id: str
    result: ResolutionResult
    resolved_at: int
    settlement: Settlement | None
    void_price_cents: int | None = None
    void_basis: VoidBasis | None = None
    """None where nobody chose a price now: a result, or a settlement."""


class Unfinished(msgspec.Struct, frozen=True):
    """One portion is done, and there are more: whoever had it decided has to have this decided next.

    The answer to the last portion is the answer to the first command.
    """

    then: AnyCommand


class Proposed(msgspec.Struct, frozen=True):
    """It waits for a second administrator; nothing of it has happened yet."""

    proposal_id: int
    action: AdminAction
    market_id: str
    request: dict[str, Any]
    by: str
    by_id: str
    created_at: int
    expires_at: int


Answer = (
    Placed
    | Cancelled
    | Replaced
    | Amended
    | BatchCancelled
    | AllCancelled
    | Batched
    | GroupIs
    | Minted
    | Burned
    | BalanceMoved
    | Opened
    | Transferred
    | FenceStands
    | GuardStands
    | JournalStands
    | AmmRunning
    | AmmStoppedNow
    | MarketIs
    | Resolved
    | Unfinished
    | AskThePast
    | Forgotten
    | Proposed
    | AnyMmAnswer
)


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One command, decided: the answer, and the facts that came of it.

    What was overdue in the command's market comes first, whatever the answer. Beside that a refusal has no
    facts, with two exceptions: a replacement that finds its old order partly filled cancels the rest and is
    refused; and a command that finds its market broken halts it.
    """

    answer: Answer | Refusal
    facts: list[Fact]
    seen: int
    """The newest journal id this answer could know of; it may be told once that id is durable."""

    @property
    def then(self) -> AnyCommand | None:
        """What has to be decided next, because this was only a portion."""
        return self.answer.then if type(self.answer) is Unfinished else None
