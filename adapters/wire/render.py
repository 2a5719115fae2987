"""Renders the kernel's answers and state for callers. Only the texts for people are computed here.

Rendering copies, so the result cannot change while it waits to be durable. With `display=False` the members
for people are left out, as on the command stream.
"""

import functools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET

from adapters.runtime.times import EPOCH, MICROSECONDS
from adapters.wire import render_leases, responses
from adapters.wire.status import SUCCESS
from kernel.answers import (
    AllCancelled,
    Amended,
    BalanceMoved,
    BatchCancelled,
    Batched,
    Burned,
    Cancelled,
    Done,
    GroupIs,
    GroupNow,
    Minted,
    Netting,
    OrderIs,
    OrderNow,
    Outcome,
    Placed,
    Replaced,
)
from kernel.codes import PAIR_CENTS, Direction, MarketStatus, Side
from kernel.commands import OrderTerms
from kernel.events import Fact, Fill, trade_name
from kernel.life import UNRESOLVED
from kernel.making_answers import MmLeaseIs, MmLeases, MmOrderIs, MmVenueIs
from kernel.market import Account, Holding, Market, Position

# Times and displays


FIRST_SECOND: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(seconds=1)
LAST_SECOND: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(seconds=1)


@functools.lru_cache(maxsize=4096)
def second(seconds: int) -> str:
    """Old journals may hold times outside the range of dates; they are shown as its first or last."""
    seconds = min(max(seconds, FIRST_SECOND), LAST_SECOND)
    return (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


@functools.lru_cache(maxsize=64)  # the same moment is rendered several times: created, updated, answered
def time(microseconds: int) -> str:
    """RFC 3339, always with six digits and Z."""
    seconds, rest = divmod(microseconds, MICROSECONDS)
    return f"{second(seconds)}.{rest:06d}Z"


def time_or_null(microseconds: int | None) -> str | None:
    return None if microseconds is None else time(microseconds)


def dollars(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{rest:02d}"


def gain(cents: int) -> str:
    """Profit or loss: with its sign, whichever it is."""
    return f"+{dollars(cents)}" if cents > 0 else dollars(cents)


def average(holding: Holding) -> str:
    """Cost per share, rounded half up."""
    volume = holding.volume
    return dollars((2 * holding.cost_sum + volume) // (2 * volume) if volume else 0)


# Orders and their trades


def order(now: OrderNow) -> responses.OrderShape:
    return responses.OrderShape(**order_members(now))


def aliased_order(now: OrderNow) -> responses.AliasedOrderShape:
    terms = now.terms
    return responses.AliasedOrderShape(
        **order_members(now), side=terms.side, direction=terms.direction, price_cents=terms.price
    )


TERMS: Final = OrderTerms.__struct_fields__
ORIGINAL: Final = {
    "side": "original_side",
    "direction": "original_direction",
    "price": "original_price_cents",
}
"""Members of the terms that are told by another name: the book has a direction and a price of its own."""


def order_members(now: OrderNow) -> dict[str, Any]:
    o, terms = now.order, now.terms
    return {
        "id": o.id,
        "client_order_id": o.client_order_id,
        "market_id": o.market.id,
        **{ORIGINAL.get(name, name): getattr(terms, name) for name in TERMS},
        "expires_at": time_or_null(terms.expires_at),
        "book_type": o.book_type,
        "book_direction": o.book_direction,
        "book_price_cents": terms.price if terms.side is Side.YES else PAIR_CENTS - terms.price,
        "filled_quantity": now.filled_quantity,
        "remaining_quantity": now.remaining_quantity,
        "frozen_amount": now.frozen_amount,
        "frozen_asset_type": o.frozen_asset_type,
        "status": now.status,
        "cancel_reason": now.cancel_reason,
        "created_at": time(o.created_at),
        "updated_at": time(now.updated_at),
        "amend_count": now.amend_count,
    }


def fills_of_taker(facts: Iterable[Fact], order_id: str) -> list[responses.OrderTradeShape]:
    """The trades a command gave the order it placed."""
    return [
        taken(fact, fact.event)
        for fact in facts
        if isinstance(fact.event, Fill) and fact.event.counterparty_order_id == order_id
    ]


def taken(fact: Fact, fill: Fill) -> responses.OrderTradeShape:
    trade = fill.trade
    return responses.OrderTradeShape(
        trade_name(trade.trade_id),
        trade.scenario,
        trade.maker_direction,
        fill.trade_price,
        fill.fill_qty,
        "TAKER",
        trade.taker_fee,
        trade.sell_realized_pnl if trade.maker_direction is Direction.BUY else trade.buy_realized_pnl,
        time(fact.at),
    )


def netting(result: Netting | None, *, display: bool = True) -> responses.NettingShape | None:
    if result is None:
        return None
    return responses.NettingShape(
        result.pairs_netted,
        result.released_cents,
        dollars(result.released_cents) if display else UNSET,
    )


# Answers to commands


def outcome(decided: Outcome, *, display: bool = True) -> tuple[int, msgspec.Struct]:
    """Status and data of a command that was not refused.

    Not for a repeated placement, replacement or batch, whose trades happened in earlier commands: `placed`
    and `replaced` take those from wherever they were found.
    """
    match decided.answer:
        case Placed() as answer:
            trades = fills_of_taker(decided.facts, answer.order.order.id)
            return 201, placed(answer, trades, display=display)
        case Replaced() as answer:
            return 200, replaced(answer, fills_of_taker(decided.facts, answer.new.order.id), display=display)
        case Amended() as answer:
            return 200, amended(answer, fills_of_taker(decided.facts, answer.order.order.id), display=display)
        case Cancelled() as answer:
            return 200, cancelled(answer, display=display)
        case AllCancelled() as answer:
            return 200, market_cancelled(answer, display=display)
        case Batched() as answer:
            results = [
                granted(index, *outcome(part(decided, each), display=display))
                for index, each in enumerate(answer.done)
            ]
            return 200, responses.BatchShape(atomic=True, repeated=False, results=results)
        case GroupIs(group=now, is_new=is_new):
            return 201 if is_new else 200, group(now)
        case BatchCancelled() as answer:
            return 200, batch_cancelled(answer)
        case Burned() as answer:
            return 200, burned(answer, display=display)
        case Minted() as answer:
            return 200 if answer.repeated else 201, minted(answer, display=display)
        case MmLeases() as answer:
            return 200, render_leases.leases(answer)
        case MmLeaseIs() as answer:
            return 200, render_leases.lease_is(answer)
        case MmOrderIs() as answer:
            return 200, render_leases.noted(answer)
        case MmVenueIs() as answer:
            return 200, render_leases.venue_is(answer)
        case _:
            raise AssertionError(f"no shape for {decided.answer}")


def placed(
    answer: Placed, trades: list[responses.OrderTradeShape], *, display: bool = True
) -> responses.PlacedShape:
    return responses.PlacedShape(
        order(answer.order),
        trades,
        netting(answer.netting, display=display),
        list(answer.self_trade_cancelled) or UNSET,
    )


def replaced(
    answer: Replaced, trades: list[responses.OrderTradeShape], *, display: bool = True
) -> responses.ReplacedShape:
    old = answer.old
    return responses.ReplacedShape(
        old.order.id,
        old.status,
        old.filled_quantity,
        old.terms.quantity,
        aliased_order(answer.new),
        trades,
        netting(answer.netting, display=display),
        list(answer.self_trade_cancelled) or UNSET,
    )


def amended(
    answer: Amended, trades: list[responses.OrderTradeShape], *, display: bool = True
) -> responses.AmendedShape:
    return responses.AmendedShape(
        order(answer.order),
        answer.changed,
        answer.kept_priority,
        trades,
        netting(answer.netting, display=display),
        list(answer.self_trade_cancelled) or UNSET,
    )


def cancelled(answer: Cancelled, *, display: bool = True) -> responses.CancelledShape:
    return responses.CancelledShape(
        answer.order.order.id,
        answer.order.status,
        answer.unfrozen_amount,
        answer.unfrozen_asset_type,
        answer.order.remaining_quantity,
        netting(answer.netting, display=display),
    )


def batch_cancelled(answer: BatchCancelled) -> responses.BatchCancelledShape:
    return responses.BatchCancelledShape(
        answer.market_id,
        answer.cancelled_count,
        answer.unfrozen_funds,
        answer.unfrozen_yes_shares,
        answer.unfrozen_no_shares,
    )


def market_cancelled(answer: AllCancelled, *, display: bool = True) -> responses.MarketCancelledShape:
    return responses.MarketCancelledShape(
        answer.market_id,
        SUCCESS,
        answer.cancelled_count,
        answer.unfrozen_funds,
        answer.unfrozen_yes_shares,
        answer.unfrozen_no_shares,
        netting(answer.netting, display=display),
    )


def part(decided: Outcome, done: Done) -> Outcome:
    """One command of an atomic batch, as if it had come alone."""
    assert not isinstance(done.answer, OrderIs), "only a repeated batch is told so"
    return Outcome(
        done.answer, [fact for fact in decided.facts if done.after < fact.id <= done.upto], done.upto
    )


def granted(index: int, status: int, data: msgspec.Struct | None) -> responses.BatchResultShape:
    return responses.BatchResultShape(index, True, status, SUCCESS, None, data)


def refused(index: int, status: int, code: int, message: str, data: object) -> responses.BatchResultShape:
    return responses.BatchResultShape(index, False, status, code, message, data)


def market_refused(market_id: str, code: int) -> responses.MarketCancelledShape:
    return responses.MarketCancelledShape(market_id, code, 0, 0, 0, 0, None)


def group(now: GroupNow) -> responses.GroupShape:
    return responses.GroupShape(
        now.market_id,
        now.group_id,
        now.max_fill_quantity,
        now.window_ms,
        now.state,
        now.filled_in_window,
        now.open_orders,
        time_or_null(now.triggered_at),
        time(now.created_at),
    )


def all_cancelled(items: list[responses.MarketCancelledShape]) -> responses.AllCancelledShape:
    return responses.AllCancelledShape(
        items, sum(item.cancelled_count for item in items), all(item.code == SUCCESS for item in items)
    )


def minted(answer: Minted, *, display: bool = True) -> responses.MintedShape:
    return responses.MintedShape(
        answer.market_id,
        answer.quantity,
        answer.cents,
        dollars(answer.cents) if display else UNSET,
        answer.new_yes_inventory,
        answer.new_no_inventory,
        answer.remaining_balance,
        dollars(answer.remaining_balance) if display else UNSET,
        answer.repeated,
    )


def burned(answer: Burned, *, display: bool = True) -> responses.BurnedShape:
    return responses.BurnedShape(
        answer.market_id,
        answer.quantity,
        answer.cents,
        dollars(answer.cents) if display else UNSET,
        answer.new_yes_inventory,
        answer.new_no_inventory,
        answer.remaining_balance,
        dollars(answer.remaining_balance) if display else UNSET,
        answer.repeated,
    )


def deposited(answer: BalanceMoved) -> responses.DepositedShape:
    return responses.DepositedShape(
        answer.available,
        dollars(answer.available),
        answer.amount,
        dollars(answer.amount),
        answer.ledger_id,
    )


def withdrawn(answer: BalanceMoved) -> responses.WithdrawnShape:
    return responses.WithdrawnShape(
        answer.available,
        dollars(answer.available),
        answer.amount,
        dollars(answer.amount),
        answer.ledger_id,
    )


# What is live


def balance(account: Account, *, display: bool = True) -> responses.BalanceShape:
    total = account.available + account.frozen
    return responses.BalanceShape(
        account.id,
        account.available,
        dollars(account.available) if display else UNSET,
        account.frozen,
        dollars(account.frozen) if display else UNSET,
        total,
        dollars(total) if display else UNSET,
    )


def market_item(market: Market) -> responses.MarketItemShape:
    return responses.MarketItemShape(**market_item_members(market, display=True))


def market(market: Market, *, display: bool = True) -> responses.MarketShape:
    return responses.MarketShape(**market_members(market, display=display))


def market_item_members(market: Market, *, display: bool) -> dict[str, Any]:
    terms = market.terms
    return {
        "id": market.id,
        "title": terms.title,
        "description": terms.description,
        "category": terms.category,
        "status": market.status,
        "min_price_cents": terms.min_price_cents,
        "max_price_cents": terms.max_price_cents,
        "maker_fee_bps": terms.maker_fee_bps,
        "taker_fee_bps": terms.taker_fee_bps,
        "reserve_balance_cents": market.reserve,
        "reserve_balance_display": dollars(market.reserve) if display else UNSET,
        "total_yes_shares": market.yes_shares,
        "total_no_shares": market.no_shares,
        "trading_start_at": time_or_null(terms.trading_start_at),
        "trading_end_at": time_or_null(terms.trading_end_at),
        "resolution_date": time_or_null(terms.resolution_date),
        "best_bid_cents": market.book.best_bid,
        "best_ask_cents": market.book.best_ask,
        "spot_half_cents": market.spot,
        "last_trade_price_cents": market.last_trade_price,
        "open_interest": market.yes_shares,
        "trading_mode": market.trading_mode,
        "mode_until": time_or_null(market.mode_until),
        "pause_until": time_or_null(market.pause_until),
    }


def market_members(market: Market, *, display: bool) -> dict[str, Any]:
    terms = market.terms
    return market_item_members(market, display=display) | {
        "max_order_quantity": terms.max_order_quantity,
        "max_position_per_user": terms.max_position_per_user,
        "max_order_amount_cents": terms.max_order_amount_cents,
        "max_open_orders": terms.max_open_orders,
        "max_open_orders_total": terms.max_open_orders_total,
        "max_open_orders_amm": terms.max_open_orders_amm,
        "pnl_pool_cents": market.pnl_pool,
        "pnl_pool_display": gain(market.pnl_pool) if display else UNSET,
        "resolution_result": market.resolution_result,
        "resolved_at": time_or_null(market.resolved_at),
        "settled_at": time_or_null(market.settled_at),
        "created_at": time(market.created_at),
        "updated_at": time(market.updated_at),
        "void_price_cents": market.void_price_cents,
        "void_window_ms": terms.void_window_ms,
        "collar_cents": terms.collar_cents,
        "collar_window_ms": terms.collar_window_ms,
        "halt_move_cents": terms.halt_move_cents,
        "halt_window_ms": terms.halt_window_ms,
        "halt_pause_ms": terms.halt_pause_ms,
    }


def book(market: Market, levels: int) -> responses.BookShape:
    """The best levels of both sides, in YES and, mirrored at 100, in NO."""
    bids, asks = (side[:levels] for side in market.book.depth())
    return responses.BookShape(
        market.id,
        responses.BookSideShape(book_levels(bids), book_levels(asks)),
        responses.BookSideShape(mirrored(asks), mirrored(bids)),
        market.last_trade_price,
        time(market.book_changed_at),
    )


def book_levels(side: Iterable[tuple[int, int]]) -> list[responses.LevelShape]:
    return [responses.LevelShape(price, quantity) for price, quantity in side]


def mirrored(side: Iterable[tuple[int, int]]) -> list[responses.LevelShape]:
    return [responses.LevelShape(PAIR_CENTS - price, quantity) for price, quantity in side]


def position(held: Position, *, display: bool = True) -> responses.PositionShape:
    return responses.PositionShape(
        held.market.id,
        held.market.terms.title,
        holding(held.yes, display=display),
        holding(held.no, display=display),
        time_or_null(held.updated_at),
    )


def no_position(market: Market, *, display: bool = True) -> responses.PositionShape:
    nothing = holding(Holding(), display=display)
    return responses.PositionShape(market.id, market.terms.title, nothing, nothing, None)


def holding(held: Holding, *, display: bool) -> responses.HoldingShape:
    return responses.HoldingShape(
        held.volume,
        held.cost_sum,
        dollars(held.cost_sum) if display else UNSET,
        average(held) if display else UNSET,
        held.pending_sell,
        held.free,
    )


def matching(markets: Iterable[Market]) -> responses.MatchingShape:
    shown = {
        each.id: responses.MatchingMarketShape(each.status, True, each.book.count)
        for each in markets
        if each.status in UNRESOLVED
    }
    statuses = [each.status for each in shown.values()]
    halted = statuses.count(MarketStatus.HALTED)
    return responses.MatchingShape(
        "degraded" if halted else "healthy", halted, statuses.count(MarketStatus.ACTIVE), shown
    )
