"""What administrators look at before they act: how the exchange is, one market, and what its end would do.

A market may have a hundred thousand holders, so they are counted a portion at a time, and others are served
in between. If the market moves meanwhile, the answer says so.
"""

from collections.abc import AsyncIterator
from itertools import islice
from typing import Annotated, Final

import attrs
import msgspec
import trio
from msgspec import Meta

from adapters.operations.lookups import find_market
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Server
from adapters.wire import admin_responses, render, render_admin
from adapters.wire.requests import EmptyBody
from kernel.codes import PAIR_CENTS, ResolutionResult
from kernel.exchange import FORM
from kernel.market import Market, Position
from kernel.proposals import check_interest
from kernel.settlement import worth

PORTION: Final = 500
"""Orders or holders that are looked at in one step, of some milliseconds."""


async def get_status(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[admin_responses.StatusShape]:
    """How the exchange is: its journal and tables, what waits, who is connected, what it runs."""
    durable, tables = server.actors.durable, server.projections
    data = admin_responses.StatusShape(
        version=server.version,
        kernel="compiled" if FORM == "compiled" else "plain",
        journal_id=durable,
        journal_lag_events=server.undurable_events,
        projected_journal_id=min(tables.reached, durable),
        projection_lag_ms=round(tables.lag_seconds * 1000),
        clock=server.clock.trouble or "steady",
        inboxes=[
            admin_responses.InboxShape(market_id, waiting)
            for market_id, waiting in server.actors.depths().items()
        ],
        connections=admin_responses.ConnectionsShape(**server.connections()),
    )
    return Reply(data, journal_id=durable)


@from_memory
def get_admin_market(server: Server, call: Call[EmptyBody, NoQuery]) -> admin_responses.AdminMarketShape:
    """One market, with what the market maker may do in it."""
    return render_admin.admin_market(find_market(server, call))


class EndQuery(msgspec.Struct, frozen=True, kw_only=True):
    void_price_cents: Annotated[int, Meta(ge=1, le=99)] | None = None
    """What a YES share would be paid if the question were void; the reference price if absent."""


@attrs.define
class End:
    """What holders would get in all, if this were the answer."""

    result: ResolutionResult
    void_price: int
    payout: int = 0
    winners: int = 0
    gained: int = 0
    lost: int = 0

    def count(self, position: Position, netted: int) -> None:
        """One holder, of whose shares so many pairs have turned back into cash."""
        yes, no = position.yes, position.no
        payout = worth(self.result, yes.volume - netted, no.volume - netted, self.void_price)
        gain = payout + PAIR_CENTS * netted - yes.cost_sum - no.cost_sum
        self.payout += payout
        self.winners += payout > 0
        self.gained += max(gain, 0)
        self.lost += max(-gain, 0)


async def foresee_end(
    server: Server, call: Call[EmptyBody, EndQuery]
) -> Reply[admin_responses.ForeseenEndShape]:
    """What the end of a market would cancel and pay now, for each answer. It changes nothing."""
    market = find_market(server, call)
    began, orders, unfrozen, netted = moment_of(market), list(market.book.live), 0, 0
    reference = market.prices.reference(max(server.clock.now(), server.exchange.now))
    price = market.void_price_cents or call.query.void_price_cents or reference.reference_price_cents
    results = [market.resolution_result] if market.resolution_result is not None else [*ResolutionResult]
    ends = [End(result, price) for result in results]
    for start in range(0, len(orders), PORTION):
        unfrozen += sum(order.frozen for order in orders[start : start + PORTION] if order.opens)
        await trio.lowlevel.checkpoint()
    async for position in holders_of(market):
        pairs = pairs_to_net(position)
        netted += pairs
        for end in ends:
            end.count(position, pairs)
    data = admin_responses.ForeseenEndShape(
        market_id=market.id,
        status=market.status,
        of_one_moment=moment_of(market) == began,
        orders_count=len(orders),
        unfrozen_cents=unfrozen,
        unfrozen_display=render.dollars(unfrozen),
        netted_cents=PAIR_CENTS * netted,
        netted_display=render.dollars(PAIR_CENTS * netted),
        results=[render_admin.foreseen(*attrs.astuple(end)) for end in ends],
        reference=render_admin.reference(reference),
        needs_void_price=reference.is_thin,
        has_conflict=check_interest(market, call.user.user_id) is not None,
        needs_second=server.settings.four_eyes,
    )
    return Reply(data, journal_id=await server.wait_durable(server.exchange.head))


async def holders_of(market: Market) -> AsyncIterator[Position]:
    """Everybody who has been a holder, in portions; who joins behind the last of them comes, too."""
    last = ""
    while portion := [market.positions[name] for name in islice(market.holders.after(last), PORTION)]:
        for position in portion:
            yield position
        last = portion[-1].account.id
        await trio.lowlevel.checkpoint()


def pairs_to_net(position: Position) -> int:
    """What turns back into cash once no share of it is for sale any more."""
    return min(position.yes.volume, position.no.volume) if position.account.auto_netting else 0


def moment_of(market: Market) -> tuple[object, ...]:
    """What is another after anything has moved in the market."""
    return market.status, market.book_changed_at, market.updated_at, market.traded_volume, market.reserve
