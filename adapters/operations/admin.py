"""Administration: the life of markets, the market maker's start and stop, and the audit."""

from typing import Any

import msgspec

from adapters.operations.audit import audit_halted_market, verify
from adapters.operations.lookups import find_market
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Server
from adapters.wire import admin_responses, render_admin
from adapters.wire.requests import (
    AuthorizationBody,
    CreateMarketBody,
    EmptyBody,
    HaltBody,
    ModeBody,
    ResolveBody,
    ResumeBody,
    StartAmmBody,
    StopAmmBody,
    SuspendBody,
    VoidBody,
)
from kernel import commands
from kernel.answers import AmmRunning, AmmStoppedNow, Answer, MarketIs, Proposed, Refusal, Resolved
from kernel.codes import MarketStatus
from kernel.markets import not_resumable
from kernel.proposals import open_proposals


async def create_market(
    server: Server, call: Call[CreateMarketBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Create a market, as a draft; its parameters are fixed from here on."""
    command = call.body.to_command(call.user.username, server.clock)
    return await changed_market(server, command, call.request_id, 201)


async def changed_market(
    server: Server, command: commands.AnyCommand, request_id: str, status: int = 200
) -> Reply[admin_responses.AdminMarketShape]:
    """The market as it is after the command, and perhaps after later ones."""
    answer, _ = await server.answer(command, request_id, MarketIs)
    data = render_admin.admin_market(server.exchange.markets[answer.market_id])
    return Reply(data, status, await server.wait_durable(server.exchange.head))


async def activate_market(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Open a draft for trading."""
    command = commands.ActivateMarket(
        at=server.clock.now(), market_id=call.path["market_id"], by=call.user.username
    )
    return await changed_market(server, command, call.request_id)


async def suspend_market(
    server: Server, call: Call[SuspendBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Take no new orders; those that rest stay, and can be cancelled. The reason may become public."""
    command = commands.SuspendMarket(
        at=server.clock.now(),
        market_id=call.path["market_id"],
        reason=call.body.reason,
        by=call.user.username,
    )
    return await changed_market(server, command, call.request_id)


async def halt_market(
    server: Server, call: Call[HaltBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Pull the brake: nothing moves in the market. The reason may become public."""
    command = commands.HaltMarket(
        at=server.clock.now(),
        market_id=call.path["market_id"],
        reason=call.body.reason,
        by=call.user.username,
    )
    return await changed_market(server, command, call.request_id)


async def resume_market(
    server: Server, call: Call[ResumeBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Go on after a suspension, or after a halt if the books are in order. The note may become public."""
    command = call.body.to_command(call.path["market_id"], call.user.username, server.clock)
    market = server.exchange.markets.get(command.market_id)
    if (
        market is not None
        and market.status is MarketStatus.HALTED
        and not_resumable(market, command, command.at) is None
    ):
        command = msgspec.structs.replace(command, sound_after=await audit_halted_market(server, market))
    return await changed_market(server, command, call.request_id)


async def set_market_mode(
    server: Server, call: Call[ModeBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Take only some orders until told otherwise, or until a time. The reason may become public."""
    command = call.body.to_command(call.path["market_id"], call.user.username, server.clock)
    return await changed_market(server, command, call.request_id)


async def authorize_amm(
    server: Server, call: Call[AuthorizationBody, NoQuery]
) -> Reply[admin_responses.AdminMarketShape]:
    """Allow the market maker to mint in this market, or no longer."""
    command = commands.AuthorizeAmm(
        at=server.clock.now(),
        market_id=call.path["market_id"],
        authorized=call.body.authorized,
        by=call.user.username,
    )
    return await changed_market(server, command, call.request_id)


async def resolve_market(server: Server, call: Call[ResolveBody, NoQuery]) -> Reply[Any]:
    """Answer the question: cancel all orders and, unless told otherwise, pay out."""
    return await ended(
        server, call, call.body.to_command(call.path["market_id"], call.user.username, server.clock)
    )


async def settle_market(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[Any]:
    """Pay out a market that was resolved without it."""
    command = commands.SettleMarket(
        at=server.clock.now(), market_id=call.path["market_id"], by=call.user.username
    )
    return await ended(server, call, command)


async def void_market(server: Server, call: Call[VoidBody, NoQuery]) -> Reply[Any]:
    """Call the question off and pay every share one price. The reason may become public."""
    return await ended(
        server, call, call.body.to_command(call.path["market_id"], call.user.username, server.clock)
    )


async def ended(
    server: Server,
    call: Call[Any, NoQuery],
    command: commands.ResolveMarket | commands.VoidMarket | commands.SettleMarket,
) -> Reply[Any]:
    answer, seen = await decide_grave(server, call, command)
    if isinstance(answer, Proposed):
        return Reply(render_admin.proposed(answer), 202, seen)
    assert isinstance(answer, Resolved)
    return Reply(
        render_admin.resolved(answer, is_settlement=type(command) is commands.SettleMarket), journal_id=seen
    )


async def decide_grave(
    server: Server, call: Call[Any, NoQuery], command: commands.AnyGraveCommand
) -> tuple[Answer, int]:
    """Decide a command that administrators may not give in their own case, and perhaps not alone.

    The kernel checks both.
    """
    command = msgspec.structs.replace(command, by_id=call.user.user_id, four_eyes=server.settings.four_eyes)
    outcome = await server.decide(command, call.request_id)
    assert not isinstance(outcome.answer, Refusal)
    return outcome.answer, outcome.seen


@from_memory
def get_proposals(server: Server, call: Call[EmptyBody, NoQuery]) -> admin_responses.ProposalsShape:
    """What waits for a second administrator, newest first."""
    waiting = open_proposals(server.exchange, server.clock.now())
    return admin_responses.ProposalsShape([render_admin.proposal(each) for each in reversed(waiting)])


@from_memory
def get_stats(server: Server, call: Call[EmptyBody, NoQuery]) -> admin_responses.StatsShape:
    """What a market has done so far, in numbers."""
    return render_admin.stats(find_market(server, call), max(server.clock.now(), server.exchange.now))


async def start_amm(server: Server, call: Call[StartAmmBody, NoQuery]) -> Reply[Any]:
    """Give the market maker a budget in a market, half of it as pairs."""
    command = call.body.to_command(call.user.username, server.clock)
    answer, seen = await decide_grave(server, call, command)
    if isinstance(answer, Proposed):
        return Reply(render_admin.proposed(answer), 202, seen)
    assert isinstance(answer, AmmRunning)
    return Reply(render_admin.amm_running(answer), 201, seen)


async def stop_amm(
    server: Server, call: Call[StopAmmBody, NoQuery]
) -> Reply[admin_responses.AmmStoppedShape]:
    """Cancel the market maker's orders in a market and record that it stopped."""
    command = call.body.to_command(call.user.username, server.clock)
    answer, seen = await server.answer(command, call.request_id, AmmStoppedNow)
    return Reply(render_admin.amm_stopped(answer), journal_id=seen)


async def verify_invariants(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.InvariantsShape]:
    """Check every invariant of the exchange now. It reports; it halts nothing."""
    return await verify(server)
