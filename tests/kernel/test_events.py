"""The vocabulary on the wire: every command and every event comes back as it went, under published names."""

import json
import typing

import msgspec
import pytest

from kernel.codes import (
    BookType,
    CancelReason,
    CancelScope,
    CircuitBreakerTrigger,
    ClosingStage,
    DepositCause,
    Direction,
    LedgerEntryType,
    MarketStatus,
    OrderStatus,
    ReferenceType,
    SelfTradeMode,
    Side,
    StopMode,
    TimeInForce,
    TradingMode,
    VoidSource,
)
from kernel.commands import (
    AcceptJournal,
    ActivateMarket,
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    AuthorizeAmm,
    BatchCancel,
    BurnShares,
    CancelAll,
    CancelByClientId,
    CancelledSoFar,
    CancelOrder,
    CloseMarket,
    Command,
    CreateMarket,
    DeleteGroup,
    Deposit,
    FireGuard,
    ForgetKeys,
    ForgetOrders,
    ForgetPositions,
    HaltMarket,
    MarketTerms,
    MintShares,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    RaiseFence,
    ReplaceOrder,
    ResetGroup,
    ResolveMarket,
    ResumeMarket,
    SetGroup,
    SetGuard,
    SetMarketMode,
    SettleMarket,
    StartAmm,
    StopAmm,
    SuspendMarket,
    Tick,
    TransferFunds,
    TransferShares,
    TriggerGroup,
    TripBreaker,
    VoidBasis,
    VoidMarket,
    Withdraw,
)
from kernel.events import (
    AnyEvent,
    Event,
    Fact,
    Fill,
    OrderAccepted,
    decode_event,
    encode_event,
    event_type,
    reference,
)
from kernel.exchange import DECISIONS
from kernel.making_commands import (
    AcquireMmLeases,
    CampaignControl,
    CampaignTerms,
    ControlMmCampaign,
    ControlMmOrder,
    CreateMmCampaign,
    CreateMmOrder,
    JoinMmCampaign,
    MmCounts,
    MmLimits,
    MmPolicy,
    MmTerms,
    NoteMmCampaign,
    Observed,
    PayMmOrder,
    PriceSource,
    ReconcileMmOrder,
    ReleaseMmLease,
    RenewMmLease,
    StepMmVenue,
    VenueRules,
    WithdrawMmOrder,
)
from kernel.making_edges import MmAsset, MmCaseOutcome, MmControl, MmDirection, MmOutcome, MmStep
from kernel.past import OrderImage, Past
from kernel.windows import Reference
from tests.kernel.trading import Trading, busy_day

EVENTS = {kind.__struct_config__.tag: kind for kind in typing.get_args(AnyEvent)}

