"""Markets that older versions called off, in proportion to what was paid: what they did stands as written.

Their journals lie beside this file, as such a version wrote them: a market that was paid out whole, one
that was only resolved, and one of which the first holder was paid when the process ended.
"""

from pathlib import Path

import msgspec
import pytest

from kernel.answers import Outcome, Refusal, Unfinished
from kernel.codes import AMM_ID, MarketStatus
from kernel.commands import AnyCommand, CloseMarket, SettleMarket
from kernel.events import Fact, MarketSettled, PositionSettled, decode_event
from kernel.exchange import Exchange
from kernel.history import History

JOURNALS = Path(__file__).parent / "journals"
PAID = {AMM_ID: 10_062, "ann": 9_982, "ben": 9_972, "cat": 9_978}
"""What everybody had in the end, as that version reckoned."""


class Past:
    """An exchange as an old journal leaves it, and what happens to it from then on."""

    def __init__(self, name: str) -> None:
        self.exchange, self.replica, self.history = Exchange(), Exchange(), History()
        for line in (JOURNALS / f"{name}.jsonl").read_bytes().splitlines():
            number, at, market_id, event = msgspec.json.decode(line)
            self.take(Fact(number, at, market_id, decode_event(msgspec.json.encode(event))))
            self.exchange.apply(Fact(number, at, market_id, decode_event(msgspec.json.encode(event))))
        self.market = self.exchange.markets["M"]

    def take(self, fact: Fact) -> None:
        self.history.add(fact)
        self.replica.apply(fact)

    def do(self, command: AnyCommand) -> list[Fact]:
        """To its end, portion by portion; a replay and a snapshot agree after each."""
        facts: list[Fact] = []
        while True:
            outcome: Outcome = self.exchange.execute(command)
            assert not isinstance(outcome.answer, Refusal)
            for fact in outcome.facts:
                self.take(fact)
            facts += outcome.facts
            self.check()
            if not isinstance(outcome.answer, Unfinished):
                return facts
            command = outcome.answer.then

    def check(self) -> None:
        digest = self.exchange.digest()
        assert self.replica.digest() == digest
        assert Exchange.restore(self.exchange.snapshot()).digest() == digest
        assert self.exchange.audit(self.history) == []

    def cash(self) -> dict[str, int]:
        return {name: account.available for name, account in self.exchange.accounts.items() if name in PAID}


@pytest.mark.parametrize("name", ["void-paid", "void-unpaid", "void-half-paid"])
def test_an_old_journal_replays_and_every_invariant_holds(name: str) -> None:
    past = Past(name)
    past.check()
    assert past.market.void_price_cents is None


def test_what_was_paid_in_proportion_stays_so() -> None:
    past = Past("void-paid")
    assert past.market.status is MarketStatus.VOIDED
    assert past.cash() == PAID


@pytest.mark.parametrize("portion", [1, 200])
def test_a_market_that_was_only_resolved_is_paid_its_average(portion: int) -> None:
    """It was quoted for some seconds only. Nobody can name a price any more, so the average it is."""
    past = Past("void-unpaid")
    past.exchange.portion = portion
    now, before = past.exchange.now, past.cash()
    price = past.market.prices.reference(now).reference_price_cents
    held = {name: position.after() for name, position in past.market.positions.items()}
    facts = past.do(SettleMarket(at=now + 86_400_000_000, market_id="M", by="root"))
    assert past.market.void_price_cents == price
    assert past.exchange.reserve_account.available == 0
    for name, cash in past.cash().items():
        assert cash - before[name] == price * held[name].yes_volume + (100 - price) * held[name].no_volume
    told = [fact.event for fact in facts if isinstance(fact.event, PositionSettled | MarketSettled)]
    assert {event.void_price_cents for event in told} == {price}


@pytest.mark.parametrize("portion", [1, 2, 200])
def test_where_the_first_was_paid_in_proportion_all_are(portion: int) -> None:
    """Else the reserve would not come out: who was paid first has its share already."""
    past = Past("void-half-paid")
    past.exchange.portion = portion
    facts = past.do(CloseMarket(at=past.exchange.now, market_id="M"))
    assert past.market.status is MarketStatus.VOIDED
    assert past.cash() == PAID
    assert all(getattr(fact.event, "void_price_cents", None) is None for fact in facts)
