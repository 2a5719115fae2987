"""Market-making orders against the state and the record: money, shares, fence, trail, indexes."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from kernel.campaign import Campaign
from kernel.codes import MarketStatus, Side
from kernel.history import History
from kernel.invariants import Violation
from kernel.life import OVER
from kernel.making_commands import CampaignStatus
from kernel.making_edges import (
    ACTIVE,
    FINAL,
    PAYING,
    READY,
    MmAsset,
    MmDirection,
    MmLegStatus,
    MmLocation,
    MmState,
)
from kernel.making_order import (
    LEAVING,
    NOTHING_AWAY,
    OUTSIDE,
    Away,
    MmOrder,
    cycle_time,
    first_deadline,
    is_unsent,
    newest_legs,
    venue_task,
)
from kernel.making_state import DAY
from kernel.market import Market
from kernel.state import State

RUNNING = MmState.RUNNING


def audit_making(state: State) -> Iterator[Violation]:
    """What the state alone can show."""
    for order in state.making.orders.values():
        told = {"order_id": order.id, "state": order.state.value}
        for name, numbers in (*misplaced(order), *lost_sight_of(order), *unfenced(order)):
            yield Violation(name, order.market.id, told | numbers)
    here: defaultdict[Market, list[MmOrder]] = defaultdict(list)
    owned: defaultdict[str, list[MmOrder]] = defaultdict(list)
    for order in state.making.orders.values():
        here[order.market].append(order)
        owned[order.owner.id].append(order)
    running: defaultdict[str, list[Campaign]] = defaultdict(list)
    for campaign in state.making.campaigns.values():
        if campaign.status is CampaignStatus.ACTIVE:
            running[campaign.market_id].append(campaign)
    for market in state.markets.values():
        yield from audit_desk(market, here[market], running[market.id])
    yield from audit_campaigns(state)
    yield from audit_owners(state, owned)


def misplaced(order: MmOrder) -> Iterator[tuple[str, dict[str, Any]]]:
    """Money is where the state says, and nothing rests on the book but while the order runs."""
    escrow, position = order.escrow, order.position
    held = [order.holding(side).volume for side in Side]
    if order.state in FINAL and (escrow.available or escrow.frozen or any(held)):
        yield "mm_place", {"available": escrow.available, "frozen": escrow.frozen, "shares": held}
    if order.state in FINAL and order.away != NOTHING_AWAY:
        yield "mm_place", {"away": list(order.away)}
    live = len(position.live) if position is not None else 0
    cannot_cancel = order.market.status is MarketStatus.HALTED or order.market.closing is not None
    if live and order.state is not RUNNING and not cannot_cancel:
        yield "mm_place", {"live_orders": live}


AT_HOME = (*PAYING, MmState.PAYMENT_COMPLETE, *FINAL)
"""The states of an order that has nothing anywhere else."""


def lost_sight_of(order: MmOrder) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is not in the escrow is in the clearing account, as long as it is on its way, or elsewhere."""
    location, away = order.location, order.away
    told = {"location": location.value, "away": list(away)}
    possible = {
        MmLocation.ESCROW: order.state not in LEAVING and not (order.is_external and order.state in READY),
        MmLocation.TRANSIT: order.state in (*LEAVING, MmState.STOPPED, MmState.FAILED),
        MmLocation.VENUE: order.state not in (*AT_HOME, *LEAVING),
    }
    if not possible[location] or (location is not MmLocation.ESCROW and not order.is_external):
        yield "mm_place", told
    if location is MmLocation.ESCROW and (away != NOTHING_AWAY or order.external_submitted):
        yield "mm_place", told | {"external_submitted": order.external_submitted}
    if order.clearing is not None and (order.clearing.frozen or order.clearing.orders):
        yield "mm_place", told | {"frozen": order.clearing.frozen}
    open_cases = [case.number for case in order.cases if case.closed_at is None]
    expected = [len(order.cases)] if order.reconcile_required else []
    if open_cases != expected or (open_cases and order.state not in (MmState.STOPPED, MmState.FAILED)):
        yield "mm_place", told | {"open_cases": open_cases}
    if order.state in LEAVING:
        legs = newest_legs(order, MmDirection.OUT)
        sent = {leg.leg: leg.amount for leg in legs if leg.status is not MmLegStatus.REJECTED}
        # Its shares are paid for as cash when their turn comes, while the market is being closed.
        is_paid = order.market.status in OVER or order.market.closing is not None
        if not is_paid and away != Away(*(sent.get(asset, 0) for asset in MmAsset)):
            yield "mm_place", told | {"legs": [leg.amount for leg in legs]}
        if order.external_submitted is not any(leg.status in OUTSIDE for leg in legs):
            yield "mm_place", told | {"external_submitted": order.external_submitted}


