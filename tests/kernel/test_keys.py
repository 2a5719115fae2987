"""What idempotency keys did leaves memory; the same request is answered as it was all the same."""

from pathlib import Path

import msgspec
import pytest

from kernel.answers import Answer, AskThePast, Forgotten, Minted, Refusal, Transferred
from kernel.codes import AMM_ID, Code, KeyKind, Side
from kernel.commands import AnyCommand, ForgetKeys, MintShares
from kernel.events import Fact, KeysForgotten, decode_event
from kernel.exchange import Exchange
from kernel.forgetting import past_of_key
from kernel.names import fingerprint
from kernel.past import KeyUse, Past
from tests.kernel.language import command
from tests.kernel.making.test_memory import cycles
from tests.kernel.trading import NOON, Trading, owned

JOURNALS = Path(__file__).parent / "journals"
REQUESTS = (
    "AMM mints 10 with key k",
    "AMM burns 4 with key k",
    "mm:1 burns 1 with key b with fence 0",
    "ann gives mm:1 300 cents with key k",
    "mm:1 gives ann 3 YES for MM_WITHDRAW with key s",
)
OTHERS = (
    ("AMM mints 11 with key k", Code.IDEMPOTENCY_KEY_USED),
    ("AMM mints 10 with key k in N", Code.IDEMPOTENCY_KEY_USED),
    ("AMM burns 5 with key k", Code.IDEMPOTENCY_KEY_USED),
    ("AMM burns 1 with key b", Code.IDEMPOTENCY_KEY_USED),
    ("ann gives mm:1 301 cents with key k", Code.TRANSFER_KEY_USED),
    ("ben gives mm:2 300 cents with key k", Code.TRANSFER_KEY_USED),
    ("ann gives mm:1 300 cents for MM_REFUND with key k", Code.TRANSFER_KEY_USED),
    ("mm:1 gives ann 3 cents for MM_WITHDRAW with key s", Code.TRANSFER_KEY_USED),
    ("mm:1 gives ann 3 NO for MM_WITHDRAW with key s", Code.TRANSFER_KEY_USED),
    ("mm:1 gives ann 3 YES in N for MM_WITHDRAW with key s", Code.TRANSFER_KEY_USED),
)


def used() -> tuple[Trading, list[Answer]]:
    """Every kind of key was used, and what was answered."""
    market = owned()
    market.create("N")
    market.play("AMM deposits 100000", "cat gives mm:1 1 NO for MM_REWARD")
    answers = []
    for line in REQUESTS:
        answer = market.do(command(market, line)).answer
        assert not isinstance(answer, Refusal), (line, answer)
        answers.append(answer)
    return market, answers


def forget(market: Trading, most: int = 500) -> tuple[KeyUse, ...]:
    answer = market.do(ForgetKeys(at=market.now, before=market.now + 1, most=most)).answer
    assert isinstance(answer, Forgotten)
    if not answer.count:
        return ()
    event = market.facts[-1].event
    assert isinstance(event, KeysForgotten)
    assert len(event.uses) == answer.count
    return event.uses


def again(market: Trading, wish: AnyCommand, uses: tuple[KeyUse, ...]) -> Answer | Refusal:
    """As whoever lets callers in has it decided."""
    outcome = market.do(wish)
    asked = outcome.answer
    assert isinstance(asked, AskThePast), asked
    assert asked.key is not None
    found = next((use for use in uses if (use.kind, use.idempotency_key) == asked.key), None)
    past = past_of_key(asked.key[1], outcome.seen, found)
    return market.do(msgspec.structs.replace(wish, past=past)).answer


def test_the_same_request_is_answered_as_it_was_and_another_is_refused() -> None:
    market, answers = used()
    uses = forget(market)
    assert not market.exchange.keys.leaving
    assert not any(market.exchange.keys.uses.values())
    head = market.exchange.head
    for line, first in zip(REQUESTS, answers, strict=True):
        repeated = again(market, command(market, line), uses)
        if not isinstance(first, Transferred):
            first = msgspec.structs.replace(first, repeated=True)
        assert repeated == first
    for line, code in OTHERS:
        refusal = again(market, command(market, line), uses)
        assert isinstance(refusal, Refusal)
        assert refusal.code is code, line
    assert market.exchange.head == head


def test_what_is_younger_stays_and_is_answered_from_memory() -> None:
    market, _ = used()
    everything = len(market.exchange.keys.leaving)
    market.now += 1
    last = market.answer(Minted, "AMM mints 1 with key last")
    wish = ForgetKeys(at=market.now, before=market.now, most=500)
    assert market.do(wish).answer == Forgotten(everything)
    (left,) = market.exchange.keys.leaving
    assert left.idempotency_key == "last"
    again = market.answer(Minted, "AMM mints 1 with key last")
    assert again == msgspec.structs.replace(last, repeated=True)


