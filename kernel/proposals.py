"""Administrators watch each other: nobody judges his own case, and the gravest acts may need two of them.

The first request passes every check of its act and then only becomes a proposal; the same request by another
administrator is checked anew and carried out. Who is an administrator knows whoever lets callers in.
"""

from typing import Any, Final

import msgspec

from kernel.answers import Proposed, Refusal
from kernel.codes import AdminAction, Code
from kernel.commands import GraveCommand, ResolveMarket, SettleMarket, VoidMarket
from kernel.draft import Draft
from kernel.events import AdminConfirmed, AdminProposed, Fact
from kernel.life import UNRESOLVED, starts
from kernel.limits import PROPOSAL_LIFE, PROPOSALS_MAX, PROPOSALS_MAX_EACH
from kernel.market import Market
from kernel.state import State, expires_at

encode: Final = msgspec.json.Encoder(order="deterministic").encode

POSSIBLE: Final = {
    AdminAction.RESOLVE: starts(ResolveMarket),
    AdminAction.VOID: starts(VoidMarket),
    AdminAction.SETTLE: starts(SettleMarket),
    AdminAction.AMM_START: UNRESOLVED,
}
"""The markets in which it might yet be carried out."""


def check_interest(market: Market, by_id: str | None) -> Refusal | None:
    """Whoever holds shares of a market, on whichever account, does not say how it ends."""
    if by_id is None:
        return None
    for position in market.owners.get(by_id, ()):
        if position.yes.volume or position.no.volume:
            return Refusal(
                Code.NOT_ALLOWED,
                f"Conflict of interest: you hold shares of {market.id}; another administrator may do this",
                {"reason": "CONFLICT_OF_INTEREST", "market_id": market.id},
            )
    return None


def wait_for_second(
    draft: Draft, market: Market, command: GraveCommand, action: AdminAction, request: dict[str, Any]
) -> Proposed | Refusal | None:
    """None if the act, which passed its checks, may be carried out now: it is confirmed, then done."""
    if not command.four_eyes or command.by_id is None:
        return None
    state = draft.state
    waits = state.proposals.get((action, market.id))
    waiting = proposed(waits) if waits is not None else None
    if waiting is not None and stands(waiting, market, draft.at) and is_same(waiting.request, request):
        return waiting if waiting.by_id == command.by_id else None
    others = [
        proposed(each).by_id
        for each in state.proposals.values()
        if each is not waits and draft.at < expires_at(each)
    ]
    if others.count(command.by_id) >= PROPOSALS_MAX_EACH:
        return Refusal(
            Code.LIMIT_EXCEEDED,
            f"You have {PROPOSALS_MAX_EACH} proposals that wait for a second: no more at once",
        )
    if len(others) >= PROPOSALS_MAX:
        return Refusal(Code.LIMIT_EXCEEDED, f"Too many proposals wait for a second: {PROPOSALS_MAX}")
    # Nothing above has changed anything. Nothing below can refuse.
    event = AdminProposed(
        proposal_id=state.head + 1,
        action=action,
        request=request,
        by=command.by,
        by_id=command.by_id,
        expires_at=draft.at + PROPOSAL_LIFE,
    )
    fact = draft.record(market.id, event)
    state.propose(fact, event)
    return proposed(fact)


def confirm(draft: Draft, market: Market, command: GraveCommand, action: AdminAction) -> None:
    """If it took two: the proposal of the first is used up, which is recorded first of all."""
    if not command.four_eyes or command.by_id is None:
        return
    waiting = proposed(draft.state.proposals.pop((action, market.id)))
    assert waiting.by_id != command.by_id, "nobody is his own second"
    draft.record(
        market.id,
        AdminConfirmed(proposal_id=waiting.proposal_id, action=action, by=command.by, by_id=command.by_id),
    )


def open_proposals(state: State, at: int) -> list[Proposed]:
    """What a second administrator could still carry out, oldest first."""
    return [
        each
        for each in map(proposed, state.proposals.values())
        if stands(each, state.markets[each.market_id], at)
        and state.markets[each.market_id].status in POSSIBLE[each.action]
    ]


def proposed(fact: Fact) -> Proposed:
    """What an administrator proposed, from the fact that it was."""
    event = fact.event
    assert isinstance(event, AdminProposed)
    assert fact.market_id is not None
    return Proposed(
        event.proposal_id,
        event.action,
        fact.market_id,
        event.request,
        event.by,
        event.by_id,
        fact.at,
        event.expires_at,
    )


def stands(proposal: Proposed, market: Market, at: int) -> bool:
    """Not for ever, and not once its proposer has come to hold shares of what he would end."""
    if at >= proposal.expires_at:
        return False
    return proposal.action is AdminAction.AMM_START or check_interest(market, proposal.by_id) is None


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """In every member, and by what it says: to Python 1, 1.0 and true are equal."""
    return encode(one) == encode(other)
