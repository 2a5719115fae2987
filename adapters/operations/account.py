"""A user's cash and shares: balance, deposits, withdrawals, ledger, positions, trades."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from adapters.access.identity import AMM_ALIAS
from adapters.operations.listing import whole
from adapters.operations.lookups import find_market, own_account
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Row, Server
from adapters.wire import making_responses, render, render_making, render_rows, responses
from adapters.wire.paging import (
    HistoryPage,
    PageQuery,
    bad_cursor,
    cursor_at,
    number_of,
    one_of,
    page,
    read_number,
)
from adapters.wire.requests import DepositBody, EmptyBody, Text, WithdrawBody
from adapters.wire.status import RefusedError, malformed
from kernel.answers import BalanceMoved
from kernel.codes import Code, LedgerEntryType, TradeScenario
from kernel.events import TRADE_PREFIX
from kernel.life import OVER


@from_memory
def get_balance(server: Server, call: Call[EmptyBody, NoQuery]) -> making_responses.WholeBalanceShape:
    """One's own cash: what may be spent, and what own open buy orders have set aside."""
    account = own_account(server, call)
    return render_making.whole_balance(account, server.exchange.making.owners.get(account.id))


async def deposit(server: Server, call: Call[DepositBody, NoQuery]) -> Reply[responses.DepositedShape]:
    """Pay in simulated money; with four eyes not for the market maker, which two administrators give it."""
    if server.settings.four_eyes and call.user.is_amm:
        # Any administrator can have a token of the market maker's.
        raise RefusedError(
            Code.NOT_ALLOWED, "The market maker is given money by its start, which takes two administrators"
        )
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, BalanceMoved)
    return Reply(render.deposited(answer), journal_id=seen)


async def withdraw(server: Server, call: Call[WithdrawBody, NoQuery]) -> Reply[responses.WithdrawnShape]:
    """Take available cash out."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, BalanceMoved)
    return Reply(render.withdrawn(answer), journal_id=seen)


class LedgerQuery(PageQuery, frozen=True, kw_only=True):
    entry_type: str | None = None
    """Names of entry types, separated by commas."""
    market_id: Text | None = None


def ledger_filters(query: LedgerQuery) -> Mapping[str, Any]:
    entry_types = one_of(LedgerEntryType, query.entry_type, "entry_type")
    return {"entry_type": entry_types, "market_id": query.market_id}


class PositionsQuery(msgspec.Struct, frozen=True, kw_only=True):
    market_id: Text | None = None
    has_volume: bool = True
    """Only what holds shares now; false adds what once did."""


async def get_positions(
    server: Server, call: Call[EmptyBody, PositionsQuery]
) -> Reply[responses.PositionsShape]:
    """One's own shares, by market."""
    query, account, head = call.query, own_account(server, call), server.exchange.head
    held = {
        market_id: render.position(position)
        for market_id, position in account.positions.items()
        if query.market_id in (None, market_id)
        and (
            (position.yes.volume or position.no.volume)
            if query.has_volume
            else position.updated_at is not None
        )
    }
    if not query.has_volume:
        held |= {
            position.market.id: render.position(position)
            for position in await server.past_positions(account)
            if query.market_id in (None, position.market.id)
        }
    shown = responses.PositionsShape([held[market_id] for market_id in sorted(held)])
    return Reply(shown, journal_id=await server.wait_durable(head))


async def get_position(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.PositionShape]:
    """One's own shares in one market; zeros if there are none."""
    market, account, head = find_market(server, call), own_account(server, call), server.exchange.head
    held = account.positions.get(market.id)
    shown = render.position(held) if held is not None else render.no_position(market)
    if held is None and market.status in OVER:
        for position in await server.past_positions(account):
            if position.market is market:
                shown = render.position(position)
    return Reply(shown, journal_id=await server.wait_durable(head))


class TradesQuery(PageQuery, frozen=True, kw_only=True):
    market_id: Text | None = None
    scenario: TradeScenario | None = None
    since: Annotated[str, Meta(pattern=rf"^{TRADE_PREFIX}[0-9]{{1,19}}(?!\n)$")] | None = None
    """A trade_id: only newer trades, oldest first. Not together with a cursor."""
    include_audit: bool = False
    """Also the records of privileged mints and burns; for the market maker."""
    user_id: Text | None = None
    """One's own, if given; the market maker may say AMM_SYSTEM_001."""


async def get_trades(
    server: Server, call: Call[EmptyBody, TradesQuery]
) -> Reply[HistoryPage[responses.TradeShape]]:
    """One's own trades, newest first; after `since`, oldest first."""
    query, user_id = call.query, call.user.user_id
    since = number_of(query.since, TRADE_PREFIX) if query.since is not None else None
    if query.since is not None and (since is None or query.cursor is not None):
        raise malformed(("since", "must be a trade_id, and does not go together with a cursor"))
    before = read_number(query.cursor, TRADE_PREFIX)
    own_names = (None, user_id, AMM_ALIAS) if call.user.is_amm else (None, user_id)
    if query.user_id not in own_names:
        raise RefusedError(Code.NOT_ALLOWED, "Another user's trades are not shown")
    filters: dict[str, Any] = {
        "market_id": query.market_id,
        "scenario": query.scenario,
        "include_audit": query.include_audit and call.user.is_amm,
        "limit": query.limit + 1,
    }
    history = await server.history_as_of(call.durable)
    if since is None:
        rows = await history.trades(user_id, before=before, **filters)
    else:
        rows = await history.trades_since(user_id, since=since, **filters)
    if rows is None:
        raise bad_cursor()

    def shape(row: Row) -> responses.TradeShape:
        return render_rows.trade_row(row, user_id)

    def cursor(row: Row) -> str:
        # What leads on from a page after `since` is the next `since`.
        name: str = row["trade_id"]
        return cursor_at(name) if since is None else name

    data = await whole(history, page(rows, query.limit, shape, cursor))
    return Reply(data, journal_id=call.durable)
