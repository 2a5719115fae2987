"""What is sent under a lease, by which names, and what each answer means for the cycle."""

from typing import Any

import msgspec
import pytest

from makers.cycle.answers import Meaning, meaning
from makers.cycle.commands import Burn, Cancel, Command, Place, Replace
from makers.cycle.cycle import Cycle, Ending
from makers.cycle.lease import Lease
from tests.makers.parts import order, terms, view

ORDER_ID = "0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001"
WIRE = """{
 "order_id": "0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001",
 "account": "mm:0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001",
 "cycle_no": 7,
 "fence": 9,
 "token": "9f86d081884c7d65",
 "lease_ms": 15000,
 "lateness_ms": 12,
 "strategy": "quoter.1",
 "terms": {"bid_half_spread_cents": 2, "ask_half_spread_cents": 2, "order_qty": 10, "levels": 1,
  "level_step_cents": 1, "amount_change_per_layer": 0, "amount_change_type": "fixed",
  "refresh_interval_ms": 10000, "refresh_tolerance_cents": 0, "qty_tolerance_pct": 20,
  "price_source": "MID", "floor_price_cents": 1, "ceiling_price_cents": 99, "inventory_skew": true,
  "max_loss_cents": 20000, "max_position_per_side": 5000, "auto_merge_min_pairs": 10, "auto_start": true,
  "campaign_required": false},
 "cash_cents": 100000,
 "yes": {"volume": 0, "free": 0},
 "no": {"volume": 0, "free": 0},
 "room": {"yes": 25000, "no": 25000},
 "orders": [],
 "market": {"id": "MKT-BTC-100K-2026", "min_price_cents": 1, "max_price_cents": 99,
  "max_order_quantity": 10000, "max_order_amount_cents": 1000000, "freeze_bps": 20},
 "book": {"bids": [[48, 5]], "asks": [[53, 5]]},
 "last_trade_price_cents": null
}"""


def cycle(wish: Any = None, **seen: Any) -> Cycle:
    parts = msgspec.structs.asdict(view(**seen))
    return Cycle(
        Lease(
            order_id=ORDER_ID,
            account=f"mm:{ORDER_ID}",
            cycle_no=7,
            fence=9,
            token="9f86d081884c7d65",
            lease_ms=15_000,
            strategy="quoter.1",
            terms=terms(**(wish or {})),
            **parts,
        )
    )


def test_a_lease_is_read_as_it_comes_and_says_what_to_send() -> None:
    """48 x 53: a bid at 48, and an ask at 53 by buying NO at 47; both only ever add to the book."""
    running = Cycle(msgspec.json.decode(WIRE, type=Lease))
    sent = [msgspec.json.decode(msgspec.json.encode(command)) for command in running.begin()]
    common = {
        "op": "place",
        "account": f"mm:{ORDER_ID}",
        "fence": 9,
        "market_id": "MKT-BTC-100K-2026",
        "direction": "BUY",
        "quantity": 10,
        "time_in_force": "GTC",
        "post_only": True,
    }
    name = "mm_0193f1c25a777c1e9f103f2b8f1a0001_9_"
    assert sent == [
        common | {"client_order_id": f"{name}0", "side": "YES", "price_cents": 48},
        common | {"client_order_id": f"{name}1", "side": "NO", "price_cents": 47},
    ]


def test_a_burn_comes_first_then_cancels_then_what_is_new() -> None:
    resting = [order("a", "BUY YES 10 @47"), order("b", "BUY YES 10 @30")]
    commands = cycle(yes=10, no=10, orders=resting).begin()
    assert [type(one) for one in commands] == [Burn, Cancel, Replace, Place]
    burn, cancel, replace, place = commands
    assert isinstance(burn, Burn)
    assert isinstance(cancel, Cancel)
    assert isinstance(replace, Replace)
    assert isinstance(place, Place)
    assert (burn.quantity, burn.idempotency_key) == (10, f"mmb:{ORDER_ID}:9:0")
    assert cancel.order_id == "a"
    assert replace.old_order_id == "b"
    assert replace.new_order.post_only
    assert place.post_only


