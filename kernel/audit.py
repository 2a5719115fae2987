"""The audit: every invariant of the exchange by name, checked against the whole state.

It recomputes from first principles what the rest of the kernel keeps up to date, and shares no shortcut
with it. A clean exchange gives an empty list; otherwise each violation says what broke, with the numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from kernel.amounts import fee
from kernel.audit_making import audit_making, audit_mm_history
from kernel.audit_record import audit_history
from kernel.book import best_of
from kernel.codes import (
    PAIR_CENTS,
    RESERVE_ID,
    RESTING_KINDS,
    BookType,
    CancelReason,
    Direction,
    GroupState,
    OrderStatus,
    Side,
    TimeInForce,
)
from kernel.history import History
from kernel.invariants import Violation
from kernel.life import OVER, STOPPABLE, UNRESOLVED
from kernel.market import Account, Market, Order, Position
from kernel.state import State


def audit(state: State, history: History | None = None) -> list[Violation]:
    """Everything, over all markets and accounts; with the history also what only the record can show."""
    violations = [*audit_accounts(state)]
    by_market: dict[str, list[Order]] = {market_id: [] for market_id in state.markets}
    for order in state.orders.values():
        by_market[order.market.id].append(order)
    for market in state.markets.values():
        violations += audit_orders_of(market, by_market[market.id])
    violations += audit_making(state)
    if history is not None:
        violations += audit_history(state, history)
        violations += audit_mm_history(state, history)
    return violations


def audit_market(state: State, market: Market) -> list[Violation]:
    """Everything that speaks of one market."""
    return audit_orders_of(market, [order for order in state.orders.values() if order.market is market])


def audit_orders_of(market: Market, orders: list[Order]) -> list[Violation]:
    return [
        *(() if market.status in OVER else audit_shares(market)),
        *audit_positions(market),
        *audit_results(market),
        *audit_orders(market, orders),
        *audit_trades(market, orders),
        *audit_expiry(market, orders),
        *audit_book(market, orders),
        *audit_windows(market),
        *audit_groups(market),
    ]


def audit_shares(market: Market) -> list[Violation]:
    """Shares, reserve and cost: what must hold for every share to be paid."""
    positions = market.positions.values()
    yes, no = sum(p.yes.volume for p in positions), sum(p.no.volume for p in positions)
    costs = sum(p.yes.cost_sum + p.no.cost_sum for p in positions)
    return audit_sums(market, yes, no, costs)


def audit_sums(market: Market, yes: int, no: int, costs: int) -> list[Violation]:
    """The same, by whoever has added up already what the positions hold and what they cost."""
    violations = [*audit_totals(market)]
    totals = {"total_yes_shares": market.yes_shares, "total_no_shares": market.no_shares}
    if market.closing is not None:
        costs += market.closing.costs
    if market.reserve + market.pnl_pool != costs:
        money = {"reserve_balance": market.reserve, "pnl_pool": market.pnl_pool}
        violations.append(Violation("cost_conservation", market.id, money | {"cost_sums": costs}))
    # While holders are paid the sums are those of who is left; the volumes of the others were not kept.
    if is_paid_in_part(market):
        return violations
    if (yes, no) != (market.yes_shares, market.no_shares):
        volumes = {"yes_volumes": yes, "no_volumes": no}
        violations.append(Violation("positions_sum", market.id, totals | volumes))
    return violations


def is_paid_in_part(market: Market) -> bool:
    return market.closing is not None and market.closing.costs > 0


def audit_totals(market: Market) -> Iterator[Violation]:
    """What a market says of itself, whoever holds it."""
    totals = {"total_yes_shares": market.yes_shares, "total_no_shares": market.no_shares}
    money = {"reserve_balance": market.reserve, "pnl_pool": market.pnl_pool}
    if market.yes_shares != market.no_shares:
        yield Violation("shares_balanced", market.id, totals)
    if not market.reserve == PAIR_CENTS * market.yes_shares >= 0:
        yield Violation("reserve_consistency", market.id, money | totals)


def audit_positions(market: Market) -> Iterator[Violation]:
    for position in market.positions.values():
        for side in Side:
            holding = position.holding(side)
            numbers = {
                "user_id": position.account.id,
                "side": side.value,
                "volume": holding.volume,
                "cost_sum": holding.cost_sum,
                "pending_sell": holding.pending_sell,
            }
            costs_fit = holding.cost_sum >= holding.volume if holding.volume else holding.cost_sum == 0
            if not (0 <= holding.pending_sell <= holding.volume and costs_fit):
                yield Violation("position_bounds", market.id, numbers)
            pending = sum(o.remaining for o in position.live if not o.opens and o.terms.side is side)
            if pending != holding.pending_sell:
                yield Violation("pending_shares", market.id, numbers | {"live_orders": pending})
        pairs = min(position.yes.free, position.no.free)
        if position.account.auto_netting and pairs > 0:
            yield Violation(
                "netting_complete", market.id, {"user_id": position.account.id, "free_pairs": pairs}
            )


def audit_results(market: Market) -> Iterator[Violation]:
    """What its positions gained and paid, each by itself, against what the market says of them together.

    A share that is paid out realizes its part of the reserve less its cost: in the end, nothing is left.
    """
    positions = market.positions.values()
    realized = market.let_go_realized + sum(position.realized_pnl for position in positions)
    closing = market.closing
    settled = closing.paid - closing.costs if closing is not None else 0
    expected = 0 if market.status in OVER else market.pnl_pool + settled
    if realized != expected:
        yield Violation("realized_sum", market.id, {"realized": realized, "expected": expected})
    paid = market.let_go_fees + sum(position.fees_paid for position in positions)
    if paid != market.fees:
        yield Violation("fees_sum", market.id, {"fees_paid": paid, "fees": market.fees})


def audit_orders(market: Market, orders: Iterable[Order]) -> Iterator[Violation]:
    for order in orders:
        told = {"order_id": order.id, "status": order.status.value}
        filled = order.terms.quantity - order.remaining
        if order.is_live:
            need = order.remaining
            if order.terms.direction is Direction.BUY:
                value = order.terms.price * order.remaining
                need = value + fee(value, max(market.terms.maker_fee_bps, market.terms.taker_fee_bps))
            freeze_fits = order.frozen == need > 0
        else:
            freeze_fits = order.frozen == 0
        if not freeze_fits:
            yield Violation(
                "order_freeze",
                market.id,
                told | {"frozen_amount": order.frozen, "remaining": order.remaining},
            )
        if not status_fits(order, filled):
            yield Violation(
                "order_quantities",
                market.id,
                told | {"quantity": order.terms.quantity, "filled": filled, "remaining": order.remaining},
            )
        if (order.book_type, order.is_bid, order.book_price) != mapped(order):
            yield Violation(
                "order_mapping",
                market.id,
                told | {"book_type": order.book_type.value, "book_price": order.book_price},
            )
        if not (1 <= order.terms.price <= 99 and 1 <= order.book_price <= 99):
            yield Violation(
                "price_bounds", market.id, told | {"price": order.terms.price, "book_price": order.book_price}
            )
    last = market.last_trade_price
    if last is not None and not 1 <= last <= 99:
        yield Violation("price_bounds", market.id, {"last_trade_price": last})


def audit_expiry(market: Market, orders: Iterable[Order]) -> Iterator[Violation]:
    """While cancels and trades are possible, an order past its time leaves before anything else happens.

    What has expired does not count as something else: much at once goes in several steps.
    """
    live = [order for order in orders if order.is_live]
    for order in live:
        kind, expires_at = order.terms.time_in_force, order.terms.expires_at
        if kind not in RESTING_KINDS or (kind is TimeInForce.GTD) is (expires_at is None):
            told = {"order_id": order.id, "time_in_force": kind.value, "expires_at": expires_at}
            yield Violation("resting_kinds", market.id, told)
    if market.status not in STOPPABLE:
        return
    others = (order.updated_at for order in orders if order.cancel_reason is not CancelReason.EXPIRED)
    newest = max(others, default=0)
    for order in live:
        expires_at = order.terms.expires_at
        if expires_at is not None and expires_at <= newest:
            times = {"order_id": order.id, "expires_at": expires_at, "newest": newest}
            yield Violation("nothing_overdue", market.id, times)


def audit_trades(market: Market, orders: Iterable[Order]) -> Iterator[Violation]:
    """Each share traded filled two orders. Order by order only the history can tell."""
    filled = sum(order.terms.quantity - order.remaining for order in orders)
    if filled + market.let_go_filled != 2 * market.traded_volume:
        yield Violation(
            "trades_sum", market.id, {"filled_quantities": filled, "traded_volume": market.traded_volume}
        )


def status_fits(order: Order, filled: int) -> bool:
    match order.status:
        case OrderStatus.OPEN:
            return filled == 0
        case OrderStatus.PARTIALLY_FILLED:
            return 0 < filled < order.terms.quantity
        case OrderStatus.FILLED:
            return order.remaining == 0
        case OrderStatus.CANCELLED:
            return 0 <= filled < order.terms.quantity and order.cancel_reason is not None
        case _:
            return False


def mapped(order: Order) -> tuple[BookType, bool, int]:
    """The user's view, carried over to the book of YES, spelled out."""
    terms = order.terms
    match terms.side, terms.direction:
        case Side.YES, Direction.BUY:
            return BookType.NATIVE_BUY, True, terms.price
        case Side.YES, Direction.SELL:
            return BookType.NATIVE_SELL, False, terms.price
        case Side.NO, Direction.BUY:
            return BookType.SYNTHETIC_SELL, False, PAIR_CENTS - terms.price
        case _:
            return BookType.SYNTHETIC_BUY, True, PAIR_CENTS - terms.price


