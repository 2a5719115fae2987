"""Each invariant of market-making orders is broken here by hand, and found."""

from collections.abc import Callable

import msgspec
import pytest

from kernel.codes import Side
from kernel.history import History
from kernel.making_edges import MmControl, MmKind, MmLocation, MmState
from kernel.making_events import MmOrderChanged
from tests.kernel.making.desk import ELSEWHERE, Desk
from tests.kernel.making.scene import some_market

Break = Callable[[Desk], object]


def scene() -> Desk:
    """One runs, with a quote and shares, and takes part in a campaign; one is refunded."""
    desk = some_market()
    desk.market.open("cat", 100_000)
    desk.campaign("past", sponsor="cat", lasts=1)
    desk.campaign(sponsor="cat")
    desk.market.play("ann buys 4 YES at 50", "ben buys 4 NO at 50")
    desk.open(yes=4, policy={"service_fee_bps": 10}, campaign_id=desk.ids["prize"])
    desk.quote(desk.lease(), 0, Side.YES, 49)
    desk.market.play("cat buys 4 NO at 51")
    assert desk.prize().contribution_cents == 196
    desk.ask_for("two")
    desk.wait(10)
    desk.ask_for("over", policy={"payment_timeout_ms": 1_000})
    desk.tick(1)
    assert desk.prize("past").returned_cents == 10_000
    for name in ("lost", "away"):
        desk.open(name, cash=10_000, venue=ELSEWHERE)
        desk.step("BEGIN", name=name)
        desk.step("CALL", "CASH", name=name)
    desk.tell(MmControl.FAIL, "lost", admin="root")
    desk.open("unsent", cash=10_000, venue=ELSEWHERE)
    return desk


def has_a_pool_that_holds_too_little(desk: Desk) -> None:
    pool, sponsor = (desk.market.exchange.accounts[name] for name in (desk.prize().pool_id, "cat"))
    pool.available -= 1
    sponsor.available += 1


def paid_more_than_there_was(desk: Desk) -> None:
    desk.prize().participations[desk.ids["one"]].reward_cents += 1


def gave_back_what_it_had_not(desk: Desk) -> None:
    desk.prize("past").returned_cents -= 1


def has_a_pool_that_anybody_moves(desk: Desk) -> None:
    desk.market.exchange.accounts[desk.prize().pool_id].leash = None


def counts_what_nobody_traded(desk: Desk) -> None:
    desk.prize().participations[desk.ids["one"]].contribution_cents += 1


def counts_for_one_that_has_left(desk: Desk) -> None:
    desk.prize().participations[desk.ids["one"]].left_at = 1


def is_not_among_those_that_run(desk: Desk) -> None:
    desk.market.market().desk.campaigns.clear()


def has_cash_that_nobody_paid(desk: Desk) -> None:
    desk.order().received_cash_cents += 1


def has_shares_that_nobody_paid(desk: Desk) -> None:
    desk.order().received_yes_shares += 1


def holds_money_when_it_is_over(desk: Desk) -> None:
    desk.order("over").escrow.available += 5


def is_somewhere_else(desk: Desk) -> None:
    desk.order().location = MmLocation.VENUE


def has_lost_sight_of_what_is_away(desk: Desk) -> None:
    desk.order("away").clearing.available -= 1  # type: ignore[union-attr]


def is_refunded_while_something_is_away(desk: Desk) -> None:
    desk.order("away").state = MmState.REFUNDED


def calls_itself_home(desk: Desk) -> None:
    desk.order("away").location = MmLocation.ESCROW


def has_forgotten_that_a_venue_was_called(desk: Desk) -> None:
    desk.order("away").external_submitted = False


def has_a_case_that_nobody_looks_for(desk: Desk) -> None:
    desk.order("lost").reconcile_required = False


def waits_for_nobody(desk: Desk) -> None:
    desk.market.exchange.making.awaited.clear()


def has_sent_less_today(desk: Desk) -> None:
    desk.market.exchange.making.sent_cents -= 1


def would_not_be_called_back(desk: Desk) -> None:
    desk.market.market().desk.unsent.clear()


