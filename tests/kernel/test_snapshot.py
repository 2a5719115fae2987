"""Snapshots: the whole state as bytes and back; and bytes that are no snapshot are told apart."""

import random

import pytest

from kernel import snapshot
from kernel.answers import Placed, Refusal
from kernel.exchange import Exchange
from kernel.snapshot import SnapshotError
from tests.kernel.language import command
from tests.kernel.members import others
from tests.kernel.trading import Trading, busy_day


@pytest.fixture(scope="module")
def image() -> bytes:
    return busy_day().exchange.snapshot()


def test_a_restored_exchange_is_the_same_exchange() -> None:
    day = busy_day()
    twin = Exchange.restore(day.exchange.snapshot())
    assert twin.digest() == day.exchange.digest()
    assert twin.audit(day.history) == []
    assert twin.snapshot() == day.exchange.snapshot()


def test_a_restored_exchange_goes_on_as_the_old_one_would() -> None:
    """Rested orders, keys, guards, fences, ids: the same commands give the same facts and answers."""
    day = busy_day()
    twin = Exchange.restore(day.exchange.snapshot())
    for line in (
        "mm:1 cancels q with fence 2",
        "mm:1 cancels q with fence 3",
        "AMM mints 100 with key m",
        "AMM mints 101 with key m",
        "ann gives mm:1 5000 cents with key pay",
        "ann buys 100 YES at 71 as sweep",
        "ann buys 7 NO at 30 as part in N",
        "root resumes in N: fine",
        "root starts the AMM with 700 at 50 in N",
        "ben buys 4 YES at 70 in N",
        "root resolves YES",
    ):
        wish = command(day, line)
        here, there = day.exchange.execute(wish), twin.execute(wish)
        assert here.facts == there.facts
        assert type(here.answer) is type(there.answer)
        if isinstance(here.answer, Refusal):
            assert here.answer == there.answer
        assert twin.digest() == day.exchange.digest()


def test_an_empty_exchange_has_a_snapshot_too() -> None:
    assert Exchange.restore(Exchange().snapshot()).digest() == Exchange().digest()


def test_equal_states_have_equal_bytes_and_others_do_not() -> None:
    one, two = Trading(ann=1_000), Trading(ann=1_000)
    assert one.exchange.digest() == two.exchange.digest()
    one.play("ann buys 1 YES at 50")
    assert one.exchange.digest() != two.exchange.digest()


def test_the_digest_sees_every_field_of_the_state() -> None:
    """Changed by the smallest step, each of these gives another digest."""
    day = busy_day()
    day.play("root starts the AMM with 700 at 50")
    exchange = day.exchange
    market, account = exchange.markets["M"], exchange.accounts["ann"]
    order, started = day.order("ann", "offer"), market.amm
    assert started is not None
    seen = {exchange.digest()}
    for thing, names in (
        (exchange, "now head ledger_head breaker_head external"),
        (exchange.trade_ids, "ms used"),
        (exchange.order_ids, "ms used"),
        (account, "available frozen version fence opened_at"),
        (market, "reserve pnl_pool yes_shares no_shares last_trade_price traded_volume fees updated_at"),
        (market, "cancelled_at_resolution unfrozen_at_resolution book_changed_at created_at freeze_bps"),
        (day.position("ann").yes, "volume cost_sum pending_sell"),
        (day.position("ann"), "updated_at"),
        (order, "remaining frozen book_price accepted_seq created_at updated_at"),
        (exchange.guards["ann"], "grace_ms"),
        (started, "first_started_at started_at start_count initial_price initial_budget"),
    ):
        for name in names.split():
            value = getattr(thing, name)
            setattr(thing, name, value + 1)
            digest = exchange.digest()
            assert digest not in seen, name
            seen.add(digest)
            setattr(thing, name, value)
    terms = order.terms
    for order.terms in others(terms):
        digest = exchange.digest()
        assert digest not in seen, order.terms
        seen.add(digest)
    order.terms = terms
    assert exchange.digest() in seen


# When the market maker was first started


def started_twice(first_budget: int) -> Exchange:
    day = Trading()
    day.play(
        f"root starts the AMM with {first_budget} at 50",
        "root stops the AMM",
        "root starts the AMM with 700 at 60",
    )
    return day.exchange


def runs(exchange: Exchange) -> tuple[int, int]:
    run = exchange.markets["M"].amm
    assert run is not None
    return run.first_started_at, run.started_at


@pytest.mark.parametrize("first_budget", [500, 199])
def test_a_snapshot_remembers_the_first_start(first_budget: int) -> None:
    """Also where the first start's mint does not tell when that was: its budget paid no pair."""
    exchange = started_twice(first_budget)
    first, second = runs(exchange)
    assert first < second
    assert runs(Exchange.restore(exchange.snapshot())) == (first, second)