def audit_book(market: Market, orders: Iterable[Order]) -> Iterator[Violation]:
    """The book, its totals and the indexes beside it hold the live orders and nothing else."""
    live = sorted((order for order in orders if order.is_live), key=lambda order: order.accepted_seq)
    queues: defaultdict[tuple[bool, int], list[Order]] = defaultdict(list)
    by_holder: defaultdict[str, list[Order]] = defaultdict(list)
    for order in live:
        by_holder[order.account.id].append(order)
    for order in sorted(live, key=lambda order: order.priority_seq):
        queues[order.is_bid, order.book_price].append(order)
    if list(market.book.live) != live:
        numbers: dict[str, Any] = {
            "by_acceptance": [order.id for order in market.book.live][:20],
            "live_orders": [order.id for order in live][:20],
        }
        yield Violation("book_matches_orders", market.id, numbers)
    if live and market.status not in UNRESOLVED and market.closing is None:
        yield Violation(
            "book_matches_orders", market.id, {"live_orders": len(live), "status": market.status.value}
        )
    for half, is_bid in ((market.book.bids, True), (market.book.asks, False)):
        for price in range(100):
            expected = queues[is_bid, price]
            level = list(islice(half.queue(price), len(expected) + 1))  # a damaged chain may have no end
            total = sum(order.remaining for order in expected)
            occupied = bool(half.mask >> price & 1)
            backwards = [*(order.ahead for order in level), half.last[price]]
            if (
                level != expected
                or backwards != [None, *level]
                or half.totals[price] != total
                or occupied != bool(expected)
            ):
                numbers = {
                    "side": "bids" if is_bid else "asks",
                    "price": price,
                    "book_orders": [order.id for order in level][:20],
                    "live_orders": [order.id for order in expected][:20],
                    "book_total": half.totals[price],
                    "live_total": total,
                }
                yield Violation("book_matches_orders", market.id, numbers)
        best = best_of(half.mask, is_bid)
        if half.best != best:
            numbers = {"side": "bids" if is_bid else "asks", "best": half.best, "best_price": best}
            yield Violation("book_matches_orders", market.id, numbers)
    best_bid, best_ask = market.book.best_bid, market.book.best_ask
    if best_bid is not None and best_ask is not None and best_bid >= best_ask:
        yield Violation("book_not_crossed", market.id, {"best_bid": best_bid, "best_ask": best_ask})
    for position in market.positions.values():
        yield from audit_indexes(position, by_holder[position.account.id])


