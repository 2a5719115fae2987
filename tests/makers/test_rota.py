"""Which market is asked next, and that no more is begun than there are places for."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from makers.live.rota import Look, Rota

MARKETS = st.sampled_from(["A", "B", "C", "D"])


def test_who_waits_longest_is_asked_first_and_nobody_before_his_time() -> None:
    rota = Rota(32, 8)
    rota.hint("A", 5.0)
    rota.hint("B", 3.0)
    assert rota.look(2.9) is None
    assert rota.wakes(2.9) == 3.0
    assert rota.look(6.0) == Look("B", 8)
    assert rota.look(6.0) == Look("A", 8)
    assert rota.look(6.0) is None


def test_the_earliest_hint_of_a_market_counts() -> None:
    rota = Rota(32, 8)
    for at in (5.0, 2.0, 9.0):
        rota.hint("A", at)
    assert rota.wakes(0.0) == 2.0


def test_nobody_asks_twice_at_a_time_and_a_hint_meanwhile_is_kept() -> None:
    rota = Rota(32, 8)
    rota.hint("A", 1.0)
    assert rota.look(1.0) is not None
    rota.hint("A", 1.0)
    assert rota.look(1.0) is None
    rota.answered("A", 0)
    assert rota.look(1.0) == Look("A", 8)


def test_a_market_has_its_share_of_the_places_and_no_more() -> None:
    rota = Rota(10, 8)
    for market_id in ("A", "B", "C"):
        rota.hint(market_id, 1.0)
    assert [rota.look(1.0), rota.look(1.0), rota.look(1.0)] == [Look("A", 8), Look("B", 2), None]
    rota.answered("A", 3)
    assert rota.look(1.0) == Look("C", 5)


def test_a_full_worker_waits_until_a_cycle_ends() -> None:
    rota = Rota(1, 1)
    rota.hint("A", 1.0)
    assert rota.look(1.0) == Look("A", 1)
    rota.answered("A", 1)
    rota.hint("A", 1.0)
    assert rota.look(2.0) is None
    assert rota.wakes(2.0) == float("inf")
    rota.ended("A")
    assert rota.look(2.0) == Look("A", 1)


class Playing(RuleBasedStateMachine):
    """Hints, looks, answers and ends in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rota = Rota(6, 4)
        self.now = 0.0
        self.cycles: list[str] = []
        self.asked: dict[str, int] = {}

    @rule(market_id=MARKETS, after=st.floats(-3, 3))
    def hint(self, market_id: str, after: float) -> None:
        self.rota.hint(market_id, self.now + after)

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def look(self) -> None:
        wakes = self.rota.wakes(self.now)
        look = self.rota.look(self.now)
        assert (look is not None) == (wakes <= self.now)
        if look is not None:
            assert look.limit > 0
            self.asked[look.market_id] = look.limit

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        market_id = data.draw(st.sampled_from(sorted(self.asked)))
        leases = data.draw(st.integers(0, self.asked.pop(market_id)))
        self.rota.answered(market_id, leases)
        self.cycles += [market_id] * leases

    @precondition(lambda self: self.cycles)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        self.rota.ended(self.cycles.pop(data.draw(st.integers(0, len(self.cycles) - 1))))

    @invariant()
    def never_more_than_there_are_places_for(self) -> None:
        assert len(self.cycles) + sum(self.asked.values()) <= 6
        for market_id in "ABCD":
            assert self.cycles.count(market_id) + self.asked.get(market_id, 0) <= 4


TestPlaying = Playing.TestCase
TestPlaying.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
