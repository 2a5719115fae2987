"""Describes a market, an account or an order at one moment, in lines of text."""

from collections.abc import Iterable, Iterator, Sequence

from adapters.wire.render import dollars, gain, time
from kernel.codes import Side
from kernel.events import Fact, Fill, trade_name
from kernel.market import Account, Market, Order


def market_lines(market: Market) -> Iterator[str]:
    """Its values, and its book: asks above, bids below, the best in the middle."""
    yield f"market {market.id}: {market.terms.title}"
    yield from table(
        [
            ("status", market.status.value),
            ("result", market.resolution_result or "-"),
            ("pairs", f"{market.yes_shares:,}"),
            ("reserve", dollars(market.reserve)),
            ("pnl pool", gain(market.pnl_pool)),
            ("last trade", "-" if market.last_trade_price is None else f"{market.last_trade_price}"),
            ("traded", f"{market.traded_volume:,} shares in {sum(market.trades.values()):,} trades"),
            ("fees", dollars(market.fees)),
            ("changed", time(market.updated_at)),
        ]
    )
    bids, asks = market.book.depth()
    yield ""
    yield from table(
        [
            ("YES price", "asked", "bid"),
            *((str(price), f"{quantity:,}", "") for price, quantity in reversed(asks)),
            *((str(price), "", f"{quantity:,}") for price, quantity in bids),
        ]
    )
    if not bids and not asks:
        yield "(the book is empty)"


def account_lines(account: Account) -> Iterator[str]:
    """Cash, shares, and live orders."""
    yield f"account {account.id}"
    yield from table(
        [
            ("owner", account.owner_id),
            ("available", dollars(account.available)),
            ("frozen", dollars(account.frozen)),
            ("ledger entries", f"{account.version:,}"),
            ("opened", time(account.opened_at)),
        ]
    )
    held = [
        (
            market_id,
            side.value,
            f"{holding.volume:,}",
            dollars(holding.cost_sum),
            f"{holding.pending_sell:,}",
        )
        for market_id, position in sorted(account.positions.items())
        for side in Side
        if (holding := position.holding(side)).volume
    ]
    if held:
        yield ""
        yield from table([("market", "side", "shares", "cost", "pending sell"), *held])
    live = [order for order in account.orders.values() if order.is_live]
    if live:
        yield ""
        yield from table(
            [
                ("order", "market", "wish", "filled", "frozen"),
                *(
                    (order.id, order.market.id, wish(order), f"{order.filled:,}", set_aside(order))
                    for order in live
                ),
            ]
        )


def order_lines(order: Order, fills: Iterable[Fact]) -> Iterator[str]:
    """The order, and those of the fills that were its own."""
    yield f"order {order.id}: {wish(order)} in {order.market.id}"
    yield from table(
        [
            ("user", order.account.id),
            ("client_order_id", order.client_order_id),
            ("status", order.status.value + (f" ({order.cancel_reason})" if order.cancel_reason else "")),
            ("filled", f"{order.filled:,} of {order.terms.quantity:,}"),
            ("remaining", f"{order.remaining:,}"),
            ("set aside", set_aside(order)),
            ("in the book", f"{order.book_type.value} at {order.book_price}"),
            ("time in force", order.terms.time_in_force.value),
            ("accepted", f"{time(order.created_at)}, row {order.accepted_seq}"),
            ("changed", time(order.updated_at)),
        ]
    )
    rows = [
        (
            trade_name(fact.event.trade.trade_id),
            "maker" if fact.event.order_id == order.id else "taker",
            f"{fact.event.fill_qty:,}",
            str(fact.event.trade_price),
            time(fact.at),
        )
        for fact in fills
        if isinstance(fact.event, Fill)
        and order.id in (fact.event.order_id, fact.event.counterparty_order_id)
    ]
    if rows:
        yield ""
        yield from table([("trade", "as", "shares", "YES price", "at"), *rows])


def wish(order: Order) -> str:
    terms = order.terms
    return f"{terms.direction} {terms.quantity:,} {terms.side} at {terms.price}"


def set_aside(order: Order) -> str:
    return dollars(order.frozen) if order.opens else f"{order.frozen:,} shares"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "   ".join(map(str.ljust, row, widths)).rstrip()
