"""What the rows of market-making orders must be: an order's by the state, what is only added by the facts.

Said again and not shared with what folds them, as in `verify_tables.py`.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from kernel.campaign import Campaign, Participation
from kernel.events import Fact
from kernel.limits import EVIDENCE_MAX, KEY_MAX
from kernel.making_commands import MmPolicy, MmTerms
from kernel.making_events import MmCase, MmLeaseReleased, MmOrderChanged, VenueLeg
from kernel.making_order import MmOrder
from persistence.postgres.packing import ID
from persistence.postgres.storable import plain_json, storable_json, storable_text, storable_time

Row = dict[str, Any]

JSON_COLUMNS: Final = ("terms", "policy", "data", "expected", "observed")


def order_row(order: MmOrder) -> Row:
    return {
        "order_id": order.id,
        "user_id": storable_text(order.owner.id, ID),
        "market_id": order.market.id,
        "escrow_id": order.escrow.id,
        "state": order.state,
        "version": order.version,
        "seq": order.seq,
        "venue": order.venue,
        "location": order.location,
        "held": order.held,
        "reason": order.reason,
        "external_submitted": order.external_submitted,
        "reconcile_required": order.reconcile_required,
        "refund_due": order.refund_due,
        "failure_code": order.failure_code,
        "failed_from": order.failed_from,
        "fence": order.fence,
        "cycle_no": order.cycle_no,
        "next_cycle_at": storable_time(order.next_cycle_at),
        "cycle_lease_until": storable_time(order.lease_until),
        "cycle_lease_token": order.lease_token,
        "cycle_lease_worker": storable_text(order.lease_worker, ID),
        "lease_started_at": storable_time(order.lease_started_at),
        "last_cycle_at": storable_time(order.last_cycle_at),
        "last_cycle_outcome": order.last_cycle_outcome,
        "consecutive_failures": order.consecutive_failures,
        "pause_due_at": storable_time(order.pause_due_at),
        "strategy": order.strategy,
        "terms": pinned(order.terms),
        "policy": pinned(order.policy),
        "snapshot_hash": order.snapshot_hash,
        "required_cash_cents": order.required_cash_cents,
        "required_yes_shares": order.required_yes_shares,
        "required_no_shares": order.required_no_shares,
        "received_cash_cents": order.received_cash_cents,
        "received_yes_shares": order.received_yes_shares,
        "received_no_shares": order.received_no_shares,
        "paid_in_cents": order.paid_in_cents,
        "paid_out_cents": order.paid_out_cents,
        "rewards_cents": order.rewards_cents,
        "fees_cents": order.fees_cents,
        "payment_deadline": storable_time(order.payment_deadline),
        "campaign_id": order.campaign_id,
        "idempotency_key": order.idempotency_key,
        "created_at": storable_time(order.created_at),
        "updated_at": storable_time(order.updated_at),
    }


def campaign_row(campaign: Campaign) -> Row:
    terms = campaign.terms
    return {
        "campaign_id": campaign.id,
        "name": storable_text(terms.name, 100),
        "market_id": campaign.market_id,
        "sponsor_id": storable_text(campaign.sponsor_id, ID),
        "starts_at": storable_time(terms.starts_at),
        "ends_at": storable_time(terms.ends_at),
        "reward_pool_cents": terms.reward_pool_cents,
        "min_cash_cents": terms.min_cash_cents,
        "max_half_spread_cents": terms.max_half_spread_cents,
        "max_participants": terms.max_participants,
        "status": campaign.status,
        "created_at": storable_time(campaign.created_at),
        "updated_at": storable_time(campaign.updated_at),
    }


def participation_row(part: Participation, owner_id: str) -> Row:
    return {
        "campaign_id": part.campaign_id,
        "order_id": part.order_id,
        "user_id": storable_text(owner_id, ID),
        "joined_at": storable_time(part.joined_at),
        "left_at": storable_time(part.left_at),
        "contribution_cents": part.contribution_cents,
        "reward_cents": part.reward_cents,
        "external_ref": storable_text(part.external_ref, 128),
    }


def pinned(members: MmTerms | MmPolicy) -> Any:
    return plain_json(storable_json(msgspec.to_builtins(members)))


def trail_rows(fact: Fact) -> Iterator[Row]:
    match fact.event:
        case MmOrderChanged() as event:
            yield {
                "event_id": fact.id,
                "order_id": event.order_id,
                "user_id": storable_text(event.user_id, ID),
                "seq": event.seq,
                "kind": event.kind,
                "from_state": event.from_state,
                "to_state": event.to_state,
                "job_name": event.job_name,
                "trigger_id": event.trigger_id,
                "actor_type": event.actor_type,
                "actor_id": storable_text(event.actor_id, ID),
                "reason": event.reason,
                "data": plain_json(storable_json(event.data or {})),
                "version": event.version,
                "fence": event.fence,
                "created_at": storable_time(fact.at),
            }
        case _:
            return


def payment_rows(fact: Fact) -> Iterator[Row]:
    match fact.event:
        case MmOrderChanged(order_id=order_id, payment=paid) if paid is not None:
            yield {
                "order_id": order_id,
                "idempotency_key": paid.key,
                "asset": paid.asset,
                "amount": paid.amount,
                "journal_id": fact.id,
                "created_at": storable_time(fact.at),
            }
        case _:
            return


def execution_rows(fact: Fact) -> Iterator[Row]:
    match fact.event:
        case MmLeaseReleased(counts=counts) as event:
            yield {
                "order_id": event.order_id,
                "cycle_no": event.cycle_no,
                "fence": event.fence,
                "worker_id": storable_text(event.worker_id, ID),
                "started_at": storable_time(event.started_at),
                "ended_at": storable_time(fact.at),
                "lateness_ms": event.lateness_ms,
                "outcome": event.outcome,
                "placed": counts.placed,
                "replaced": counts.replaced,
                "cancelled": counts.cancelled,
                "burned": counts.burned,
                "skipped": counts.skipped,
                "bid_cents": event.bid_cents,
                "ask_cents": event.ask_cents,
                "mark_half_cents": event.mark_half_cents,
                "equity_cents": event.equity_cents,
                "error": storable_text(event.error, 200),
            }
        case _:
            return


def leg_row(order: MmOrder, leg: VenueLeg) -> Row:
    return {
        "order_id": order.id,
        "direction": leg.direction,
        "leg": leg.leg,
        "attempt": leg.attempt,
        "request_key": leg.request_key,
        "amount": leg.amount,
        "status": leg.status,
        "tx_id": storable_text(leg.tx_id, KEY_MAX),
        "claimed_by": storable_text(leg.claimed_by, ID),
        "claimed_until": storable_time(leg.claimed_until),
        "created_at": storable_time(leg.created_at),
        "updated_at": storable_time(leg.updated_at),
    }


def case_row(order: MmOrder, case: MmCase) -> Row:
    legs = [
        {
            "direction": leg.direction,
            "leg": leg.leg,
            "attempt": leg.attempt,
            "request_key": leg.request_key,
            "amount": leg.amount,
            "status": leg.status,
            "tx_id": leg.tx_id,
            "claimed_by": leg.claimed_by,
            "claimed_until": leg.claimed_until,
            "created_at": leg.created_at,
            "updated_at": leg.updated_at,
        }
        for leg in case.legs
    ]
    clearing = {"cash_cents": case.cash_cents, "yes": case.yes, "no": case.no}
    found = case.observed
    observed = None if found is None else {"cash_cents": found.cash_cents, "yes": found.yes, "no": found.no}
    return {
        "order_id": order.id,
        "case_no": case.number,
        "expected": plain_json(storable_json({"reason": case.reason, "clearing": clearing, "legs": legs})),
        "observed": None if observed is None else plain_json(storable_json(observed)),
        "outcome": case.outcome,
        "proposed_by": storable_text(case.proposed_by, ID),
        "closed_by": storable_text(case.closed_by, ID),
        "evidence": storable_text(case.evidence, EVIDENCE_MAX),
        "opened_at": storable_time(case.opened_at),
        "closed_at": storable_time(case.closed_at),
    }