def quotes_while_it_does_not_run(desk: Desk) -> None:
    order = desk.order()
    order.leash.until = order.lease_token = order.lease_worker = None
    order.state = MmState.PAUSED
    desk.market.exchange.making.index(order)


def has_half_a_lease(desk: Desk) -> None:
    desk.order().lease_token = None


def has_quotes_from_a_lease_to_come(desk: Desk) -> None:
    desk.order().escrow.fence = 0


def has_an_escrow_that_anybody_moves(desk: Desk) -> None:
    desk.order().escrow.leash = None


def is_where_no_edge_led(desk: Desk) -> None:
    desk.order("two").state = MmState.PAYMENT_INCOMPLETE
    desk.market.exchange.making.index(desk.order("two"))


def has_a_trail_with_a_hole(desk: Desk) -> None:
    desk.order().seq += 1


def is_due_at_another_time(desk: Desk) -> None:
    desk.market.market().desk.deadlines.entries.clear()


def counts_for_more_than_there_are(desk: Desk) -> None:
    desk.market.exchange.making.owners["ann"].active += 1


def reserves_more_than_it_asks_for(desk: Desk) -> None:
    desk.market.exchange.making.reserved += 1


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (has_cash_that_nobody_paid, "mm_cash"),
        (has_shares_that_nobody_paid, "mm_shares"),
        (holds_money_when_it_is_over, "mm_place"),
        (is_somewhere_else, "mm_place"),
        (quotes_while_it_does_not_run, "mm_place"),
        (has_half_a_lease, "mm_fence"),
        (has_quotes_from_a_lease_to_come, "mm_fence"),
        (has_an_escrow_that_anybody_moves, "mm_fence"),
        (is_where_no_edge_led, "mm_trail"),
        (has_a_trail_with_a_hole, "mm_trail"),
        (is_due_at_another_time, "mm_index"),
        (counts_for_more_than_there_are, "mm_index"),
        (reserves_more_than_it_asks_for, "mm_index"),
        (has_lost_sight_of_what_is_away, "mm_cash"),
        (has_lost_sight_of_what_is_away, "mm_place"),
        (is_refunded_while_something_is_away, "mm_place"),
        (calls_itself_home, "mm_place"),
        (has_forgotten_that_a_venue_was_called, "mm_place"),
        (has_a_case_that_nobody_looks_for, "mm_place"),
        (waits_for_nobody, "mm_index"),
        (has_sent_less_today, "mm_index"),
        (would_not_be_called_back, "mm_index"),
        (has_a_pool_that_holds_too_little, "mm_campaign"),
        (paid_more_than_there_was, "mm_campaign"),
        (gave_back_what_it_had_not, "mm_campaign"),
        (has_a_pool_that_anybody_moves, "mm_campaign"),
        (counts_what_nobody_traded, "mm_campaign"),
        (counts_for_one_that_has_left, "mm_campaign"),
        (is_not_among_those_that_run, "mm_index"),
    ],
)
def test_what_is_broken_is_found_by_its_name(spoil: Break, invariant: str) -> None:
    desk = scene()
    assert desk.market.exchange.audit(desk.market.history) == []
    spoil(desk)
    assert invariant in {each.invariant for each in desk.market.exchange.audit(desk.market.history)}


@pytest.mark.parametrize(
    "forged",
    [
        {"seq": 9},
        {"version": 9},
        {"from_state": MmState.RUNNING},
        {"to_state": MmState.REFUNDED},
        {"kind": MmKind.PAYMENT},
    ],
)
def test_a_trail_that_was_rewritten_is_found(forged: dict[str, object]) -> None:
    """The second entry of the order that runs says something else."""
    desk = scene()
    history = History()
    for fact in desk.market.facts:
        event = fact.event
        if isinstance(event, MmOrderChanged) and (event.order_id, event.seq) == (desk.ids["one"], 2):
            fact = msgspec.structs.replace(fact, event=msgspec.structs.replace(event, **forged))
        history.add(fact)
    assert {each.invariant for each in desk.market.exchange.audit(history)} == {"mm_trail"}