# What is no snapshot


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}",
        b"VERDICT SNAPSHOT 10",
        b"VERDICT SNAPSHOT 10\n",
        b"VERDICT SNAPSHOT 10\n{}",
        b"VERDICT SNAPSHOT 10\nnull",
        b"VERDICT SNAPSHOT 10\n[]",
        b"VERDICT SNAPSHOT 10\n\xff\xfe",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PGDMP\x01\x0e\x00\n" + bytes(100),
    ],
)
def test_another_kind_of_file_is_told_apart(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        Exchange.restore(data)


@pytest.mark.parametrize("version", [b"0", b"1", b"2", b"33", b"-1", b"x"])
def test_another_version_is_told_apart(image: bytes, version: bytes) -> None:
    """The message names what was found, for whoever has to find the right program."""
    other = image.replace(b"VERDICT SNAPSHOT 10\n", b"VERDICT SNAPSHOT " + version + b"\n", 1)
    with pytest.raises(SnapshotError, match=r"not a snapshot of format 10: it begins with 'VERDICT SNAPSHOT"):
        Exchange.restore(other)


def test_a_truncated_snapshot_is_refused_wherever_it_ends(image: bytes) -> None:
    """Every end near the beginning and the end, and a spread of those between."""
    lengths = {*range(40), *range(len(image) - 40, len(image)), *range(0, len(image), 97)}
    for length in sorted(lengths):
        with pytest.raises(SnapshotError):
            Exchange.restore(image[:length])


def test_a_snapshot_with_something_after_it_is_refused(image: bytes) -> None:
    with pytest.raises(SnapshotError):
        Exchange.restore(image + b"{}")


def test_an_altered_snapshot_is_refused_or_has_another_digest(image: bytes) -> None:
    """Whoever wrote it down with its digest sees it; nothing but a SnapshotError ever escapes.

    Should it have the same digest after all (a spelling that means the same), it is the same state.
    """
    honest = Exchange.restore(image).digest()
    dice = random.Random(20261120)
    for _ in range(400):
        altered = bytearray(image)
        place = dice.randrange(len(image))
        altered[place] = dice.choice([altered[place] ^ 1 << dice.randrange(8), *b'09-"[]{}, \x00\xff'])
        try:
            restored = Exchange.restore(bytes(altered))
        except SnapshotError:
            continue
        assert restored.digest() != honest or restored.snapshot() == image


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param(b'"NATIVE_SELL",90,', b'"NATIVE_SELL",900,', id="a price beyond the book"),
        pytest.param(b'"NATIVE_SELL",90,', b'"NATIVE_SELL",-1,', id="a price below the book"),
        pytest.param(b'"NATIVE_SELL",90,', b'"NATIVE_SELL",-200,', id="a price far below the book"),
        pytest.param(b'"offer","ann",', b'"offer","zoe",', id="an order of nobody"),
        pytest.param(b'"ann","M",', b'"ann","Z",', id="an order in no market"),
        pytest.param(b'"OPEN"', b'"AJAR"', id="a status there is not"),
        pytest.param(b'"REJECT",null,50,', b'"REJECT",null,1e400,', id="a number beyond all bounds"),
        pytest.param(b'"M","YES",', b'"M",["YES"],', id="a list for a word"),
        pytest.param(b",2,90,5,false]", b",2,90,5]", id="a member missing"),
        pytest.param(b",2,90,5,false]", b",2,90,5,false,0]", id="a member too many"),
        pytest.param(b',[["00000000', b',[null,["00000000', id="no account at all"),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused(image: bytes, was: bytes, becomes: bytes) -> None:
    assert was in image
    with pytest.raises(SnapshotError):
        Exchange.restore(image.replace(was, becomes))


def test_an_answer_given_is_not_changed_by_what_happens_later() -> None:
    """It holds copies of what changes."""
    market = Trading(ann=1_000)
    answer = market.answer(Placed, "ann buys 1 YES at 50 as a")
    market.play("ann cancels a")
    assert answer.order.remaining_quantity == 1
    assert answer.order.frozen_amount == 51


# Written and read in portions


def test_orders_come_in_portions_and_back_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are of them, and also none in the last."""
    exchange = busy_day().exchange
    whole = exchange.snapshot()
    for portion in (1, 2, len(exchange.orders), len(exchange.orders) + 1):
        monkeypatch.setattr(snapshot, "PORTION", portion)
        data = exchange.snapshot()
        assert data.count(b"\n") == 3 + -(-len(exchange.orders) // portion)
        restored = Exchange.restore(data)
        assert list(restored.orders) == list(exchange.orders)
        assert restored.snapshot() == data
        monkeypatch.undo()
        assert restored.snapshot() == whole


def test_fingerprints_stand_as_they_are_whatever_bytes_they_have() -> None:
    """A line may seem to end in the middle of one."""
    exchange = busy_day().exchange
    for value in (0x0A0A_0A0A_0A0A_0A0A, 0x0A, 10 << 56, 2**64 - 1):
        exchange.forgotten.add(value)
        exchange.keys.forgotten.add(value ^ 1)
    exchange.has_forgotten = True
    data = exchange.snapshot()
    assert data.endswith(exchange.forgotten.image() + exchange.keys.forgotten.image())
    restored = Exchange.restore(data)
    assert restored.forgotten.image() == exchange.forgotten.image()
    assert restored.keys.forgotten.image() == exchange.keys.forgotten.image()
    assert restored.digest() == exchange.digest()
    for other in (data[:-8], data + bytes(8), data[:-1]):
        with pytest.raises(SnapshotError, match="fingerprints are missing"):
            Exchange.restore(other)