def unfenced(order: MmOrder) -> Iterator[tuple[str, dict[str, Any]]]:
    """Only who runs is leased; and what rests was placed under a lease that was."""
    has = order.leash.until is not None, order.lease_token is not None, order.lease_worker is not None
    if len(set(has)) > 1 or (any(has) and order.state is not RUNNING):
        yield "mm_fence", {"lease": list(has)}
    if order.escrow.leash is not order.leash:
        yield "mm_fence", {"escrow": order.escrow.id}
    for placed in order.escrow.orders.values():
        prefix, name, fence, *_ = placed.client_order_id.split("_")
        if (prefix, name) != ("mm", order.id.replace("-", "")) or not 0 < int(fence) <= order.fence:
            yield "mm_fence", {"client_order_id": placed.client_order_id, "fence": order.fence}
        if placed.position.market is not order.market:
            yield "mm_fence", {"client_order_id": placed.client_order_id, "in": placed.market.id}


def audit_campaigns(state: State) -> Iterator[Violation]:
    """The pool, against what was promised and paid; and whose trades count."""
    for campaign in state.making.campaigns.values():
        told = {"campaign_id": campaign.id, "status": campaign.status.value}
        pool = state.accounts.get(campaign.pool_id)
        reward, is_active = campaign.terms.reward_pool_cents, campaign.status is CampaignStatus.ACTIVE
        has = pool.available + pool.frozen if pool is not None else 0
        paid = campaign.rewarded_cents + campaign.returned_cents
        funded = reward if pool is not None else 0
        if has != funded - paid or has != (reward if is_active else 0):
            yield Violation("mm_campaign", campaign.market_id, told | {"pool": has, "paid": paid})
        if pool is not None and (pool.leash is None or pool.owner_id != campaign.sponsor_id):
            yield Violation("mm_campaign", campaign.market_id, told | {"owner": pool.owner_id})
        for part in campaign.participations.values():
            order = state.making.orders[part.order_id]
            counting = part if is_active and part.left_at is None else None
            if order.leash.participation is not counting or order.campaign is not campaign:
                yield Violation("mm_campaign", campaign.market_id, told | {"order_id": order.id})


def audit_desk(market: Market, own: list[MmOrder], campaigns: list[Campaign]) -> Iterator[Violation]:
    """What is looked up by time, and what is counted, against the orders it stands for."""
    desk = market.desk
    found: dict[str, Any] = {
        "order_ids": desk.order_ids,
        "active": desk.active,
        "cycles": desk.cycles.entries,
        "deadlines": desk.deadlines.entries,
        "campaigns": set(desk.campaigns),
        "unsent": desk.unsent,
    }
    recomputed: dict[str, Any] = {
        "order_ids": [order.id for order in own if order.state not in FINAL],
        "active": sum(order.state in ACTIVE for order in own),
        "cycles": sorted((at, order.id) for order in own if (at := cycle_time(order)) is not None),
        "deadlines": sorted(
            [(at, order.id) for order in own if (at := first_deadline(order)) is not None]
            + [(campaign.terms.ends_at, campaign.id) for campaign in campaigns]
        ),
        "campaigns": {campaign.id for campaign in campaigns},
        "unsent": [order.id for order in own if is_unsent(order)],
    }
    for name, value in recomputed.items():
        if found[name] != value:
            yield Violation("mm_index", market.id, {"index": name, "is": found[name], "orders": value})


