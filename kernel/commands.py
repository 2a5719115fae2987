"""Commands: everything the exchange can be asked to do. The whole vocabulary, imperative.

A command is pure data. What the kernel needs from the world arrives in it: the time (`at`), and random
bits (`nonce`) where an id must be unguessable. Who may send what is decided by whoever lets callers in.
"""

from typing import Any

import msgspec

from kernel.codes import (
    CancelScope,
    CircuitBreakerTrigger,
    ClosingStage,
    Direction,
    MarketStatus,
    ReferenceType,
    SelfTradeMode,
    Side,
    StopMode,
    TimeInForce,
    TradingMode,
    VoidSource,
)
from kernel.command import Command as Command
from kernel.command import RecallingCommand as RecallingCommand
from kernel.command import TimedCommand as TimedCommand
from kernel.making_commands import (
    AcquireMmLeases,
    ControlMmCampaign,
    ControlMmOrder,
    CreateMmCampaign,
    CreateMmOrder,
    JoinMmCampaign,
    NoteMmCampaign,
    PayMmOrder,
    ReconcileMmOrder,
    ReleaseMmLease,
    RenewMmLease,
    StepMmVenue,
    WithdrawMmOrder,
)
from kernel.windows import Reference

# Accounts


class OpenJournal(Command, frozen=True, kw_only=True, tag="OPEN_JOURNAL"):
    """The first command of all: opens the system's own accounts."""


class OpenAccount(Command, frozen=True, kw_only=True, tag="OPEN_ACCOUNT"):
    """Open an account with nothing in it."""

    user_id: str
    owner_id: str | None = None
    """The beneficial owner, for a sub-account: self-trade and position checks look at the owner."""
    auto_netting: bool = True


class Deposit(Command, frozen=True, kw_only=True, tag="DEPOSIT"):
    user_id: str
    amount: int


class Withdraw(Command, frozen=True, kw_only=True, tag="WITHDRAW"):
    user_id: str
    amount: int


class TransferFunds(RecallingCommand, frozen=True, kw_only=True, tag="TRANSFER_FUNDS"):
    """Move available cash between two accounts, once per idempotency key."""

    from_id: str
    to_id: str
    amount: int
    reference_type: ReferenceType
    idempotency_key: str


class TransferShares(RecallingCommand, frozen=True, kw_only=True, tag="TRANSFER_SHARES"):
    """Move free shares, and the cost that goes with them, between two accounts, once per idempotency key."""

    from_id: str
    to_id: str
    market_id: str
    side: Side
    quantity: int
    reference_type: ReferenceType
    idempotency_key: str


class RaiseFence(Command, frozen=True, kw_only=True, tag="RAISE_FENCE"):
    """From now on, commands for this sub-account that carry a lower number come too late."""

    user_id: str
    fence: int


class AcceptJournal(Command, frozen=True, kw_only=True, tag="ACCEPT_JOURNAL"):
    """Go on from this journal although somebody can tell that it once was longer, or another."""

    last_id: int
    """Where it ends."""
    reason: str
    witnesses: tuple[str, ...]
    """What they told against it."""
    by: str


class ForgetOrders(Command, frozen=True, kw_only=True, tag="FORGET_ORDERS"):
    """Let go of the orders that were closed before this time, up to so many. All of that is in the tables."""

    before: int
    most: int


class ForgetKeys(Command, frozen=True, kw_only=True, tag="FORGET_KEYS"):
    """Let go of what idempotency keys did before this time, up to so many. That they did stays known."""

    before: int
    most: int


class ForgetPositions(Command, frozen=True, kw_only=True, tag="FORGET_POSITIONS"):
    """Let go of positions in a market that was over before then, up to so many. The tables have them."""

    market_id: str
    before: int
    most: int


class SetGuard(Command, frozen=True, kw_only=True, tag="SET_GUARD"):
    """Cancel my orders should I stay disconnected for `grace_ms`; null takes the guard off."""

    user_id: str
    grace_ms: int | None
    markets: tuple[str, ...] | None = None


class CancelledSoFar(msgspec.Struct, frozen=True):
    """What the portions before this one have cancelled, of orders that were there when the first began."""

    upto: int
    """The newest journal id then: orders accepted later are not meant."""
    orders: int = 0
    funds: int = 0
    yes_shares: int = 0
    no_shares: int = 0
    pairs: int = 0
    """That turned back into cash, because shares were set free."""


