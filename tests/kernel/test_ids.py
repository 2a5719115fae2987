"""Numbers that grow: trade numbers and order ids, from the command's time and never from a clock."""

import uuid

import pytest

from kernel.events import Fill
from kernel.exchange import Exchange
from kernel.ids import TRADE_EPOCH_MS, Sequence, snowflake, uuid7
from tests.kernel.trading import NOON, SECOND, Trading

MS = NOON // 1000


def test_a_trade_number_is_milliseconds_then_machine_then_sequence() -> None:
    """41 bits since 1 700 000 000 000, 10 bits of machine 0, 12 bits of sequence."""
    sequence = Sequence()
    sequence.step(NOON)
    first = snowflake(sequence)
    assert first >> 22 == MS - 1_700_000_000_000
    assert first >> 12 & 0x3FF == 0
    assert first & 0xFFF == 0
    sequence.step(NOON)
    assert snowflake(sequence) == first + 1
    assert first < 2**63


def test_4096_numbers_fit_into_a_millisecond_and_the_next_runs_ahead() -> None:
    sequence = Sequence()
    for _ in range(4096):
        sequence.step(NOON)
    assert (sequence.ms, sequence.used) == (MS, 4096)
    sequence.step(NOON)
    assert (sequence.ms, sequence.used) == (MS + 1, 1)


def test_a_sequence_that_ran_ahead_stays_ahead_until_time_has_caught_up() -> None:
    sequence = Sequence()
    for _ in range(4097):
        sequence.step(NOON)
    sequence.step(NOON)
    assert (sequence.ms, sequence.used) == (MS + 1, 2)
    sequence.step(NOON + 1_999)  # still within the millisecond it ran ahead to
    assert (sequence.ms, sequence.used) == (MS + 1, 3)
    sequence.step(NOON + 2_000)
    assert (sequence.ms, sequence.used) == (MS + 2, 1)


def test_time_that_stands_still_or_goes_back_never_repeats_a_number() -> None:
    sequence = Sequence()
    numbers, names = [], []
    for at in (NOON, NOON, NOON - SECOND, NOON + 999, NOON + 1_000, NOON, 0):
        sequence.step(at)
        numbers.append(snowflake(sequence))
        names.append(uuid7(sequence, 0))
    assert numbers == sorted(set(numbers))
    assert names == sorted(set(names))


@pytest.mark.parametrize("nonce", [0, 1, 2**62 - 1, 0x0123456789ABCDEF])
def test_an_order_id_is_a_version_7_uuid_whatever_the_random_bits(nonce: int) -> None:
    sequence = Sequence()
    for at in (NOON, NOON):
        sequence.step(at)
    name = uuid7(sequence, nonce)
    parsed = uuid.UUID(name)
    assert str(parsed) == name
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == MS
    assert parsed.int >> 64 & 0xFFF == 1
    assert parsed.int & (1 << 62) - 1 == nonce


@pytest.mark.parametrize("nonce", [-1, 2**62])
def test_more_random_bits_than_an_id_has_are_a_fault_of_the_sender(nonce: int) -> None:
    """They would spill into the version, or make no UUID at all."""
    sequence = Sequence()
    sequence.step(NOON)
    with pytest.raises(AssertionError):
        uuid7(sequence, nonce)


@pytest.mark.parametrize("steps", [1, 2, 4095, 4096, 4097, 9000])
def test_replay_goes_on_where_the_last_id_left_off(steps: int) -> None:
    """The sequence after a replay is the one that made the ids, also when it had run ahead."""
    sequence = Sequence()
    for _ in range(steps):
        sequence.step(NOON)
    by_trade, by_order = Sequence(), Sequence()
    by_trade.resume_trade(snowflake(sequence))
    by_order.resume_order(uuid7(sequence, 2**62 - 1))
    for resumed in (by_trade, by_order):
        assert (resumed.ms, resumed.used) == (sequence.ms, sequence.used)


def test_order_ids_and_trade_numbers_grow_in_the_order_of_the_exchange() -> None:
    """All within one microsecond, with the largest random bits first."""
    market = Trading(ann=100_000, ben=100_000)
    for quantity in range(1, 20):
        market.do(market.wish("ann", quantity=quantity))
        market.nonce = 2**60 - quantity
    market.play("ben buys 100 NO at 50", "ben buys 90 NO at 50")
    orders = list(market.exchange.orders)
    assert orders == sorted(set(orders))
    trades = [fact.event.trade.trade_id for fact in market.facts if isinstance(fact.event, Fill)]
    assert len(trades) == 20
    assert trades == sorted(set(trades))


def test_a_restored_exchange_gives_the_next_id() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 1", "AMM buys 1 YES at 40")
    twin = Exchange.restore(market.exchange.snapshot())
    wish = market.wish("AMM")
    here, there = market.exchange.execute(wish), twin.execute(wish)
    assert here.facts == there.facts


def test_the_epoch_of_trade_numbers_is_the_published_one() -> None:
    assert TRADE_EPOCH_MS == 1_700_000_000_000