def audit_owners(state: State, owned: dict[str, list[MmOrder]]) -> Iterator[Violation]:
    making = state.making
    for owner_id, owner in making.owners.items():
        own = owned[owner_id]
        active = [order for order in own if order.state in ACTIVE]
        expected = (
            own,
            len(active),
            dict(Counter(order.market.id for order in active)),
            sum(order.reserved for order in active),
            {order.idempotency_key: order for order in own if order.idempotency_key is not None},
        )
        if (owner.orders, owner.active, owner.active_in, owner.reserved, owner.keys) != expected:
            yield Violation("mm_index", None, {"user_id": owner_id, "active": [owner.active, len(active)]})
    reserved = sum(order.reserved for order in making.orders.values() if order.state in ACTIVE)
    if making.reserved != reserved:
        yield Violation("mm_index", None, {"reserved": making.reserved, "orders": reserved})
    awaited = [order.id for order in making.orders.values() if venue_task(order) is not None]
    if making.awaited != awaited:
        yield Violation("mm_index", None, {"awaited": making.awaited, "orders": awaited})
    cash = [
        leg
        for order in making.orders.values()
        for leg in order.venue_legs
        if (leg.direction, leg.leg, leg.attempt) == (MmDirection.OUT, MmAsset.CASH, 1)
    ]
    newest = max((leg.created_at // DAY for leg in cash), default=0)
    sent = sum(leg.amount for leg in cash if leg.created_at // DAY == newest)
    if (making.sent_day, making.sent_cents) != (newest, sent):
        yield Violation("mm_index", None, {"sent_cents": making.sent_cents, "legs": sent})


def audit_mm_history(state: State, history: History) -> Iterator[Violation]:
    """What only the record can show: where the money came from, and how each state was reached."""
    for order in state.making.orders.values():
        told = {"order_id": order.id, "state": order.state.value}
        trail = history.trails[order.id]
        for problem in trail.problems:
            yield Violation("mm_trail", order.market.id, told | problem)
        reached = trail.seq, trail.version, trail.state
        if reached != (order.seq, order.version, order.state):
            yield Violation("mm_trail", order.market.id, told | {"trail": [trail.seq, trail.version]})
        moved = history.making[order.escrow.id]
        cash = sum(moved.cash.values()) + moved.other
        if cash != order.cash or order.received_cash_cents != moved.cash["MM_PAYMENT"]:
            yield Violation("mm_cash", order.market.id, told | {"cash": order.cash, "record": cash})
        if -moved.cash["MM_FEE"] != order.fees_cents:
            yield Violation("mm_cash", order.market.id, told | {"fees": order.fees_cents})
        yield from audit_clearing(order, history, told)
        received = {Side.YES: order.received_yes_shares, Side.NO: order.received_no_shares}
        for side in Side:
            volume, recorded = order.holding(side).volume, moved.shares[side]
            if volume != recorded or received[side] != moved.paid_shares[side]:
                numbers = {"side": side.value, "volume": volume, "record": recorded}
                yield Violation("mm_shares", order.market.id, told | numbers)
    yield from audit_campaign_records(state, history)


def audit_campaign_records(state: State, history: History) -> Iterator[Violation]:
    for campaign in state.making.campaigns.values():
        told = {"campaign_id": campaign.id, "status": campaign.status.value}
        for part in campaign.participations.values():
            recorded = history.contributions[state.making.orders[part.order_id].escrow.id]
            if part.contribution_cents != recorded:
                numbers = {"order_id": part.order_id, "contribution": part.contribution_cents}
                yield Violation("mm_campaign", campaign.market_id, told | numbers | {"record": recorded})
        moved = history.pools[campaign.pool_id]
        funded = campaign.terms.reward_pool_cents if campaign.sponsor_id is not None else 0
        if (moved["MM_POOL"], -moved["MM_REWARD"]) != (
            funded - campaign.returned_cents,
            campaign.rewarded_cents,
        ):
            yield Violation("mm_campaign", campaign.market_id, told | {"record": dict(moved)})


def audit_clearing(order: MmOrder, history: History, told: dict[str, Any]) -> Iterator[Violation]:
    """What went to the clearing account came out of the escrow, and the other way round."""
    if order.clearing is None:
        return
    moved, cleared = history.making[order.escrow.id], history.making[order.clearing.id]
    cash = sum(cleared.cash.values()) + cleared.other
    if cash != order.clearing.available:
        yield Violation("mm_cash", order.market.id, told | {"away": order.clearing.available, "record": cash})
    for kind in ("MM_VENUE_OUT", "MM_VENUE_IN"):
        if moved.cash[kind] + cleared.cash[kind]:
            numbers = {"kind": kind, "escrow": moved.cash[kind], "clearing": cleared.cash[kind]}
            yield Violation("mm_cash", order.market.id, told | numbers)
    for side, volume in ((Side.YES, order.away.yes), (Side.NO, order.away.no)):
        if volume != cleared.shares[side]:
            shares = {"side": side.value, "away": volume, "record": cleared.shares[side]}
            yield Violation("mm_shares", order.market.id, told | shares)