class FireGuard(Command, frozen=True, kw_only=True, tag="FIRE_GUARD"):
    """The user stayed away: cancel its orders in this market, if its guard covers it."""

    user_id: str
    market_id: str
    so_far: CancelledSoFar | None = None


# Orders


class OrderTerms(msgspec.Struct, frozen=True, gc=False):
    """What an order is for: to buy or sell up to `quantity` shares of `side` at `price` or better.

    One value, from the command through the order to every answer: two requests are the same if their terms
    are equal. An attribute that orders get one day is added here, with a default.
    """

    side: Side
    direction: Direction
    price: int
    quantity: int
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int | None = None
    """From when on it trades no more: of a GTD order, and of no other."""
    post_only: bool = False
    """Whether to refuse it rather than let it take."""
    max_cost_cents: int | None = None
    """The most it may cost, fees included; of a buy that never rests."""
    self_trade_mode: SelfTradeMode = SelfTradeMode.REJECT
    group_id: str | None = None


class OrderWish(TimedCommand, frozen=True, kw_only=True):
    """What placing and replacing share."""

    user_id: str
    client_order_id: str
    market_id: str
    terms: OrderTerms
    nonce: int
    """62 random bits: the part of the order's id that nobody can guess."""
    fence: int | None = None


class PlaceOrder(OrderWish, frozen=True, kw_only=True, tag="PLACE_ORDER"):
    """A wish to trade now what meets the price, and to rest with what is left."""


class ReplaceOrder(OrderWish, frozen=True, kw_only=True, tag="REPLACE_ORDER"):
    """Take an untouched order off the book and place another in the same step, or neither."""

    old_order_id: str

    @property
    def acts_on(self) -> str:
        return self.old_order_id


class CancelOrder(TimedCommand, frozen=True, kw_only=True, tag="CANCEL_ORDER"):
    user_id: str
    order_id: str
    fence: int | None = None

    @property
    def acts_on(self) -> str:
        return self.order_id


class CancelByClientId(TimedCommand, frozen=True, kw_only=True, tag="CANCEL_BY_CLIENT_ID"):
    """Cancel by the name the user gave the order, within one market."""

    user_id: str
    market_id: str
    client_order_id: str
    fence: int | None = None


class Amend(TimedCommand, frozen=True, kw_only=True):
    """What both ways of naming an order to amend share: another price, another quantity, or both."""

    user_id: str
    price: int | None = None
    quantity: int | None = None
    """The new total, with what is filled of it already."""
    post_only: bool = False
    """Whether to refuse the amend rather than let the order take in it."""
    fence: int | None = None


class AmendOrder(Amend, frozen=True, kw_only=True, tag="AMEND_ORDER"):
    """Change the price or the quantity of a live order, as one step; it keeps its id."""

    order_id: str

    @property
    def acts_on(self) -> str:
        return self.order_id


class AmendByClientId(Amend, frozen=True, kw_only=True, tag="AMEND_BY_CLIENT_ID"):
    """The same by the name the user gave the order, within one market."""

    market_id: str
    client_order_id: str


class BatchCancel(TimedCommand, frozen=True, kw_only=True, tag="BATCH_CANCEL"):
    """Cancel every own order of one market that is in scope."""

    user_id: str
    market_id: str
    scope: CancelScope = CancelScope.ALL
    fence: int | None = None
    so_far: CancelledSoFar | None = None


class CancelAll(TimedCommand, frozen=True, kw_only=True, tag="CANCEL_ALL"):
    """Cancel every own order of one market, or those of one side, of one direction, of one group."""

    user_id: str
    market_id: str
    side: Side | None = None
    direction: Direction | None = None
    group_id: str | None = None
    fence: int | None = None
    so_far: CancelledSoFar | None = None


Batchable = PlaceOrder | AmendOrder | AmendByClientId | CancelOrder | CancelByClientId


class AtomicBatch(TimedCommand, frozen=True, kw_only=True, tag="ATOMIC_BATCH"):
    """Do all of this, at one moment and in this order, or nothing of it."""

    user_id: str
    market_id: str
    commands: tuple[Batchable, ...]
    """All of the same user; the time is the batch's."""
    fence: int | None = None


class GroupCommand(TimedCommand, frozen=True, kw_only=True):
    """What all commands for an order group share: whose it is, where, and its name there."""

    user_id: str
    market_id: str
    group_id: str
    fence: int | None = None


