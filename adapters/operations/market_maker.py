"""The market maker's markets."""

from adapters.operations.operation import Call, NoQuery, from_memory
from adapters.service.server import Server
from adapters.wire import admin_responses, render_admin
from adapters.wire.requests import EmptyBody


@from_memory
def get_amm_markets(server: Server, call: Call[EmptyBody, NoQuery]) -> admin_responses.AmmMarketsShape:
    """The markets in which the market maker was started."""
    return render_admin.amm_markets(server.exchange.markets.values())