GROUP = "user_id group_id previous_state max_fill_quantity window_ms filled_in_window"
OWN_MEMBERS = {
    "JOURNAL_OPENED": "format started_at_ms",
    "ACCOUNT_OPENED": "user_id auto_netting_enabled",
    "FUNDS_DEPOSITED": "user_id amount_cents cause",
    "FUNDS_WITHDRAWN": "user_id amount_cents cause",
    "ORDERS_FORGOTTEN": "orders last_id",
    "KEYS_FORGOTTEN": "uses",
    "POSITIONS_FORGOTTEN": "count last_id",
    "MARKET_CREATED": "terms amm_authorized",
    "MARKET_STATUS_CHANGED": "previous_status new_status reason resolution_result resolved_at by "
    "void_price_cents",
    "MARKET_MODE_CHANGED": "previous_mode new_mode until reason by",
    "MARKET_CLOSING": "settles",
    "MARKET_AMM_AUTHORIZED": "amm_authorized",
    "ORDER_GROUP_SET": GROUP,
    "ORDER_GROUP_TRIGGERED": f"{GROUP} cause",
    "ORDER_GROUP_RESET": GROUP,
    "ORDER_GROUP_DELETED": GROUP,
    "ORDER_ACCEPTED": (
        "order_id user_id client_order_id original_side original_direction original_price book_type "
        "book_direction book_price time_in_force quantity remaining_qty frozen_amount frozen_asset_type "
        "replaces_order_id expires_at post_only max_cost_cents self_trade_mode group_id"
    ),
    "ORDER_PARTIALLY_FILLED": (
        "order_id fill_qty trade_price new_remaining_qty counterparty_order_id trade orders "
        "maker_view taker_view"
    ),
    "ORDER_MATCHED": (
        "order_id fill_qty trade_price new_remaining_qty counterparty_order_id trade orders "
        "maker_view taker_view"
    ),
    "ORDER_AMENDED": (
        "order_id user_id previous_price previous_quantity original_price book_price quantity filled_qty "
        "remaining_qty frozen_amount kept_priority"
    ),
    "ORDER_CANCELLED": "order_id user_id remaining_qty frozen_amount cancel_reason view",
    "ORDER_EXPIRED": "order_id user_id expired_qty filled_qty frozen_amount",
    "NETTING_EXECUTED": "user_id quantity released_cents yes_cost_released no_cost_released",
    "SHARES_MINTED": (
        "user_id quantity cost_cents idempotency_key new_yes_inventory new_no_inventory "
        "remaining_balance_cents trade"
    ),
    "SHARES_BURNED": (
        "user_id quantity recovered_cents idempotency_key yes_cost_released no_cost_released "
        "new_yes_inventory new_no_inventory remaining_balance_cents trade"
    ),
    "POSITION_SETTLED": (
        "user_id resolution_result yes_volume no_volume yes_cost_sum no_cost_sum payout_cents "
        "void_price_cents"
    ),
    "MARKET_SETTLED": (
        "previous_status new_status resolution_result settled_at total_payout_cents winners_count "
        "void_price_cents"
    ),
    "AMM_STARTED": (
        "start_count initial_budget_cents initial_price_cents initial_mint_quantity config_override"
    ),
    "AMM_STOPPED": "stop_mode cause cancelled_orders_count",
    "GUARD_SET": "user_id grace_ms markets",
    "CIRCUIT_BREAKER_TRIGGERED": "breaker_id trigger_reason context",
    "CIRCUIT_BREAKER_RESOLVED": "breaker_ids resolved_by resolution_note target_status",
    "ADMIN_PROPOSED": "proposal_id action request by expires_at",
    "ADMIN_CONFIRMED": "proposal_id by",
    # Those of sub-accounts:
    "FUNDS_TRANSFERRED": "from_user_id to_user_id amount_cents reference_type idempotency_key",
    "SHARES_TRANSFERRED": ("from_user_id to_user_id side quantity cost_cents reference_type idempotency_key"),
    "FENCE_RAISED": "user_id fence",
    "JOURNAL_ACCEPTED": "last_id reason witnesses by",
    # Those of market-making orders:
    "MM_ORDER_CREATED": (
        "order_id user_id escrow_id strategy terms policy snapshot_hash required_cash_cents "
        "required_yes_shares required_no_shares venue campaign_id payment_deadline idempotency_key"
    ),
    "MM_ORDER_CHANGED": (
        "order_id user_id seq kind from_state to_state job_name trigger_id actor_type actor_id reason data "
        "version fence after"
    ),
    "MM_VENUE_CHANGED": "order_id user_id leg",
    "MM_CASE_CHANGED": "order_id user_id case",
    "MM_LEASE_ACQUIRED": "order_id user_id cycle_no fence token worker_id until lateness_ms",
    "MM_LEASE_RENEWED": "order_id cycle_no until",
    "MM_LEASE_RELEASED": (
        "order_id user_id cycle_no outcome fence worker_id started_at lateness_ms counts error bid_cents "
        "ask_cents mark_half_cents equity_cents next_cycle_at consecutive_failures"
    ),
    # Those of campaigns:
    "MM_CAMPAIGN_CREATED": "campaign_id terms by by_id idempotency_key",
    "MM_CAMPAIGN_CHANGED": "campaign_id previous_status new_status sponsor_id returned_cents by by_id",
    "MM_PARTICIPATION_CHANGED": (
        "campaign_id order_id user_id joined_at left_at reward_cents external_ref notes"
    ),
}
"""Every event type and the members of its own, as published. What the program adds besides is free."""

COMMON_MEMBERS = ["ledger_id", "postings", "positions", "market"]


@pytest.fixture(scope="module")
def day() -> Trading:
    return busy_day()


def test_there_are_exactly_the_published_event_types() -> None:
    """Names fit the journal's column of 30 characters."""
    assert set(EVENTS) == set(OWN_MEMBERS)
    assert max(map(len, OWN_MEMBERS)) <= 30