def test_a_portion_is_bounded_and_the_oldest_leave_first() -> None:
    market, _ = used()
    everything = market.exchange.keys.before(market.now + 1, 500)
    left: list[KeyUse] = []
    while portion := forget(market, most=2):
        assert len(portion) <= 2
        left += portion
        market.exchange = Exchange.restore(market.exchange.snapshot())
    assert tuple(left) == everything
    for most in (0, -1, 501):
        wish = ForgetKeys(at=market.now, before=market.now, most=most)
        assert market.refused(wish).code is Code.MALFORMED


def test_a_key_that_only_looks_used_is_new() -> None:
    market, _ = used()
    forget(market)
    for exchange in (market.exchange, market.replica):
        exchange.keys.forgotten.add(fingerprint(KeyKind.MINT, "new"))
    wish = command(market, "AMM mints 1 with key new")
    answer = again(market, wish, ())
    assert isinstance(answer, Minted)
    assert not answer.repeated
    for line in ("AMM burns 1 with key new", "AMM mints 1 with key other"):
        assert not isinstance(market.do(command(market, line)).answer, AskThePast)


def test_an_old_no_is_not_believed() -> None:
    """Between question and answer the key was used, and that was forgotten: it must not be used twice."""
    market, _ = used()
    forget(market)
    for exchange in (market.exchange, market.replica):
        exchange.keys.forgotten.add(fingerprint(KeyKind.MINT, "new"))
    wish = command(market, "AMM mints 1 with key new")
    long_ago = market.exchange.head
    assert isinstance(again(market, wish, ()), Minted)
    uses = forget(market)
    past = Past(long_ago, absent=("new",))
    outcome = market.do(msgspec.structs.replace(wish, past=past))
    assert outcome.answer == AskThePast(AMM_ID, key=(KeyKind.MINT, "new"))
    repeated = again(market, wish, uses)
    assert isinstance(repeated, Minted)
    assert repeated.repeated


def test_nobody_but_those_who_may_use_a_key_has_the_past_asked() -> None:
    market, _ = used()
    forget(market)
    wish = command(market, "AMM mints 10 with key k")
    assert isinstance(wish, MintShares)
    assert market.refused(msgspec.structs.replace(wish, user_id="nobody")).code is Code.AMM_ONLY


def test_what_a_market_making_order_burned_goes_with_its_fence_and_is_not_remembered() -> None:
    desk = cycles(1)
    lease = desk.lease()
    for number, side in enumerate(Side):
        desk.quote(lease, number, side, 49, 10)
    desk.market.play("cat buys 10 NO at 51", "cat buys 10 YES at 51")
    desk.granted(desk.burn(lease, 0, 10))
    burned = desk.market.exchange.keys.uses[KeyKind.BURN]
    own = desk.order().leash.burn_keys
    assert own
    uses = forget(desk.market)
    assert uses
    assert not {use.idempotency_key for use in uses} & set(own)
    assert set(burned) == set(own)
    desk.release(lease)
    desk.wait(10)
    desk.lease()
    assert not burned


def test_of_two_uses_of_one_key_the_newer_counts() -> None:
    """The exchange moves money by keys of its own making, and does not ask whether somebody else took one."""
    market, _ = used()
    keys = market.exchange.keys
    use = keys.leaving[0]
    newer = msgspec.structs.replace(use, journal_id=use.journal_id + 1_000)
    keys.keep(newer)
    assert keys.get(use.kind, use.idempotency_key) is newer
    assert (use in keys.leaving, keys.leaving[-1]) == (False, newer)


@pytest.mark.parametrize("place", [1, -1])
def test_a_journal_that_tells_of_other_uses_does_not_follow(place: int) -> None:
    """What it says that a key did, whoever replays it holds against what the key did."""
    market, _ = used()
    uses = list(market.exchange.keys.before(market.now + 1, 500))
    uses[0] = uses[place] if place > 0 else msgspec.structs.replace(uses[0], cents=uses[0].cents + 1)
    fact = Fact(market.exchange.head + 1, market.now, None, KeysForgotten(tuple(uses)))
    with pytest.raises(AssertionError, match="is the oldest, and not"):
        market.replica.apply(fact)


@pytest.mark.parametrize("leaves", [0, 3, 500])
def test_a_snapshot_of_the_version_before_is_read(leaves: int) -> None:
    """As that version wrote it, beside the journal that it was taken of: both lead to one state."""
    replayed = Exchange()
    for line in (JOURNALS / "busy-day.jsonl").read_bytes().splitlines():
        number, at, market_id, event = msgspec.json.decode(line)
        replayed.apply(Fact(number, at, market_id, decode_event(msgspec.json.encode(event))))
    restored = Exchange.restore((JOURNALS / "busy-day.snapshot8").read_bytes())
    assert len(restored.keys.leaving) > 3
    assert restored.digest() == replayed.digest()
    if leaves:
        wish = ForgetKeys(at=NOON, before=replayed.now + 1, most=leaves)
        (fact,) = restored.execute(wish).facts
        replayed.apply(fact)
        assert restored.digest() == replayed.digest()