def test_the_longest_names_are_within_what_the_exchange_takes() -> None:
    lease = msgspec.structs.replace(cycle().lease, fence=2**63 - 1)
    assert len(lease.client_order_id(999)) == 59
    assert len(lease.burn_key(0)) <= 64


def test_what_was_carried_out_is_counted() -> None:
    resting = [order("a", "BUY YES 10 @47"), order("b", "BUY YES 10 @30")]
    running = cycle(yes=10, no=10, orders=resting)
    for command in running.begin():
        assert running.answered(command, 0) == []
    counts = running.counts
    assert (counts.placed, counts.replaced, counts.cancelled, counts.burned, counts.skipped) == (
        1,
        1,
        1,
        10,
        0,
    )
    assert running.ending is Ending.DONE


def test_with_nothing_to_send_it_is_unchanged() -> None:
    resting = [order("a", "BUY YES 10 @48"), order("b", "BUY NO 10 @47")]
    running = cycle(orders=resting)
    assert running.begin() == []
    assert running.ending is Ending.UNCHANGED


@pytest.mark.parametrize("code", [4003, 4002, 4012, 2001, 5001, 4007, 4011])
def test_a_quote_that_cannot_stand_is_skipped_and_is_no_error(code: int) -> None:
    running = cycle()
    first, second = running.begin()
    assert running.answered(first, code) == []
    assert running.answered(second, 0) == []
    assert (running.counts.skipped, running.counts.placed) == (1, 1)
    assert running.skipped == {code: 1}
    assert running.ending is Ending.DONE


def test_a_quote_whose_old_order_had_fills_is_placed_anew_under_the_next_name() -> None:
    running = cycle(orders=[order("a", "BUY YES 10 @40"), order("b", "BUY NO 10 @47")])
    (replace,) = running.begin()
    assert isinstance(replace, Replace)
    (place,) = running.answered(replace, 6001)
    assert isinstance(place, Place)
    assert place.client_order_id == running.lease.client_order_id(1)
    assert place.client_order_id != replace.new_order.client_order_id
    assert (place.side, place.price_cents, place.quantity) == (
        replace.new_order.side,
        replace.new_order.price_cents,
        replace.new_order.quantity,
    )


@pytest.mark.parametrize("code", [4004, 4006, 6002, 6003])
def test_an_order_that_has_gone_already_is_no_news(code: int) -> None:
    running = cycle(orders=[order("a", "BUY YES 10 @30"), order("b", "BUY NO 10 @47")])
    for command in running.begin():
        assert running.answered(command, code) == []
    assert running.counts.skipped == 0
    assert running.ending is Ending.DONE


@pytest.mark.parametrize("code", [7001, 9001, 9003])
def test_what_was_not_decided_is_sent_again_by_the_same_name(code: int) -> None:
    running = cycle()
    first, _ = running.begin()
    assert running.answered(first, code) == [first]
    assert not running.is_over


@pytest.mark.parametrize("code", [3002, 3008])
def test_a_market_that_has_moved_on_takes_nothing_more(code: int) -> None:
    running = cycle()
    first, second = running.begin()
    running.answered(first, code)
    assert running.answered(second, 9003) == []
    assert running.ending is Ending.UNCHANGED


def test_a_stale_lease_is_not_even_released() -> None:
    running = cycle()
    first, second = running.begin()
    running.answered(first, 7105)
    assert running.answered(second, 9003) == []
    assert running.is_over
    assert running.ending is None


@pytest.mark.parametrize("code", [4001, 4005, 9002, 9004, 1006, 123])
def test_everything_else_is_an_error_and_the_first_is_told(code: int) -> None:
    running = cycle()
    first, second = running.begin()
    running.answered(first, code)
    running.answered(second, 9002)
    assert running.ending is Ending.ERROR
    assert running.error == f"place was refused with {code}"


def test_a_place_that_is_told_6001_is_an_error() -> None:
    """Only a replace can be; to place again and again by new names would be no way out."""
    running = cycle()
    command: Command = running.begin()[0]
    assert meaning(6001) is Meaning.EMPTY
    assert running.answered(command, 6001) == []
    assert running.ending is Ending.ERROR
