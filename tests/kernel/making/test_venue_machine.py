"""An order on its way to a venue and back, through whatever workers, its owner and administrators can say.

Beside the plain model of `venue_model.py`. Unclear outcomes, late words, repeats and claims that run out come
by chance; after every command nothing is lost or made, and nothing that may have left was paid to anybody.
"""

import random
from collections.abc import Callable
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kernel.answers import Answer, Outcome, Refusal
from kernel.commands import AnyCommand
from kernel.making_answers import MmOrderIs, MmReconciled, MmVenueIs
from kernel.making_edges import MmControl
from tests.kernel.making.desk import ALLOWED, BACK, ELSEWHERE, FORBIDDEN, OUT, Desk
from tests.kernel.making.venue_model import BEFORE, Voyage
from tests.kernel.trading import Trading

SEEN: set[str] = set()
MUST = {
    *(f"in {state}" for state in ("withdrawing", "deposit_confirming", "running", "stopped", "failed")),
    *("in refunded", "a case", "tell again", "tell 7102", "late", "reconcile None", "reconcile waits"),
    "empty None",
}
"""Else the voyages would show little."""
CASH = 10_000
AS_FAR_AS = {
    "called": ("CALL",),
    "unclear": ("CALL", "UNKNOWN"),
    "confirmed": ("CALL", "ACCEPTED", "CONFIRMED"),
    "there": ("CALL", "ACCEPTED", "CONFIRMED", "CREDITED"),
}
SELDOM = st.sampled_from([*[False] * 15, True])
OUTCOMES = ("RECOVERED_TO_ESCROW", "RECOVERED_TO_ESCROW", "CONFIRMED_AT_VENUE", "WRITTEN_OFF")
WAYS = (("OUT", OUT), ("BACK", BACK))


class Swift(Trading):
    """One that is held to nothing but what its commands are answered: ten times as fast."""

    def step(self, command: AnyCommand) -> Outcome:
        return self.exchange.execute(command)


