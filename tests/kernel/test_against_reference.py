"""Model and kernel side by side, through whatever a few people can do to a few markets."""

import functools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from kernel.answers import Refusal
from kernel.codes import AMM_ID, Code, MarketStatus, StopMode
from kernel.commands import ResumeMarket
from kernel.exchange import FORM
from kernel.names import fingerprint
from tests.kernel.play.crowd import ACTS, Act, Move, moves
from tests.kernel.play.ground import GROUNDS, SEEN
from tests.kernel.play.trading import Trading
from tests.kernel.rare_cases import EVERYTHING, walk
from tests.kernel.rare_halts import walk_of_halts
from tests.kernel.strategies import MARKETS

THOROUGH = settings().max_examples > 1_000
THOROUGH_COMMANDS = 200_000
EFFORT = settings(max_examples=1_800) if THOROUGH else settings(stateful_step_count=25)
"""A step is some three commands, so fewer of them than the profile has are enough."""


class Fuzz(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.trading = Trading()

    @initialize(
        home=st.sampled_from(sorted(MARKETS)),
        portion=st.sampled_from([1, 2, 3, 200]),
        forgets=st.sampled_from([0, 0, 1, 500]),
    )
    def the_exchange_opens(self, home: str, portion: int, forgets: int) -> None:
        self.trading.forgets = forgets
        self.trading.open_the_exchange(home)
        self.trading.both.portion = portion

    @rule(meanwhile=st.lists(moves, max_size=7), act=st.one_of(list(ACTS.values())))
    def something_happens_amid_trading(self, meanwhile: list[Move], act: Act) -> None:
        """The crowd goes about its business, and so the market is in some state; then somebody acts."""
        for move in meanwhile:
            self.trading.play(move)
        name, arguments = act
        getattr(self.trading, name)(**arguments)


@functools.cache
def fuzz() -> int:
    """Let Hypothesis play once; says how many commands that were."""
    before = SEEN["commands"]
    run_state_machine_as_test(Fuzz, settings=EFFORT)
    return SEEN["commands"] - before


def test_whatever_people_do_kernel_and_model_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """To the cent and to the row, after every command."""
    commands = fuzz()
    if THOROUGH:
        with capsys.disabled():
            print(f"\n{commands:,} commands decided twice")
    assert commands >= (THOROUGH_COMMANDS if THOROUGH else 1_000)


@pytest.mark.parametrize(
    ("forgets", "result"), [(0, "YES"), (0, "NO"), (0, "VOID"), (1, "YES"), (500, "VOID")]
)
def test_in_rare_cases_too_kernel_and_model_agree(forgets: int, result: str) -> None:
    """Also where nothing that is closed stays in memory for longer than a command, or than some."""
    play = Trading()
    play.forgets = forgets
    walk(play, result)
    assert play.both.archive.asked > (10 if forgets else 0)


@pytest.mark.skipif(FORM == "compiled", reason="what is compiled calls its own functions")
def test_names_that_only_look_given_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With four fingerprints for all names nearly every new one asks the past, and then is new."""

    def one_of_four(owner_id: str, name: str) -> int:
        return fingerprint(owner_id, name) % 4

    for module in ("state", "forgetting", "keys"):
        monkeypatch.setattr(f"kernel.{module}.fingerprint", one_of_four)
    play = Trading()
    play.forgets = 500
    walk(play, "YES")
    assert play.both.archive.asked > 100


def test_of_markets_that_pause_they_say_the_same() -> None:
    walk_of_halts(Trading())


def test_everything_that_can_happen_comes_up_here() -> None:
    """By the walks alone: what only chance reaches is untested on the day on which it does not."""
    GROUNDS.clear()  # what happens where the ground is laid counts, too
    before = SEEN.copy()
    for result in ("YES", "NO", "VOID"):
        walk(Trading(), result)
    walk_of_halts(Trading())
    came_up = SEEN - before
    assert [name for name in EVERYTHING if not came_up[name]] == []


def test_volumes_stay_within_what_the_tables_hold() -> None:
    """214 starts bring 2,140,000,000 pairs; 2,147,483,647 fit, so another ten million do not."""
    play = Trading()
    play.open_the_exchange(home="plain")
    pairs = 10_000_000
    starts = (2**31 - 1) // pairs
    for number in range(starts):
        play.an_administrator_starts_the_amm(elsewhere=0, budget=200 * pairs, price=50, nonce=number)
        play.an_administrator_reins_in_the_amm(elsewhere=0, mode=StopMode.GRACEFUL, action="stop")
    before = SEEN["code 4002"]
    play.an_administrator_starts_the_amm(elsewhere=0, budget=200 * pairs, price=50, nonce=0)
    play.the_amm_mints(AMM_ID, 0, pairs, "k8", nonce=0)
    assert SEEN["code 4002"] == before + 2


def test_the_halt_of_a_broken_market_stands() -> None:
    """Nobody may go on trading against a reserve that does not add up; the model cannot even be broken."""
    play = Trading()
    play.open_the_exchange(home="plain")
    play.an_administrator_intervenes(0, "halt", "smoke")
    exchange = play.both.exchange
    exchange.markets["plain"].reserve += 1
    resume = ResumeMarket(
        at=play.at, market_id="plain", target_status=MarketStatus.ACTIVE, resolution_note="fine", by="adm"
    )
    outcome = exchange.execute(resume)
    assert isinstance(outcome.answer, Refusal)
    assert outcome.answer.code is Code.INVARIANTS_BROKEN
    assert outcome.facts == []
    assert exchange.markets["plain"].status is MarketStatus.HALTED
    exchange.markets["plain"].reserve -= 1
    assert not isinstance(exchange.execute(resume).answer, Refusal)