def audit_indexes(position: Position, live: list[Order]) -> Iterator[Violation]:
    """What limits, self-trade prevention and batch cancels look at, against the orders it stands for."""
    opening = {side: sum(o.remaining for o in live if o.opens and o.terms.side is side) for side in Side}
    if list(position.live) != live or any(position.holding(side).opening != opening[side] for side in Side):
        numbers = {
            "user_id": position.account.id,
            "indexed_orders": [order.id for order in position.live][:20],
            "live_orders": [order.id for order in live][:20],
            "opening": {side.value: [position.holding(side).opening, opening[side]] for side in Side},
        }
        yield Violation("book_matches_orders", position.market.id, numbers)
    for indexed, is_bid in ((position.bids, True), (position.asks, False)):
        prices = Counter(order.book_price for order in live if order.is_bid is is_bid)
        if indexed != prices:
            yield Violation(
                "book_matches_orders",
                position.market.id,
                {
                    "user_id": position.account.id,
                    "indexed_prices": dict(indexed),
                    "live_prices": dict(prices),
                },
            )


def audit_windows(market: Market) -> Iterator[Violation]:
    """What stands, and what stood; for how long the market has traded, only the history can tell."""
    stands, counts = market.spot, market.prices.spot
    if counts != stands:
        yield Violation("windows", market.id, {"half_cents": counts, "of_the_book": stands})
    for slot in market.prices.impossible_slots():
        yield Violation("windows", market.id, slot)