class SetGroup(GroupCommand, frozen=True, kw_only=True, tag="SET_GROUP"):
    """Let orders of this group trade no more than so many shares in so long; make the group if need be."""

    max_fill_quantity: int
    window_ms: int


class ResetGroup(GroupCommand, frozen=True, kw_only=True, tag="RESET_GROUP"):
    """Take orders of this group again, and count its fills from nothing."""


class TriggerGroup(GroupCommand, frozen=True, kw_only=True, tag="TRIGGER_GROUP"):
    """Brake now: cancel its orders and take no others."""


class DeleteGroup(GroupCommand, frozen=True, kw_only=True, tag="DELETE_GROUP"):
    """Cancel its orders and forget it."""


# The market maker


class MintShares(TimedCommand, frozen=True, kw_only=True, tag="MINT_SHARES"):
    """Pay 100 cents a pair into the reserve and receive the pairs, without a counterparty."""

    user_id: str
    market_id: str
    quantity: int
    idempotency_key: str
    nonce: int


class BurnShares(TimedCommand, frozen=True, kw_only=True, tag="BURN_SHARES"):
    """Give pairs back to the reserve for 100 cents each."""

    user_id: str
    market_id: str
    quantity: int
    idempotency_key: str
    nonce: int
    fence: int | None = None


class GraveCommand(Command, frozen=True, kw_only=True):
    """What ends a market or gives money by hand, by an administrator; with four eyes, by two."""

    market_id: str
    by: str
    by_id: str | None = None
    """The administrator's user id: whose shares are looked for, and who cannot be the second as well."""
    four_eyes: bool = False


class StartAmm(GraveCommand, frozen=True, kw_only=True, tag="START_AMM"):
    initial_budget: int
    initial_price: int
    config_override: dict[str, Any] = msgspec.field(default_factory=dict)
    nonce: int


class StopAmm(Command, frozen=True, kw_only=True, tag="STOP_AMM"):
    market_id: str
    stop_mode: StopMode = StopMode.GRACEFUL
    by: str
    so_far: CancelledSoFar | None = None


class AuthorizeAmm(Command, frozen=True, kw_only=True, tag="AUTHORIZE_AMM"):
    market_id: str
    authorized: bool
    by: str


# Markets


class MarketTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a market: fixed when it is created, for frozen amounts depend on them."""

    title: str
    description: str | None = None
    category: str | None = None
    min_price_cents: int = 1
    max_price_cents: int = 99
    max_order_quantity: int = 10_000
    max_position_per_user: int = 25_000
    max_order_amount_cents: int = 1_000_000
    maker_fee_bps: int = 10
    taker_fee_bps: int = 20
    trading_start_at: int | None = None
    trading_end_at: int | None = None
    resolution_date: int | None = None
    max_open_orders: int = 200
    """Live orders that one owner may have here, over all its accounts."""
    max_open_orders_total: int = 2_000
    """Live orders that whoever adds one here may have in all markets."""
    max_open_orders_amm: int = 2_000
    """Live orders that the market maker may have here; it has no bound in all."""
    void_window_ms: int = 86_400_000
    """Trading time over which a price is averaged that a void market may pay."""
    collar_cents: int = 0
    """How far from the recent average an order may trade; 0: as far as it likes."""
    collar_window_ms: int = 60_000
    halt_move_cents: int = 0
    """How far apart the prices of recent trades may be before trading pauses; 0: as far as they like."""
    halt_window_ms: int = 300_000
    halt_pause_ms: int = 300_000
    """How long the pause is; 0: until an administrator ends it."""


class CreateMarket(Command, frozen=True, kw_only=True, tag="CREATE_MARKET"):
    market_id: str
    terms: MarketTerms
    amm_authorized: bool = True
    by: str


class ActivateMarket(Command, frozen=True, kw_only=True, tag="ACTIVATE_MARKET"):
    market_id: str
    by: str


class SuspendMarket(Command, frozen=True, kw_only=True, tag="SUSPEND_MARKET"):
    market_id: str
    reason: str | None = None
    by: str


class HaltMarket(Command, frozen=True, kw_only=True, tag="HALT_MARKET"):
    """An administrator pulls the brake."""

    market_id: str
    reason: str
    by: str


class SetMarketMode(Command, frozen=True, kw_only=True, tag="SET_MARKET_MODE"):
    """Take only some orders from now on, or all of them again."""

    market_id: str
    mode: TradingMode
    until: int | None = None
    """From when on it is NORMAL again, by itself; without it an administrator says when."""
    reason: str | None = None
    by: str | None = None
    """Nobody: the server began anew."""


class TripBreaker(Command, frozen=True, kw_only=True, tag="TRIP_BREAKER"):
    """A check found the market broken: nothing moves in it until somebody looked."""

    market_id: str
    trigger: CircuitBreakerTrigger
    context: dict[str, Any]


class ResumeMarket(Command, frozen=True, kw_only=True, tag="RESUME_MARKET"):
    market_id: str
    target_status: MarketStatus = MarketStatus.ACTIVE
    resolution_note: str | None = None
    sound_after: int | None = None
    """Whoever asks has seen every invariant hold: how many breaker records there were when it looked.

    Without it the decision looks for itself, in one step, however long that takes.
    """
    by: str


class ResolveMarket(GraveCommand, frozen=True, kw_only=True, tag="RESOLVE_MARKET"):
    result: str
    """YES, NO or VOID; anything else has a refusal of its own."""
    settle: bool = True
    void_price_cents: int | None = None
    """What a void market pays for a YES share; its reference price, if this does not say."""


class VoidMarket(GraveCommand, frozen=True, kw_only=True, tag="VOID_MARKET"):
    reason: str | None = None
    void_price_cents: int | None = None


class SettleMarket(GraveCommand, frozen=True, kw_only=True, tag="SETTLE_MARKET"):
    """Pay out what was resolved without it."""


class VoidBasis(msgspec.Struct, frozen=True):
    """Where the price of a void market comes from, and what its reference price rests on."""

    source: VoidSource
    reference: Reference


class CloseMarket(Command, frozen=True, kw_only=True, tag="CLOSE_MARKET"):
    """Close the next portion of a market that is too large for one step. The actor gives it to itself.

    Without a stage it begins again and finds what is left to do: that is how a start goes on after a crash.
    """

    market_id: str
    stage: ClosingStage = ClosingStage.CANCEL
    after: str = ""
    """The last holder that this stage has looked at."""
    yes: int = 0
    """What the check has counted so far: shares of either side, and what was paid for them."""
    no: int = 0
    costs: int = 0
    void_basis: VoidBasis | None = None
    """For the answer to whoever resolved it."""

    @property
    def lets_others_in(self) -> bool:
        return True


class Tick(Command, frozen=True, kw_only=True, tag="TICK"):
    """Time has passed: what is due in a market by the clock happens."""

    market_id: str
    venues_off: bool = False
    """Making markets elsewhere is switched off: what was to leave, and has not, goes back."""


AnyGraveCommand = ResolveMarket | VoidMarket | SettleMarket | StartAmm

AnyGroupCommand = SetGroup | ResetGroup | TriggerGroup | DeleteGroup

AnyCommand = (
    PlaceOrder
    | CancelOrder
    | CancelByClientId
    | ReplaceOrder
    | AmendOrder
    | AmendByClientId
    | BatchCancel
    | CancelAll
    | AtomicBatch
    | SetGroup
    | ResetGroup
    | TriggerGroup
    | DeleteGroup
    | MintShares
    | BurnShares
    | Deposit
    | Withdraw
    | OpenAccount
    | TransferFunds
    | TransferShares
    | RaiseFence
    | AcceptJournal
    | ForgetOrders
    | ForgetKeys
    | ForgetPositions
    | SetGuard
    | FireGuard
    | StartAmm
    | StopAmm
    | AuthorizeAmm
    | CreateMarket
    | ActivateMarket
    | SuspendMarket
    | HaltMarket
    | TripBreaker
    | ResumeMarket
    | SetMarketMode
    | ResolveMarket
    | VoidMarket
    | SettleMarket
    | CloseMarket
    | Tick
    | OpenJournal
    | CreateMmOrder
    | PayMmOrder
    | ControlMmOrder
    | WithdrawMmOrder
    | AcquireMmLeases
    | RenewMmLease
    | ReleaseMmLease
    | CreateMmCampaign
    | ControlMmCampaign
    | JoinMmCampaign
    | NoteMmCampaign
    | StepMmVenue
    | ReconcileMmOrder
)
"""Every command there is; the journal decodes with it."""