class Travel(RuleBasedStateMachine):
    def __init__(self, kind: type[Trading] = Trading) -> None:
        super().__init__()
        self.market = kind(ann=300_000, ben=300_000, maker_fee_bps=0, taker_fee_bps=0)
        self.market.play("ann buys 20 YES at 50", "ben buys 20 NO at 50")
        self.desk = Desk(self.market)
        self.model = Voyage({})
        self.external = 600_000

    @initialize(yes=st.sampled_from([0, 4]), so_far=st.integers(0, 7))
    def somebody_pays_for_one(self, yes: int, so_far: int) -> None:
        """And it has come some way before chance takes over."""
        self.desk.open(venue=ELSEWHERE, cash=CASH, yes=yes, max_loss_cents=CASH)
        self.model = Voyage({"CASH": CASH, **({"YES": yes} if yes else {})})
        if so_far > 0:
            self.a_worker_begins(OUT, so_far > 1)
        if so_far > 1:
            self.a_worker_begins(OUT, True)
        if so_far > 2:
            self.a_worker_tells_a_step("CALL", "CASH", "v", 0, True)
        if so_far > 2:
            self.a_worker_gets_on({3: "confirmed", 4: "unclear"}.get(so_far, "there"))
        if so_far > 4:
            self.its_owner_controls_it("stop", True)
        if so_far > 5:
            self.a_worker_has_drained_it()
            self.a_worker_begins(BACK, True)
        if so_far in (4, 7):
            self.time_passes(1_800)

    @rule(way=st.sampled_from([OUT, OUT, OUT, BACK]), on=st.sampled_from([True, True, True, False]))
    def a_worker_begins(self, way: str, on: bool) -> None:
        answer = self.desk.step("BEGIN", direction=way, venue_rules=ALLOWED if on else FORBIDDEN)  # type: ignore[arg-type]
        self.hold(answer, self.model.begin(str(way), self.desk.at, on), "begin")

    @rule(
        step=st.sampled_from([*BEFORE, *["ACCEPTED", "CONFIRMED", "CREDITED", "CALL"] * 3]),
        asset=st.sampled_from(["CASH", "CASH", "YES"]),
        worker=st.sampled_from("vvw"),
        short=st.sampled_from([0, 0, 0, 1]),
        on=st.sampled_from([True, True, True, False]),
    )
    def a_worker_tells_a_step(self, step: str, asset: str, worker: str, short: int, on: bool) -> None:
        way = "BACK" if self.model.legs["BACK"] else "OUT"
        late = self.model.way() != way
        leg = self.model.legs[way].get(asset)
        expected = self.model.tell(way, asset, step, worker, short, self.desk.at, on)
        answer = self.desk.step(
            step,
            asset,
            direction=OUT if way == "OUT" else BACK,
            worker=worker,
            attempt=leg.attempt if leg is not None else 1,
            amount=leg.amount - short if step == "CREDITED" and leg is not None else None,
            venue_rules=ALLOWED if on else FORBIDDEN,
        )
        if late and expected is None:
            SEEN.add("late")
        self.hold(answer, expected, "tell")

    @rule(to=st.sampled_from(list(AS_FAR_AS)))
    def a_worker_gets_on(self, to: str) -> None:
        """The usual way, as far as it goes: else chance alone would seldom arrive."""
        for step in AS_FAR_AS[to]:
            for asset in ("CASH", "YES"):
                self.a_worker_tells_a_step(step, asset, "v", 0, True)

    @rule()
    def a_worker_has_drained_it(self) -> None:
        self.hold(self.desk.step("DRAINED", direction=BACK), self.model.drained(), "drained")

    @rule(what=st.sampled_from(["pause", "resume", "stop"]), early=SELDOM)
    def its_owner_controls_it(self, what: str, early: bool) -> None:
        if self.model.state == "payment_complete" and not early:
            return  # or few would ever leave
        self.hold(self.desk.tell(MmControl[what.upper()]), self.model.control(what), what)

    @precondition(lambda self: self.model.state in ("paused", "stopped", "failed"))
    @rule()
    def its_owner_empties_it(self) -> None:
        self.hold(self.desk.take_out(all=True), self.model.empty(), "empty")

    @rule(now=SELDOM)
    def an_administrator_gives_it_up(self, now: bool) -> None:
        if now:
            self.hold(self.desk.tell(MmControl.FAIL, admin="root"), self.model.fail(), "fail")

    @precondition(lambda self: self.model.case)
    @rule(
        outcome=st.sampled_from(OUTCOMES),
        more=st.sampled_from([0, 0, 100, -100]),
        admin=st.sampled_from("ab"),
    )
    def an_administrator_says_where_it_is(self, outcome: str, more: int, admin: str) -> None:
        away = dict(self.model.away)
        is_back = outcome == "RECOVERED_TO_ESCROW"
        cash = max(0, away.get("CASH", 0) + more) if is_back else None
        expected = self.model.reconcile(outcome, cash, admin, self.desk.at)
        yes = away.get("YES", 0) if is_back else 0
        answer = self.desk.reconcile(outcome, cash, yes, admin=admin)
        if expected is None and cash is not None:
            self.external += cash - away.get("CASH", 0)
        self.hold(answer, expected, "reconcile")

    @rule(seconds=st.sampled_from([1, 59, 60, 900, 1_800, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.desk.wait(seconds)
        self.desk.tick()
        self.model.pass_time(self.desk.at)

    @rule(seconds=st.sampled_from([30, 60, 1_800]))
    def time_passes_and_nobody_is_told(self, seconds: int) -> None:
        self.desk.wait(seconds)

    @rule(now=SELDOM)
    def it_is_switched_off(self, now: bool) -> None:
        if now:
            self.model.switch_off()
            self.desk.tick(venues_off=True)
            self.model.pass_time(self.desk.at)

    # What must be so

    def hold(self, answer: Answer | Refusal, expected: int | str | None, what: str) -> None:
        found: int | str | None = None
        match answer:
            case Refusal(code=code):
                found = code.value
            case MmVenueIs(repeated=True) | MmOrderIs(changed=False):
                found = "again"
            case MmReconciled(waits=True):
                found = "waits"
        assert found == expected, f"{what}: the kernel says {answer}, the model {expected}"
        SEEN.update({f"{what} {found}", f"in {self.desk.state().value}"})

    @invariant()
    def the_order_is_what_the_model_says(self) -> None:
        order, model = self.desk.order(), self.model
        SEEN.update({f"in {order.state.value}", *(["a case"] if order.reconcile_required else [])})
        legs = {
            way: {
                leg.leg.value: (leg.status.value, leg.attempt) for leg in self.desk.legs(direction=direction)
            }
            for way, direction in WAYS
        }
        assert legs == {
            way: {asset: (leg.status, leg.attempt) for asset, leg in found.items()}
            for way, found in model.legs.items()
        }
        away = {"CASH": order.away.cash, "YES": order.away.yes}
        assert away == {asset: model.away.get(asset, 0) for asset in away}
        assert order.escrow.available == model.home.get("CASH", 0)
        assert (order.state.value, order.location.value) == (model.state, model.where)
        assert (order.reconcile_required, order.rests_away) == (model.case, model.rests)
        assert (order.pending_command is not None) is model.stop_waits
        assert order.venue_due_at == model.due

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        exchange = self.market.exchange
        assert sum(each.available + each.frozen for each in exchange.accounts.values()) == self.external


def test_whatever_is_said_of_it_kernel_and_model_agree() -> None:
    run_state_machine_as_test(
        Travel, settings=settings(max_examples=60, stateful_step_count=20, deadline=None)
    )


CONTROLS = ("pause", "resume", "stop")
VOYAGES = 600
STEPS = 60


def test_long_voyages_with_much_trouble_agree() -> None:
    """Each by a seed of its own, mostly with what can be said at the moment: so rare meetings come, too."""
    SEEN.clear()
    for seed in range(VOYAGES):
        chance = random.Random(seed)
        travel = Travel(Swift)
        travel.somebody_pays_for_one(chance.choice([0, 4]), chance.randint(0, 7))
        for number in range(STEPS):
            what = chance.choice(likely(travel, chance))
            try:
                what()
                travel.the_order_is_what_the_model_says()
                travel.nothing_is_lost_or_made()
            except AssertionError as trouble:
                raise AssertionError(f"voyage {seed}, step {number}: {trouble}") from trouble
    assert set() == MUST - SEEN, "chance never brought these"


def likely(travel: Travel, chance: random.Random) -> list[Callable[[], None]]:
    """What somebody may say or do next; the more often, the likelier."""
    way = BACK if travel.model.legs["BACK"] or travel.model.state == "stopped" else OUT
    on = chance.random() < 0.9
    moves: list[Callable[[], None]] = [
        lambda: travel.a_worker_begins(way if chance.random() < 0.9 else OUT, on),
        lambda: travel.time_passes(chance.choice([1, 59, 60, 900, 1_800])),
        lambda: travel.time_passes(30),
        lambda: travel.time_passes_and_nobody_is_told(chance.choice([30, 59, 60, 1_799, 1_800])),
        lambda: travel.its_owner_controls_it(
            chance.choice(["pause", "resume", "stop"]), chance.random() < 0.1
        ),
        travel.a_worker_has_drained_it,
    ]
    if chance.random() < 0.1:
        moves += [
            lambda: travel.an_administrator_gives_it_up(True),
            lambda: travel.it_is_switched_off(True),
            lambda: travel.a_worker_gets_on(chance.choice(list(AS_FAR_AS))),
        ]
    if travel.model.state in ("paused", "stopped", "failed"):
        moves.append(travel.its_owner_empties_it)
    if travel.model.case:
        say = travel.an_administrator_says_where_it_is
        words = chance.choice(OUTCOMES), chance.choice([0, 100, -100])
        moves += [lambda: say(*words, chance.choice("ab"))] * 2
        moves.append(lambda: again_a_day_later(travel, *words))
    legs = travel.model.legs["BACK"] or travel.model.legs["OUT"]
    for asset, leg in legs.items():
        fits = [step for step in BEFORE if leg.seen(travel.desk.at) in BEFORE[step]] or [*BEFORE]
        step = chance.choice(fits if chance.random() < 0.8 else [*BEFORE])
        worker = leg.worker if leg.worker and chance.random() < 0.8 else chance.choice("vw")
        short = int(chance.random() < 0.1)
        tell = partial(travel.a_worker_tells_a_step, step, asset, worker, short, on)
        moves += [tell] * 3
    return moves


def again_a_day_later(travel: Travel, outcome: str, more: int) -> None:
    """To the microsecond: what one administrator has said waits for another no longer."""
    travel.an_administrator_says_where_it_is(outcome, more, "a")
    if travel.model.case:
        travel.time_passes_and_nobody_is_told(86_400)
        travel.an_administrator_says_where_it_is(outcome, more, "b")
