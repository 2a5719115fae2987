"""Looking at one's own order groups; what is done to them are commands to the kernel like others."""

import msgspec

from adapters.operations.lookups import own_account
from adapters.operations.operation import Call, from_memory
from adapters.service.server import Server
from adapters.wire import render, responses
from adapters.wire.requests import EmptyBody, Text
from kernel.groups import group_now


class GroupsQuery(msgspec.Struct, frozen=True, kw_only=True):
    market_id: Text | None = None


@from_memory
def get_groups(server: Server, call: Call[EmptyBody, GroupsQuery]) -> responses.GroupsShape:
    """One's own order groups, by market and name, as of this moment."""
    account = own_account(server, call)
    exchange = server.exchange
    at = max(server.clock.now(), exchange.now)
    return responses.GroupsShape(
        [
            render.group(group_now(market, account, group, at))
            for market_id, market in sorted(exchange.markets.items())
            if call.query.market_id in (None, market_id)
            for _, group in sorted(market.groups.get(account.id, {}).items())
        ]
    )
