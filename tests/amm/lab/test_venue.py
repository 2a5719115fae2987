"""What the maker wishes of an order holds in the laboratory as at the exchange."""

import attrs
import msgspec
import pytest

from amm.brain.arithmetic import write_epoch_ms
from amm.brain.commands import NewOrder, Place, Replace, ResetGroup, SetGroup
from amm.brain.quoting.ladder import Outcome
from amm.brain.wire import GroupStands, GroupView, OrderGroupChanged, OutsideCollar
from amm.lab.scenario import CALM, START_MS
from amm.lab.venue import MARKET, Venue, open_venue
from kernel.codes import AMM_ID, Side

LATER = START_MS + 60_000


@pytest.fixture
def venue() -> Venue:
    """Somebody bids 45 for YES."""
    venue = open_venue(CALM, ["ann"])
    assert venue.rest("ann", Side.YES, 45, 10, START_MS) is not None
    return venue


def offer(price: int, name: str, *, post_only: bool = True, until_ms: int = LATER + 1) -> Place:
    return Place(
        ref=1,
        client_order_id=name,
        market_id=MARKET,
        side=Outcome.YES,
        price_cents=price,
        quantity=10,
        post_only=post_only,
        valid_until=write_epoch_ms(until_ms),
    )


def test_what_may_only_add_does_not_take(venue: Venue) -> None:
    assert venue.carry_out(offer(45, "a"), LATER).code == 4007
    assert venue.met == []
    assert venue.carry_out(offer(46, "b"), LATER).ok
    assert venue.carry_out(offer(45, "c", post_only=False), LATER).ok
    assert [met.yes_price for met in venue.met] == [45]


def test_what_comes_too_late_is_refused_and_a_repetition_is_not(venue: Venue) -> None:
    assert venue.carry_out(offer(60, "a", until_ms=LATER), LATER).ok
    assert venue.carry_out(offer(60, "a", until_ms=LATER), LATER + 1).ok
    assert venue.carry_out(offer(60, "b", until_ms=LATER), LATER + 1).code == 4010


def test_a_scenarios_collar_holds_and_its_band_is_told() -> None:
    """Until the first trade, at 45, the market stood at 50: 45 is the least that may be asked."""
    venue = open_venue(attrs.evolve(CALM, collar_cents=5), ["ann"])
    assert venue.rest("ann", Side.YES, 45, 10, START_MS) is not None
    assert venue.carry_out(offer(45, "a", post_only=False), LATER).ok
    refused = venue.carry_out(offer(30, "b"), LATER)
    assert (refused.code, refused.data) == (4011, OutsideCollar(45, 55))
    assert venue.carry_out(offer(45, "c"), LATER).ok
    assert venue.carry_out(offer(90, "d"), LATER).ok


def test_a_group_brakes_the_maker_here_as_there(venue: Venue) -> None:
    group = SetGroup(ref=2, market_id=MARKET, group_id="amm", max_fill_quantity=4, window_ms=1_000)
    named = msgspec.structs.replace(offer(60, "a"), group_id="amm")
    assert venue.carry_out(named, LATER).code == 4016
    assert venue.carry_out(group, LATER).data == GroupStands("ACTIVE")
    assert venue.carry_out(named, LATER).ok
    venue.frames.clear()
    venue.buy("ann", Side.YES, 60, 9, LATER)
    told = [
        event.group
        for frame in venue.frames
        for event in frame.events
        if isinstance(event, OrderGroupChanged)
    ]
    assert told == [GroupView("amm", AMM_ID, "TRIGGERED")]
    assert [met.quantity for met in venue.met] == [4]
    late = msgspec.structs.replace(offer(60, "b"), group_id="amm")
    assert venue.carry_out(late, LATER).code == 4017
    reset = ResetGroup(ref=3, market_id=MARKET, group_id="amm")
    assert venue.carry_out(reset, LATER).data == GroupStands("ACTIVE")
    assert venue.carry_out(late, LATER).ok


def test_a_replacement_that_would_take_leaves_the_old_order(venue: Venue) -> None:
    assert venue.carry_out(offer(60, "a"), LATER).ok
    (order,) = venue.synced().orders
    new = NewOrder("b", MARKET, Outcome.YES, 44, 10, post_only=True)
    assert venue.carry_out(Replace(ref=2, old_order_id=order.id, new_order=new), LATER).code == 4007
    assert venue.synced().orders == [order]
