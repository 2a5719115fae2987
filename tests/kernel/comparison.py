"""Puts the exchange beside the model and names the first thing in which they differ.

The exchange is seen through its answers, its facts and its state; what it says is turned into plain values
first, so that nothing of its own arithmetic takes part in the comparison.
"""

import dataclasses
from typing import Any

import attrs
import msgspec

from kernel.answers import Answer, OrderNow, Refusal
from kernel.events import (
    Event,
    Fact,
    Fill,
    OrderAccepted,
    PositionAfter,
    SharesBurned,
    SharesMinted,
    decode_event,
    encode_event,
    event_type,
    reference,
    trade_name,
)
from kernel.exchange import Exchange
from kernel.market import Order as KernelOrder
from kernel.proposals import proposed
from tests.kernel.recalling import Archive, PositionNow
from tests.kernel.reference.breakers import is_paused, pause_until
from tests.kernel.reference.order import book_price
from tests.kernel.reference.records import Entry, Market, Trade
from tests.kernel.reference.records import Fact as ModelFact
from tests.kernel.reference.second import told
from tests.kernel.reference.windows import average, recently, traded
from tests.kernel.reference.world import World

COMMON = {"ledger_id", "postings", "positions", "market", "trade"}
"""Members of an event that are compared in a form of their own."""


def same(theirs: Any, ours: Any, what: object) -> None:
    """The kernel's value is the model's; else say what differs, and how."""
    if theirs == ours:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        theirs, ours = (
            {key: value for key, value in one.items() if key not in other or other[key] != value}
            for one, other in ((theirs, ours), (ours, theirs))
        )
    raise AssertionError(f"{what}: the kernel says {theirs!r}, the model says {ours!r}")


def plain_answer(answer: Answer | Refusal) -> dict[str, Any]:
    """The kernel's answer as the model would give it."""
    if isinstance(answer, Refusal):
        # What is wrong with a malformed request is told in words: only that it is malformed counts here.
        data = None if answer.code == 9004 else answer.data
        if answer.code == 4014 and data is not None:
            data = {name: value for name, value in data.items() if name != "message"}
        return {"kind": "Refusal", "code": answer.code, "data": data}
    members = {name: getattr(answer, name) for name in answer.__struct_fields__}
    return {"kind": type(answer).__name__, **{name: plain(value) for name, value in members.items()}}


def plain(value: Any) -> Any:
    if isinstance(value, OrderNow):
        row = kernel_row(value.order)
        for name in ("status", "filled_quantity", "remaining_quantity", "frozen_amount", "cancel_reason"):
            row[name] = getattr(value, name)
        row["original_price"], row["quantity"] = value.terms.price, value.terms.quantity
        row["book_price"] = book_price(value.terms.side, value.terms.price)
        row["amend_count"] = value.amend_count
        return {**row, "updated_at": value.updated_at}
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        return [plain(each) for each in value]
    return value