def audit_groups(market: Market) -> Iterator[Violation]:
    """They end with their market, also where its orders go in portions after that."""
    if market.status not in UNRESOLVED:
        return
    live = Counter((order.account.id, order.terms.group_id) for order in market.book.live)
    for user_id, group_id in live:
        if group_id is not None and market.group(user_id, group_id) is None:
            yield Violation("groups", market.id, {"user_id": user_id, "group_id": group_id, "group": None})
    for user_id, groups in market.groups.items():
        for group in groups.values():
            filled = group.filled(group.last_counted)
            orders = live[user_id, group.group_id]
            brakes = group.state is GroupState.TRIGGERED
            if orders if brakes else filled >= group.max_fill_quantity:
                told = {"user_id": user_id, "group_id": group.group_id, "state": group.state.value}
                yield Violation("groups", market.id, told | {"filled": filled, "live_orders": orders})


def audit_accounts(state: State) -> Iterator[Violation]:
    accounts = state.accounts.values()
    held = sum(account.available + account.frozen for account in accounts)
    if held != state.external:
        totals = {"balances": held, "deposits_less_withdrawals": state.external}
        yield Violation("global_zero_sum", None, totals)
    if RESERVE_ID in state.accounts:
        reserves = sum(market.reserved for market in state.markets.values())
        if state.reserve_account.available != reserves:
            yield Violation(
                "reserve_account_consistency",
                None,
                {"account": state.reserve_account.available, "markets": reserves},
            )
        fees = sum(market.fees for market in state.markets.values())
        services = sum(order.fees_cents for order in state.making.orders.values())
        if state.fee_account.available != fees + services:
            paid = {"account": state.fee_account.available, "trades": fees, "services": services}
            yield Violation("fee_account", None, paid)
    entries = sum(account.version for account in accounts)
    if entries != state.ledger_head:
        yield Violation("ledger_chain", None, {"versions": entries, "ledger_entries": state.ledger_head})
    for account in accounts:
        numbers: dict[str, Any] = {
            "user_id": account.id,
            "available": account.available,
            "frozen": account.frozen,
        }
        if account.available < 0 or account.frozen < 0 or (account.is_system and account.frozen):
            yield Violation("non_negative", None, numbers)
        frozen = sum(order.frozen for p in account.positions.values() for order in p.live if order.opens)
        if account.frozen != frozen:
            yield Violation("frozen_funds", None, numbers | {"live_orders": frozen})
        if not account.is_system:
            yield from audit_equity(account)
    for owner_id, tally in state.open_orders.items():
        owned = [state.accounts[owner_id], *state.sub_accounts.get(owner_id, ())]
        live = sum(len(position.live) for account in owned for position in account.positions.values())
        if tally.count != live:
            told = {"owner_id": owner_id, "counted": tally.count, "live_orders": live}
            yield Violation("book_matches_orders", None, told)


def audit_equity(account: Account) -> Iterator[Violation]:
    """Where its money came from. What its shares are worth now plays no part: that is on both sides."""
    positions = account.positions.values()
    has = account.available + account.frozen
    has += sum(position.yes.cost_sum + position.no.cost_sum for position in positions)
    came_in = account.net_deposits + account.net_transfers
    gained = account.past_realized - account.past_fees
    gained += sum(position.realized_pnl - position.fees_paid for position in positions)
    if has != came_in + gained:
        yield Violation(
            "equity",
            None,
            {
                "user_id": account.id,
                "cash_and_cost": has,
                "net_deposits": account.net_deposits,
                "net_transfers": account.net_transfers,
                "realized_less_fees": gained,
            },
        )
