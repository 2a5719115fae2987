"""Who may not judge, and what one administrator alone may not do."""

import json
from typing import Any

from kernel.commands import GraveCommand
from tests.kernel.reference.records import Proposal, Refused
from tests.kernel.reference.world import World

DAY = 86_400_000_000


def check_interest(world: World, command: GraveCommand) -> None:
    if is_interested(world, command.by_id, command.market_id):
        raise Refused(1007, {"reason": "CONFLICT_OF_INTEREST", "market_id": command.market_id})


def is_interested(world: World, person: str | None, market_id: str) -> bool:
    own = [account.user_id for account in world.accounts.values() if account.owner_id == person]
    return any(world.volume(user_id, market_id, side) for user_id in own for side in ("YES", "NO"))


def ask_a_second(world: World, command: GraveCommand, action: str, **request: Any) -> dict[str, Any] | None:
    """What the first is answered; nothing for the second, who goes on."""
    if not command.four_eyes or command.by_id is None:
        return None
    before = [p for p in world.proposals if (p.action, p.market_id) == (action, command.market_id)]
    for proposal in before:
        young = world.at - proposal.created_at < DAY
        clean = action == "AMM_START" or not is_interested(world, proposal.by_id, command.market_id)
        if young and clean and spelled(proposal.request) == spelled(request):
            if proposal.by_id == command.by_id:
                return told(proposal)
            world.proposals.remove(proposal)
            world.record(
                "ADMIN_CONFIRMED",
                command.market_id,
                proposal_id=proposal.proposal_id,
                action=action,
                by=command.by,
                by_id=command.by_id,
            )
            return None
    others = [p for p in world.proposals if world.at - p.created_at < DAY and p not in before]
    if len(others) >= 1000 or len([p for p in others if p.by_id == command.by_id]) >= 100:
        raise Refused(4002)
    proposal = Proposal(
        len(world.facts) + 1, action, command.market_id, request, command.by, command.by_id, world.at
    )
    world.proposals = [p for p in world.proposals if p not in before] + [proposal]
    world.record(
        "ADMIN_PROPOSED",
        command.market_id,
        proposal_id=proposal.proposal_id,
        action=action,
        request=request,
        by=command.by,
        by_id=command.by_id,
        expires_at=world.at + DAY,
    )
    return told(proposal)


def spelled(request: dict[str, Any]) -> str:
    return json.dumps(request, sort_keys=True)


def told(proposal: Proposal) -> dict[str, Any]:
    return {
        "kind": "Proposed",
        "proposal_id": proposal.proposal_id,
        "action": proposal.action,
        "market_id": proposal.market_id,
        "request": proposal.request,
        "by": proposal.by,
        "by_id": proposal.by_id,
        "created_at": proposal.created_at,
        "expires_at": proposal.created_at + DAY,
    }