@pytest.mark.parametrize("name", OWN_MEMBERS)
def test_an_event_has_its_published_members(name: str) -> None:
    """Under these names in the payload: none is renamed on its way into JSON."""
    fields = {field.encode_name for field in msgspec.structs.fields(EVENTS[name])}
    assert set(OWN_MEMBERS[name].split()) | set(COMMON_MEMBERS) <= fields


@pytest.mark.parametrize("name", OWN_MEMBERS)
def test_every_kind_of_event_comes_back_as_it_went(day: Trading, name: str) -> None:
    events = [fact.event for fact in day.facts if event_type(fact.event) == name]
    assert events, f"the busy day had no {name}"
    for event in events:
        assert decode_event(encode_event(event)) == event


def test_a_payload_is_a_json_object_that_names_its_kind(day: Trading) -> None:
    """A member that says nothing (no postings, no market) is left out; the others have their names."""
    for fact in day.facts:
        payload = json.loads(encode_event(fact.event))
        assert payload["event"] == event_type(fact.event)
        for field in msgspec.structs.fields(type(fact.event)):
            value = getattr(fact.event, field.name)
            silent = not field.required and value in (None, 0, [], "REJECT", field.default)
            assert (field.name in payload) is not silent


def test_the_members_of_a_fill_are_positional_and_complete(day: Trading) -> None:
    """Example 1 as the journal keeps it: the parties follow from the two orders the event names."""
    fact = next(fact for fact in day.facts if isinstance(fact.event, Fill))
    payload = json.loads(encode_event(fact.event))
    assert payload["trade"][1:] == ["MINT", "BUY", 7, 7, None, None]
    assert payload["orders"] == [["FILLED", 100, 0, 0], ["FILLED", 100, 0, 0]]
    assert payload["market"] == [10_000, 0, 100, 100]
    assert payload["positions"] == [["ann", 100, 6_500, 0, 0, 0, 0], ["ben", 0, 0, 0, 100, 3_500, 0]]
    assert payload["postings"][0][:5] == ["ann", "ORDER_UNFREEZE", 6_513, 93_500 + 6_500, 0]
    assert len(payload["postings"]) == 8


def test_events_of_one_command_follow_each_other_and_all_ids_are_contiguous(day: Trading) -> None:
    assert [fact.id for fact in day.facts] == list(range(1, len(day.facts) + 1))
    assert sorted(fact.at for fact in day.facts) == [fact.at for fact in day.facts]


def test_ledger_entries_are_numbered_through(day: Trading) -> None:
    assert [line.number for line in day.entries()] == list(range(1, day.exchange.ledger_head + 1))


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (LedgerEntryType.DEPOSIT, ReferenceType.DEPOSIT),
        (LedgerEntryType.WITHDRAW, ReferenceType.WITHDRAW),
        (LedgerEntryType.ORDER_FREEZE, ReferenceType.ORDER),
        (LedgerEntryType.FEE, ReferenceType.TRADE),
        (LedgerEntryType.NETTING, ReferenceType.MARKET),
        (LedgerEntryType.SETTLEMENT_VOID, ReferenceType.MARKET),
    ],
)
def test_a_ledger_entry_refers_to_what_it_is_about(
    day: Trading, entry: LedgerEntryType, kind: ReferenceType
) -> None:
    for fact in day.facts:
        if any(posting.entry_type is entry and posting.order_id is None for posting in fact.event.postings):
            told, name = reference(fact)
            if getattr(fact.event, "cause", None) is DepositCause.VENUE:
                assert told is ReferenceType.MM_VENUE_IN
                continue
            assert told is kind
            assert (name is None) is (kind in (ReferenceType.DEPOSIT, ReferenceType.WITHDRAW))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SHARES_MINTED", (ReferenceType.AMM_MINT, "m")),
        ("SHARES_BURNED", (ReferenceType.AMM_BURN, "b")),
        ("FUNDS_TRANSFERRED", (ReferenceType.MM_PAYMENT, "pay")),
        ("POSITION_SETTLED", (ReferenceType.MARKET, "V")),
    ],
)
def test_what_was_asked_for_with_a_key_refers_to_the_key(
    day: Trading, name: str, told: tuple[ReferenceType, str]
) -> None:
    fact = next(fact for fact in day.facts if event_type(fact.event) == name)
    assert reference(fact) == told