def kernel_row(order: KernelOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "market_id": order.market.id,
        "user_id": order.account.id,
        "original_side": order.terms.side,
        "original_direction": order.terms.direction,
        "original_price": order.terms.price,
        "book_type": order.book_type,
        "book_direction": order.book_direction,
        "book_price": order.book_price,
        "time_in_force": order.terms.time_in_force,
        "expires_at": order.terms.expires_at,
        "post_only": order.terms.post_only,
        "max_cost_cents": order.terms.max_cost_cents,
        "self_trade_mode": order.terms.self_trade_mode,
        "group_id": order.terms.group_id,
        "quantity": order.terms.quantity,
        "filled_quantity": order.filled,
        "remaining_quantity": order.remaining,
        "frozen_amount": order.frozen,
        "frozen_asset_type": order.frozen_asset_type,
        "status": order.status,
        "cancel_reason": order.cancel_reason,
        "accepted_seq": order.accepted_seq,
        "amend_count": order.amend_count,
        "replaces_order_id": order.replaces,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


@attrs.define
class Journal:
    """The facts as a reader of the journal sees them: ledger entries and rows of trades, with all columns."""

    facts: list[Fact] = attrs.field(factory=list)
    entries: list[Entry] = attrs.field(factory=list)
    trades: list[Trade] = attrs.field(factory=list)
    accepted: dict[str, OrderAccepted] = attrs.field(factory=dict)

    def add(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.entries += ledger_entries(fact)
        match fact.event:
            case OrderAccepted() as event:
                self.accepted[event.order_id] = event
            case Fill() as event:
                self.trades.append(self._trade(fact, event))
            case SharesMinted() | SharesBurned() as event:
                self.trades.append(audit_trade(fact, event))
            case _:
                pass

    def _trade(self, fact: Fact, event: Fill) -> Trade:
        maker, taker = self.accepted[event.order_id], self.accepted[event.counterparty_order_id]
        buy, sell = (maker, taker) if event.trade.maker_direction == "BUY" else (taker, maker)
        assert fact.market_id is not None
        return Trade(
            trade_id=trade_name(event.trade.trade_id),
            market_id=fact.market_id,
            scenario=event.trade.scenario,
            buy_order_id=buy.order_id,
            sell_order_id=sell.order_id,
            buy_user_id=buy.user_id,
            sell_user_id=sell.user_id,
            buy_book_type=buy.book_type,
            sell_book_type=sell.book_type,
            price=event.trade_price,
            quantity=event.fill_qty,
            maker_order_id=event.order_id,
            taker_order_id=event.counterparty_order_id,
            maker_fee=event.trade.maker_fee,
            taker_fee=event.trade.taker_fee,
            buy_realized_pnl=event.trade.buy_realized_pnl,
            sell_realized_pnl=event.trade.sell_realized_pnl,
            is_audit=False,
            executed_at=fact.at,
        )


def audit_trade(fact: Fact, event: SharesMinted | SharesBurned) -> Trade:
    minted = isinstance(event, SharesMinted)
    assert fact.market_id is not None
    order_id = event.trade.order_id
    return Trade(
        trade_id=trade_name(event.trade.trade_id),
        market_id=fact.market_id,
        scenario="MINT" if minted else "BURN",
        buy_order_id=order_id,
        sell_order_id=order_id,
        buy_user_id=event.user_id if minted else "SYSTEM",
        sell_user_id="SYSTEM" if minted else event.user_id,
        buy_book_type="NATIVE_BUY" if minted else "SYNTHETIC_BUY",
        sell_book_type="SYNTHETIC_SELL" if minted else "NATIVE_SELL",
        price=50,
        quantity=event.quantity,
        maker_order_id=order_id,
        taker_order_id=order_id,
        maker_fee=0,
        taker_fee=0,
        buy_realized_pnl=None,
        sell_realized_pnl=event.trade.realized_pnl,
        is_audit=True,
        executed_at=fact.at,
    )


def ledger_entries(fact: Fact) -> list[Entry]:
    kind, name = reference(fact)
    return [
        Entry(
            ledger_id=fact.event.ledger_id + number,
            user_id=posting.user_id,
            entry_type=posting.entry_type,
            amount=posting.amount,
            balance_after=posting.balance_after,
            frozen_after=posting.frozen_after,
            reference_type=kind if posting.order_id is None else "ORDER",
            reference_id=name if posting.order_id is None else posting.order_id,
            market_id=fact.market_id,
            created_at=fact.at,
        )
        for number, posting in enumerate(fact.event.postings)
    ]


def through_the_journal(fact: Fact) -> Fact:
    """The fact as it comes back from where it was written."""
    return Fact(fact.id, fact.at, fact.market_id, decode_event(encode_event(fact.event)))


def compare_fact(fact: Fact, expected: ModelFact) -> None:
    event = fact.event
    what = f"fact {fact.id}, {event_type(event)}"
    same(fact.id, expected.journal_id, what)
    same(fact.at, expected.at, what)
    same(fact.market_id, expected.market_id, what)
    same(event_type(event), expected.event_type, what)
    own = {name: plain_member(getattr(event, name)) for name in event.__struct_fields__ if name not in COMMON}
    same(own, expected.fields, what)
    same(ledger_entries(fact), expected.entries, what)
    after = {p.user_id: position_tuple(p) for p in event.positions}
    same({user: after.get(user) for user in expected.positions}, expected.positions, what)
    assert_balanced(event)
    if expected.event_type != "POSITION_SETTLED":
        # While a settlement pays out, the market's totals stand still until it is settled.
        totals = None if event.market is None else msgspec.structs.astuple(event.market)
        if expected.totals is not None:
            same(totals, expected.totals, what)


def position_tuple(position: PositionAfter) -> tuple[int, ...]:
    return tuple(msgspec.structs.astuple(position)[1:])


def plain_member(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        return [msgspec.structs.astuple(one) for one in value]
    return value


def assert_balanced(event: Event) -> None:
    """What goes out of one account comes into another, but for cash that enters or leaves the exchange."""
    outside = ("DEPOSIT", "WITHDRAW")
    freezes = ("ORDER_FREEZE", "ORDER_UNFREEZE")
    within = [p.amount for p in event.postings if p.entry_type not in outside + freezes]
    assert sum(within) == 0


def compare_states(exchange: Exchange, world: World, archive: Archive) -> None:
    """What the exchange has let go of is where it went; the model has it still."""
    world.look_at_spots()
    orders = archive.all_of(exchange)
    same(set(exchange.accounts), set(world.accounts), "accounts")
    for user_id in world.accounts:
        same(kernel_account(exchange, user_id, orders), model_account(world, user_id), user_id)
    same(set(exchange.markets), set(world.markets), "markets")
    for market in world.markets.values():
        compare_market(exchange, world, market, archive)
    same(
        {order.id: kernel_row(order) for order in orders},
        {order.order_id: order.row() for order in world.orders},
        "orders",
    )
    same(
        {order.id: order.priority_seq for order in orders},
        {order.order_id: order.priority_seq for order in world.orders},
        "places in the queues",
    )
    same({u: (g.grace_ms, g.markets) for u, g in exchange.guards.items()}, world.guards, "guards")
    waiting = [plain(each) for each in map(proposed, exchange.proposals.values())]
    waiting = [each for each in waiting if exchange.now < each["expires_at"]]
    ours = [told(each) for each in world.proposals]
    ours = [each for each in ours if exchange.now < each["expires_at"]]
    same([{"kind": "Proposed"} | each for each in waiting], ours, "proposals")


def kernel_account(exchange: Exchange, user_id: str, orders: list[KernelOrder]) -> dict[str, Any]:
    account = exchange.accounts[user_id]
    return {
        "available": account.available,
        "frozen": account.frozen,
        "version": account.version,
        "owner_id": account.owner_id,
        "netting": account.auto_netting,
        "fence": account.fence,
        "net_deposits": account.net_deposits,
        "net_transfers": account.net_transfers,
        "orders": [order.client_order_id for order in orders if order.account is account],
    }


def model_account(world: World, user_id: str) -> dict[str, Any]:
    account = world.accounts[user_id]
    own = [entry for entry in world.entries if entry.user_id == user_id]
    return {
        "available": world.available(user_id),
        "frozen": world.frozen(user_id),
        "version": len(own),
        "owner_id": account.owner_id,
        "netting": account.netting,
        "fence": account.fence,
        "net_deposits": sum(e.amount for e in own if e.reference_type in ("DEPOSIT", "WITHDRAW")),
        "net_transfers": world.net_transfers(user_id),
        "orders": [o.client_order_id for o in world.orders if o.user_id == user_id],
    }


ROW = (
    *("terms", "amm_authorized", "created_at", "status", "resolved_at", "settled_at"),
    *("resolution_result", "void_price_cents"),
)
FIGURES = ("trading_mode", "mode_until", "last_trade_price", "updated_at", "book_changed_at")


def compare_market(exchange: Exchange, world: World, market: Market, archive: Archive) -> None:
    theirs = exchange.markets[market.market_id]
    what = f"market {market.market_id}"
    for name in ROW + FIGURES:
        same(getattr(theirs, name), getattr(market, name), f"{what}, {name}")
    totals = (theirs.reserve, theirs.pnl_pool, theirs.yes_shares, theirs.no_shares)
    same(totals, world.totals(market.market_id), what)
    trades = [t for t in world.trades if t.market_id == market.market_id and not t.is_audit]
    scenarios = [t.scenario for t in trades]
    same(
        {scenario: count for scenario, count in theirs.trades.items() if count},
        {scenario: scenarios.count(scenario) for scenario in set(scenarios)},
        f"{what}, trades",
    )
    same(theirs.traded_volume, sum(t.quantity for t in trades), f"{what}, volume")
    same(theirs.fees, sum(t.maker_fee + t.taker_fee for t in trades), f"{what}, fees")
    unresolved = [b for b in world.breakers if b.market_id == market.market_id and not b.resolved]
    same(theirs.open_breakers, [b.breaker_id for b in unresolved], f"{what}, breakers")
    pause = (is_paused(world, market), pause_until(world, market))
    same((theirs.is_paused, theirs.pause_until), pause, f"{what}, paused")
    compare_prices(exchange, world, market)
    run = world.runs.get(market.market_id)
    same(
        None if theirs.amm is None else dataclasses.asdict(theirs.amm),
        None if run is None else attrs.asdict(run, filter=lambda field, _: field.name != "market_id"),
        f"{what}, the market maker's run",
    )
    compare_positions(exchange, world, market, archive)
    compare_books(exchange, world, market.market_id)


def compare_prices(exchange: Exchange, world: World, market: Market) -> None:
    """As of the command in hand, also where it changed nothing: what stood since the newest fact counts."""
    theirs = exchange.markets[market.market_id]
    kept = theirs.prices.as_of(world.at).average
    same(theirs.spot, world.spot2(market), f"spot of {market.market_id}")
    same(
        (sum(kept.sums), kept.observed, sum(kept.two_sided)),
        average(world, market),
        f"average of {market.market_id}",
    )
    if market.terms.collar_cents:
        weighed, time = recently(world, market)
        ours = (weighed, time) if time else (world.spot2(market), 1)
        same(theirs.prices.recently(world.at, theirs.spot), ours, f"recent price of {market.market_id}")
    if theirs.trade_range is not None:
        slots = {number: (low, high) for number, low, high in theirs.trade_range.kept(world.at)}
        same(slots, traded(world, market), f"traded of {market.market_id}")


def compare_positions(exchange: Exchange, world: World, market: Market, archive: Archive) -> None:
    past = {name: now for (place, name), now in archive.positions.items() if place == market.market_id}
    here = exchange.markets[market.market_id].positions
    assert not past.keys() & here.keys()
    theirs = past | {name: PositionNow.of(position) for name, position in here.items()}
    ours = world.positions(market.market_id)
    nothing = (0,) * 6
    for user_id in theirs.keys() | ours.keys():
        what = f"position of {user_id} in {market.market_id}"
        position = theirs.get(user_id)
        same(
            nothing if position is None else position_tuple(position.after),
            ours.get(user_id, nothing),
            what,
        )
        same(
            None if position is None else position.updated_at,
            world.position_changed_at.get((user_id, market.market_id)),
            f"{what}, updated_at",
        )
        same(
            (0, 0) if position is None else (position.realized_pnl, position.fees_paid),
            (world.realized_pnl(user_id, market.market_id), world.fees_paid(user_id, market.market_id)),
            f"{what}, realized and fees",
        )


def compare_books(exchange: Exchange, world: World, market_id: str) -> None:
    book = exchange.markets[market_id].book
    levels = (world.levels(market_id, "BUY"), world.levels(market_id, "SELL"))
    same(book.depth(), levels, f"book of {market_id}")
    for side, direction in ((book.bids, "BUY"), (book.asks, "SELL")):
        # Which price a side begins with is its own affair; within a price the order is the queue's.
        theirs = sorted(side.orders(), key=lambda o: o.book_price)
        ours = sorted(world.queue(market_id, direction), key=lambda o: o.book_price)
        same(
            [(o.id, o.remaining) for o in theirs],
            [(o.order_id, o.remaining) for o in ours],
            f"queue of {market_id}, {direction}",
        )
