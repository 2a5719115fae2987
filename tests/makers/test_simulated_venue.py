"""The simulated venue: as faithful, slow, mute or short as it was told to be, for whoever opens it."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from amm.brain.wire import Direction, Outcome
from makers.cycle.commands import Burn, Cancel, NewOrder, Place, Replace
from makers.quoter.decide import decide
from makers.venues.simulated import Call, Conduct, SimulatedVenue
from makers.venues.venue import Answer, Asset, Word
from tests.makers.parts import steps, terms

ORDER = "0193f1c2-5a77-7c1e-9f10-3f2b8f1a0001"
CASH, YES, NO = Asset.CASH, Asset.YES, Asset.NO
SENT, BACK = f"mmw:{ORDER}:CASH:1", f"mmi:{ORDER}:CASH:1"


@pytest.fixture
def venue(tmp_path: Path) -> SimulatedVenue:
    venue = SimulatedVenue(tmp_path / "venue.json")
    venue.rest(bids=[(48, 5)], asks=[(53, 5)])
    return venue


async def test_money_goes_there_and_comes_back(venue: SimulatedVenue, tmp_path: Path) -> None:
    """Who comes later, through the same file, is at the same venue."""
    sent = await venue.send(SENT, CASH, 100_000)
    assert sent == Answer(Word.ACCEPTED, "tx-1")
    other = SimulatedVenue(tmp_path / "venue.json")
    assert await other.query(SENT) == Answer(Word.CONFIRMED, "tx-1", 100_000)
    assert await other.credited(ORDER) == {CASH: 100_000, YES: 0, NO: 0}
    assert (await other.bring_back(BACK, CASH, 100_001)).word is Word.REJECTED
    assert (await other.bring_back(BACK, CASH, 100_000)).word is Word.ACCEPTED
    assert (await venue.query(BACK)).amount == 100_000
    assert await venue.credited(ORDER) == {CASH: 0, YES: 0, NO: 0}
    assert venue.state.called == [(Call.SEND, SENT), (Call.BRING_BACK, BACK), (Call.BRING_BACK, BACK)]


async def test_a_transfer_is_carried_out_once_however_often_it_is_called(venue: SimulatedVenue) -> None:
    for _ in range(2):
        assert await venue.send(SENT, CASH, 100_000) == Answer(Word.ACCEPTED, "tx-1")
        assert (await venue.credited(ORDER))[CASH] == 100_000
    assert len(venue.state.called) == 2


async def test_what_is_to_take_long_takes_so_many_questions(venue: SimulatedVenue) -> None:
    venue.behave(Call.SEND, CASH, Conduct(queries=2, looks=1))
    await venue.send(SENT, CASH, 7)
    assert (await venue.credited(ORDER))[CASH] == 0
    assert [(await venue.query(SENT)).word for _ in range(3)] == [Word.ACCEPTED] * 2 + [Word.CONFIRMED]
    assert [(await venue.credited(ORDER))[CASH] for _ in range(3)] == [0, 7, 7]


@pytest.mark.parametrize("word", [Word.REJECTED, Word.NOT_SENT])
async def test_what_it_vouches_for_did_not_happen(venue: SimulatedVenue, word: Word) -> None:
    """And the transfer after it goes well again."""
    venue.behave(Call.SEND, CASH, Conduct(says=word))
    assert await venue.send(SENT, CASH, 7) == Answer(word)
    assert await venue.query(SENT) == Answer(Word.UNCLEAR)
    assert (await venue.credited(ORDER))[CASH] == 0
    assert (await venue.send(f"mmw:{ORDER}:CASH:2", CASH, 7)).word is Word.ACCEPTED


@pytest.mark.parametrize("truth", [Word.CONFIRMED, Word.REJECTED, Word.UNCLEAR])
async def test_silence_may_hide_anything(venue: SimulatedVenue, truth: Word) -> None:
    venue.behave(Call.SEND, CASH, Conduct(says=Word.UNCLEAR, comes_to=truth))
    assert await venue.send(SENT, CASH, 7) == Answer(Word.UNCLEAR)
    assert (await venue.query(SENT)).word is truth
    assert (await venue.credited(ORDER))[CASH] == (7 if truth is Word.CONFIRMED else 0)


async def test_less_may_arrive_than_was_sent(venue: SimulatedVenue) -> None:
    venue.behave(Call.SEND, YES, Conduct(short=3))
    await venue.send(f"mmw:{ORDER}:YES:1", YES, 10)
    assert (await venue.credited(ORDER))[YES] == 7
    venue.behave(Call.BRING_BACK, YES, Conduct(short=2))
    await venue.bring_back(f"mmi:{ORDER}:YES:1", YES, 7)
    assert (await venue.query(f"mmi:{ORDER}:YES:1")).amount == 5


async def test_what_was_called_has_happened_although_nobody_waits_for_the_answer(
    autojump_clock: MockClock, venue: SimulatedVenue
) -> None:
    venue.behave(Call.SEND, CASH, Conduct(after=60))
    with trio.move_on_after(30) as gone:
        await venue.send(SENT, CASH, 7)
    assert gone.cancelled_caught
    assert (await venue.query(SENT)).word is Word.CONFIRMED


def wish(name: str, said: str) -> NewOrder:
    direction, side, quantity, price = said.replace("@", "").split()
    return NewOrder(
        client_order_id=name,
        market_id="M",
        side=Outcome(side),
        direction=Direction(direction),
        price_cents=int(price),
        quantity=int(quantity),
    )


def place(name: str, said: str) -> Place:
    new = wish(name, said)
    return Place(account="a", fence=1, **{member: getattr(new, member) for member in new.__struct_fields__})


async def paid(venue: SimulatedVenue, **holding: int) -> None:
    for name, amount in holding.items():
        venue.gain(ORDER, Asset(name.upper()), amount)


async def test_an_order_quotes_there_as_it_does_at_home(venue: SimulatedVenue) -> None:
    """What it wants, places and then wants no longer; both quotes filled, ten pairs are ten dollars."""
    await paid(venue, cash=100_000)
    plan = decide(terms(), await venue.view(ORDER, "M"))
    assert steps(plan) == ["BUY YES 10 @48", "BUY NO 10 @47"]
    assert await venue.carry_out(ORDER, [place("a", "BUY YES 10 @48"), place("b", "BUY NO 10 @47")]) == [0, 0]
    seen = await venue.view(ORDER, "M")
    assert (seen.cash_cents, seen.book.bids, seen.book.asks) == (99_050, [(48, 15)], [(53, 15)])
    assert decide(terms(), seen).is_empty
    venue.fill(ORDER, "a", 10)
    venue.fill(ORDER, "b", 10)
    seen = await venue.view(ORDER, "M")
    assert (seen.cash_cents, seen.yes.free, seen.no.free, seen.orders) == (99_050, 10, 10, [])
    burn = Burn(account="a", fence=1, market_id="M", quantity=10, idempotency_key="k")
    assert await venue.carry_out(ORDER, [burn, burn]) == [0, 5001]
    assert (await venue.view(ORDER, "M")).cash_cents == 100_050


async def test_it_refuses_what_the_exchange_refuses(venue: SimulatedVenue) -> None:
    await paid(venue, cash=1_000, yes=5)
    first = [place("a", "BUY YES 10 @48"), place("b", "BUY YES 11 @48"), place("c", "SELL YES 6 @60")]
    assert await venue.carry_out(ORDER, first) == [0, 2001, 5001]
    taking = [place("d", "BUY YES 1 @53"), place("e", "BUY NO 1 @52"), place("f", "SELL YES 1 @48")]
    assert await venue.carry_out(ORDER, taking) == [4007, 4007, 4007]
    (resting,) = (await venue.view(ORDER, "M")).orders
    moved = Replace(account="a", fence=1, old_order_id=resting.id, new_order=wish("g", "BUY YES 20 @49"))
    assert await venue.carry_out(ORDER, [moved, moved]) == [0, 6002]
    venue.fill(ORDER, "g", 1)
    (resting,) = (await venue.view(ORDER, "M")).orders
    assert (resting.filled_quantity, resting.remaining_quantity) == (1, 19)
    again = Replace(account="a", fence=1, old_order_id=resting.id, new_order=wish("h", "BUY YES 1 @40"))
    gone = Cancel(account="a", fence=1, order_id=resting.id)
    assert await venue.carry_out(ORDER, [again, gone, place("i", "SELL YES 6 @60")]) == [6001, 4004, 0]
    assert await venue.clear(ORDER)
    assert (await venue.view(ORDER, "M")).orders == []