def test_an_unfreeze_refers_to_its_order_also_within_a_trade(day: Trading) -> None:
    accepted = [fact.event for fact in day.facts if isinstance(fact.event, OrderAccepted)]
    placed = {event.order_id: event.user_id for event in accepted}
    for fact in day.facts:
        for posting in fact.event.postings:
            if posting.entry_type is LedgerEntryType.ORDER_UNFREEZE:
                name = posting.order_id or reference(fact)[1]
                assert name is not None
                assert placed[name] == posting.user_id


def test_the_trade_of_a_fact_is_named_for_the_world(day: Trading) -> None:
    fact = next(fact for fact in day.facts if isinstance(fact.event, Fill))
    assert isinstance(fact.event, Fill)
    assert reference(fact) == (ReferenceType.TRADE, f"TRD_{fact.event.trade.trade_id}")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"event":"NO_SUCH"}',
        b'{"event":"FENCE_RAISED","user_id":"mm:1"}',
        b'{"event":"FENCE_RAISED","user_id":"mm:1","fence":"3"}',
        b'{"event":"FENCE_RAISED","user_id":"mm:1","fence":3.5}',
        b'{"event":"FENCE_RAISED","user_id":"mm:1","fence":3',
        b'\xff{"event":"FENCE_RAISED","user_id":"mm:1","fence":3}',
    ],
)
def test_what_is_no_event_is_not_read_as_one(payload: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_event(payload)


# Commands

AT = 1_795_176_000_000_000
IMAGE = OrderImage(
    id="o",
    client_order_id="x",
    user_id="ann",
    market_id="M",
    side=Side.NO,
    direction=Direction.SELL,
    price=40,
    book_type=BookType.SYNTHETIC_BUY,
    book_price=60,
    is_bid=True,
    time_in_force=TimeInForce.GTC,
    expires_at=None,
    post_only=False,
    max_cost_cents=None,
    self_trade_mode=SelfTradeMode.REJECT,
    group_id="g",
    quantity=5,
    remaining=2,
    frozen=0,
    accepted_seq=3,
    replaces=None,
    created_at=AT,
    updated_at=AT,
    status=OrderStatus.CANCELLED,
    cancel_reason=CancelReason.EXPIRED,
    priority_seq=3,
    amend_count=1,
    accepted_price=41,
    accepted_quantity=6,
    eligible=False,
)
COMMANDS: list[AnyCommand] = [
    OpenJournal(at=AT),
    OpenAccount(at=AT, user_id="mm:1", owner_id="ann", auto_netting=False),
    Deposit(at=AT, user_id="ann", amount=5),
    Withdraw(at=AT, user_id="ann", amount=5),
    TransferFunds(
        at=AT,
        from_id="ann",
        to_id="mm:1",
        amount=5,
        reference_type=ReferenceType.MM_PAYMENT,
        idempotency_key="k",
    ),
    TransferShares(
        at=AT,
        from_id="ann",
        to_id="mm:1",
        market_id="M",
        side=Side.NO,
        quantity=5,
        reference_type=ReferenceType.MM_REFUND,
        idempotency_key="k",
    ),
    RaiseFence(at=AT, user_id="mm:1", fence=3),
    AcceptJournal(at=AT, last_id=3, reason="a backup", witnesses=("the seal tells of row 4",), by="root"),
    ForgetOrders(at=AT, before=AT, most=5),
    ForgetKeys(at=AT, before=AT, most=5),
    ForgetPositions(at=AT, market_id="M", before=AT, most=5),
    SetGuard(at=AT, user_id="ann", grace_ms=5, markets=("M",)),
    FireGuard(at=AT, user_id="ann", market_id="M"),
    PlaceOrder(
        at=AT,
        user_id="ann",
        client_order_id="x",
        market_id="M",
        terms=OrderTerms(Side.NO, Direction.SELL, 40, 5, TimeInForce.IOC),
        nonce=2**62 - 1,
        fence=2,
    ),
    ReplaceOrder(
        at=AT,
        user_id="ann",
        client_order_id="x",
        market_id="M",
        terms=OrderTerms(Side.YES, Direction.BUY, 40, 5),
        nonce=1,
        old_order_id="o",
    ),
    AmendOrder(at=AT, user_id="ann", order_id="o", price=40, quantity=5, post_only=True, fence=2),
    AmendByClientId(at=AT, user_id="ann", market_id="M", client_order_id="x", price=41),
    CancelOrder(at=AT, user_id="ann", order_id="o", fence=2),
    CancelOrder(at=AT, user_id="ann", order_id="o", past=Past(7, (IMAGE,), ("p",))),
    CancelByClientId(at=AT, user_id="ann", market_id="M", client_order_id="x"),
    BatchCancel(at=AT, user_id="ann", market_id="M", scope=CancelScope.SELL_ONLY),
    AtomicBatch(
        at=AT,
        user_id="ann",
        market_id="M",
        commands=(CancelByClientId(at=AT, user_id="ann", market_id="M", client_order_id="x"),),
        fence=2,
        valid_until=AT,
    ),
    CancelAll(at=AT, user_id="ann", market_id="M", side=Side.NO, direction=Direction.SELL, fence=2),
    SetGroup(
        at=AT,
        user_id="ann",
        market_id="M",
        group_id="g",
        max_fill_quantity=5,
        window_ms=100,
        fence=2,
        valid_until=AT,
    ),
    ResetGroup(at=AT, user_id="ann", market_id="M", group_id="g"),
    TriggerGroup(at=AT, user_id="ann", market_id="M", group_id="g"),
    DeleteGroup(at=AT, user_id="ann", market_id="M", group_id="g"),
    MintShares(at=AT, user_id="ann", market_id="M", quantity=5, idempotency_key="k", nonce=1),
    BurnShares(at=AT, user_id="ann", market_id="M", quantity=5, idempotency_key="k", nonce=1, fence=2),
    StartAmm(
        at=AT,
        market_id="M",
        initial_budget=5,
        initial_price=50,
        config_override={"a": [1, 2.5, None, {"b": "ü"}]},
        nonce=1,
        by="root",
    ),
    StopAmm(at=AT, market_id="M", stop_mode=StopMode.IMMEDIATE, by="root"),
    AuthorizeAmm(at=AT, market_id="M", authorized=False, by="root"),
    CreateMarket(at=AT, market_id="M", terms=MarketTerms(title="?", trading_end_at=7), by="root"),
    ActivateMarket(at=AT, market_id="M", by="root"),
    SuspendMarket(at=AT, market_id="M", reason="lunch", by="root"),
    HaltMarket(at=AT, market_id="M", reason="smoke", by="root"),
    TripBreaker(at=AT, market_id="M", trigger=CircuitBreakerTrigger.CLEARING_ERROR, context={"n": 1}),
    ResumeMarket(
        at=AT,
        market_id="M",
        target_status=MarketStatus.SUSPENDED,
        resolution_note="fine",
        sound_after=3,
        by="root",
    ),
    SetMarketMode(
        at=AT, market_id="M", mode=TradingMode.POST_ONLY, until=AT + 1, reason="a storm", by="root"
    ),
    ResolveMarket(at=AT, market_id="M", result="MAYBE", settle=False, by="root"),
    VoidMarket(at=AT, market_id="M", reason="no such event", by="root", by_id="r", four_eyes=True),
    VoidMarket(at=AT, market_id="M", void_price_cents=61, by="root"),
    CloseMarket(
        at=AT, market_id="M", void_basis=VoidBasis(VoidSource.REFERENCE, Reference(61, 2_400_000, 0))
    ),
    SettleMarket(at=AT, market_id="M", by="root"),
    CloseMarket(at=AT, market_id="M", stage=ClosingStage.CHECK, after="user", yes=5, no=5, costs=2**62),
    StopAmm(at=AT, market_id="M", by="root", so_far=CancelledSoFar(7, 1, 2, 3, 4)),
    Tick(at=AT, market_id="M", venues_off=True),
    CreateMmOrder(
        at=AT,
        user_id="ann",
        market_id="M",
        terms=MmTerms(price_source=PriceSource.MICRO, max_loss_cents=7),
        required_cash_cents=10_000,
        required_yes_shares=5,
        campaign_id="c",
        key="k",
        nonce=1,
        policy=MmPolicy(service_fee_bps=5),
        limits=MmLimits(active_per_user=5),
        venue_rules=VenueRules(enabled=True),
    ),
    PayMmOrder(at=AT, order_id="o", user_id="ann", asset=MmAsset.YES, amount=5, key="k"),
    ControlMmOrder(
        at=AT, order_id="o", control=MmControl.STOP, by="root", by_id="r", reason="enough", key="k"
    ),
    WithdrawMmOrder(at=AT, order_id="o", user_id="ann", yes_shares=5, merge_pairs=True, key="k", nonce=1),
    AcquireMmLeases(at=AT, market_id="M", worker_id="w", strategies=("q",), venues=("v",), limit=32, nonce=1),
    RenewMmLease(at=AT, order_id="o", worker_id="w", fence=3, token="0123456789abcdef"),
    ReleaseMmLease(
        at=AT,
        order_id="o",
        worker_id="w",
        fence=3,
        token="0123456789abcdef",
        outcome=MmOutcome.ERROR,
        counts=MmCounts(1, 2, 3, 4, 5),
        error="the book is gone",
        equity_cents=5,
    ),
    StepMmVenue(
        at=AT,
        order_id="o",
        worker_id="w",
        direction=MmDirection.OUT,
        step=MmStep.ACCEPTED,
        leg=MmAsset.CASH,
        attempt=2,
        tx_id="tx",
        amount=5,
        venue_rules=VenueRules(enabled=True, names=("elsewhere",), max_cents=5, max_cents_per_day=6),
    ),
    ReconcileMmOrder(
        at=AT,
        order_id="o",
        outcome=MmCaseOutcome.RECOVERED_TO_ESCROW,
        observed=Observed(5, 6, 7),
        evidence="a letter",
        reason="as it says",
        by="root",
        by_id="r",
    ),
    CreateMmCampaign(
        at=AT,
        market_id="M",
        terms=CampaignTerms(
            name="Prize",
            starts_at=AT,
            ends_at=AT + 1,
            reward_pool_cents=5,
            min_cash_cents=7,
            max_half_spread_cents=3,
            max_participants=9,
        ),
        by="root",
        by_id="r",
        key="k",
        nonce=1,
    ),
    ControlMmCampaign(at=AT, campaign_id="c", control=CampaignControl.CANCEL, by="root", by_id="r"),
    JoinMmCampaign(at=AT, order_id="o", user_id="ann", campaign_id="c", key="k"),
    NoteMmCampaign(at=AT, order_id="o", worker_id="w", external_ref="there-7", error="late"),
]
"""One of each, with every member set."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_comes_back_as_it_went(command: AnyCommand) -> None:
    """An auditor reads them from beside the events, in either form."""
    assert msgspec.json.decode(msgspec.json.encode(command), type=AnyCommand) == command
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=AnyCommand) == command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_can_be_asked_what_only_some_have(command: AnyCommand) -> None:
    """Whoever queues it, counts it or looks for its market need not know its kind."""
    given = msgspec.structs.asdict(command)
    for name in ("market_id", "user_id", "by"):
        assert getattr(command, name) == given.get(name)
    assert command.asked_by == (given.get("user_id") or given.get("by"))
    acted_on = [given[name] for name in ("old_order_id", "order_id", "campaign_id") if name in given]
    makes = isinstance(command, CreateMmOrder)  # which names the campaign that it is for
    assert command.acts_on == (acted_on[0] if acted_on and not makes else None)


def test_every_command_is_decided_and_every_kind_is_tried_here() -> None:
    kinds = set(typing.get_args(AnyCommand))
    assert kinds == set(DECISIONS) == {type(command) for command in COMMANDS}
    assert all(issubclass(kind, Command) for kind in kinds)


@pytest.mark.parametrize("member", [b'"price":65.5', b'"price":"65"', b'"price":true', b'"price":null'])
def test_a_price_that_is_no_integer_is_no_command(member: bytes) -> None:
    good = msgspec.json.encode(next(command for command in COMMANDS if type(command) is PlaceOrder))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(good.replace(b'"price":40', member), type=AnyCommand)


def test_facts_are_values_that_nobody_changes(day: Trading) -> None:
    fact = day.facts[0]
    assert isinstance(fact, Fact)
    assert isinstance(fact.event, Event)
    with pytest.raises(AttributeError):
        fact.event.market = None  # type: ignore[misc] # what must fail
