"""The life as a graph: every edge that was published leads where it should, and nothing else does."""

import pytest

from kernel.answers import Answer, Refusal
from kernel.draft import Draft
from kernel.exchange import Exchange
from kernel.making import Cause, take
from kernel.making_edges import (
    EDGES,
    MmActor,
    MmControl,
    MmKind,
    MmReason,
    MmState,
    MmTrigger,
)
from kernel.making_events import MmOrderChanged
from tests.kernel.making.desk import ELSEWHERE, Desk
from tests.kernel.making.scene import some_market

PUBLISHED = """
1  (new)                payment_pending       create           U
2  payment_pending      payment_incomplete    pay              U
3  payment_pending      payment_complete      pay              U
4  payment_incomplete   payment_complete      pay              U
5  payment_pending      failed                timeout          S
5  payment_pending      failed                stop             UA
5  payment_pending      failed                market_over      M
6  payment_incomplete   failed                timeout          S
6  payment_incomplete   failed                stop             UA
6  payment_incomplete   failed                market_over      M
7  payment_complete     withdrawing           venue            W
8  payment_complete     joining_campaign      advance          S
9  payment_complete     created               advance          S
10 withdrawing          withdrawal_confirmed  venue            W
11 withdrawal_confirmed deposit_confirming    advance          S
12 deposit_confirming   deposit_confirmed     venue            W
13 deposit_confirmed    joining_campaign      advance          S
14 deposit_confirmed    created               advance          S
15 joining_campaign     campaign_joined       join             S
16 joining_campaign     created               join             S
17 campaign_joined      created               advance          S
18 created              running               start            SUA
19 running              paused                pause            UASM
20 paused               running               resume           UAS
21 running              stopped               stop             UAMS
22 paused               stopped               stop             UAM
23 created              stopped               stop             UAMS
24 stopped              refunded              withdraw         UA
24 stopped              refunded              settled          S
25 payment_complete     failed                fail             SAM
25 withdrawing          failed                fail             SAM
25 withdrawal_confirmed failed                fail             SAM
25 deposit_confirming   failed                fail             SAM
25 deposit_confirmed    failed                fail             SAM
25 joining_campaign     failed                fail             SAM
25 campaign_joined      failed                fail             SAM
25 created              failed                fail             SAM
25 running              failed                fail             SAM
25 paused               failed                fail             SAM
25 payment_complete     failed                stop             UA
26 failed               refunded              refund           SA
27 failed               stopped               reconcile        A
28 failed               deposit_confirmed     reconcile        A
29 refunded             deleted               delete           UA
30 failed               deleted               delete           UA
31 payment_pending      deleted               delete           U
"""
ACTORS = {actor.value[0]: actor for actor in MmActor}
Step = tuple[str, str, str, MmActor]
EXPECTED: set[Step] = {
    (start, end, trigger, ACTORS[letter])
    for _, start, end, trigger, letters in map(str.split, PUBLISHED.strip().splitlines())
    for letter in letters
}
STATES = [state.value for state in MmState]


def test_there_are_sixteen_states_by_their_names() -> None:
    assert len(STATES) == 16
    named = {word for line in PUBLISHED.strip().splitlines() for word in line.split()[1:3]}
    assert named - {"(new)"} == set(STATES)


def test_the_table_is_the_published_one_row_by_row() -> None:
    rows = {
        (
            str(edge.number),
            edge.start.value if edge.start else "(new)",
            edge.end.value,
            edge.trigger.name.lower(),
        ): edge.actors
        for edge in EDGES
    }
    assert rows == {
        (number, start, end, trigger): frozenset(ACTORS[letter] for letter in letters)
        for number, start, end, trigger, letters in map(str.split, PUBLISHED.strip().splitlines())
    }
    pairs = {(start, end) for start, end, _, _ in EXPECTED}
    assert len(pairs) == 40  # and so 39 besides the creation


@pytest.fixture(scope="module")
def image() -> bytes:
    desk = some_market()
    desk.ask_for()
    return desk.market.exchange.snapshot()


@pytest.mark.parametrize("start", MmState)
def test_exactly_the_published_edges_can_be_taken(image: bytes, start: MmState) -> None:
    """Every end, by every trigger, of every actor: 16 x 17 x 5 attempts from each of the 16 states."""
    exchange = standing_in(image, start)
    before = exchange.digest()
    taken: set[Step] = set()
    for end in MmState:
        for trigger in MmTrigger:
            for actor in MmActor:
                if attempt(exchange, trigger, end, actor):
                    taken.add((start.value, end.value, trigger.name.lower(), actor))
                    exchange = standing_in(image, start)
    assert exchange.digest() == before, "what is forbidden has changed something"
    assert taken == {step for step in EXPECTED if step[0] == start.value}


def standing_in(image: bytes, state: MmState) -> Exchange:
    exchange = Exchange.restore(image)
    (order,) = exchange.making.orders.values()
    order.state = state
    order.next_cycle_at = exchange.now
    exchange.making.index(order)
    return exchange


def attempt(exchange: Exchange, trigger: MmTrigger, end: MmState, actor: MmActor) -> bool:
    (order,) = exchange.making.orders.values()
    draft = Draft(exchange, exchange.now)
    try:
        take(draft, order, trigger, end, Cause("JOB", "trigger", actor, None, MmReason.AUTO))
    except AssertionError:
        assert draft.facts == []
        return False
    (fact,) = draft.facts
    assert isinstance(fact.event, MmOrderChanged)
    assert (fact.event.kind, order.state) == (MmKind.TRANSITION, end)
    return True


# What callers can do about it


def a_failed_one() -> Desk:
    """Its shares cannot move while the market is halted."""
    desk = some_market()
    desk.market.play("ann buys 4 YES at 50", "ben buys 4 NO at 50")
    desk.open(yes=4)
    desk.market.play("root halts")
    desk.tell(MmControl.FAIL, admin="root")
    assert desk.state() is MmState.FAILED
    return desk


def standing(state: str) -> Desk:
    desk = some_market()
    match state:
        case "payment_pending":
            desk.ask_for()
        case "payment_incomplete":
            desk.ask_for()
            desk.pay(amount=1)
        case "created":
            desk.open(auto_start=False)
        case "failed":
            return a_failed_one()
        case "payment_complete" | "withdrawing" | "deposit_confirming":
            desk.open(venue=ELSEWHERE)
            if state != "payment_complete":
                desk.granted(desk.step("BEGIN"))
            if state == "deposit_confirming":
                desk.steps_of("CASH", "CALL", "ACCEPTED", "CONFIRMED")
        case "missed":
            desk.open(venue=ELSEWHERE)
            desk.granted(desk.step("BEGIN"))
            desk.steps_of("CASH", "CALL")
            desk.granted(desk.tell(MmControl.FAIL, admin="root"))
            return desk
        case _:
            desk.open()
            for control, at in ((MmControl.PAUSE, "paused"), (MmControl.STOP, "stopped")):
                if state in (at, "stopped", "refunded", "deleted"):
                    desk.granted(desk.tell(control))
            if state in ("refunded", "deleted"):
                desk.granted(desk.take_out(all=True))
            if state == "deleted":
                desk.granted(desk.tell(MmControl.DELETE))
    assert desk.state() == state
    return desk


RESTING = (
    *("payment_pending", "payment_incomplete", "created", "running", "paused"),
    *("stopped", "failed", "refunded", "deleted"),
)
ASKED = """
             pending    incomplete created    running    paused     stopped    failed     refunded   deleted
U PAY        running    running    7102       7102       7102       7102       7102       7102       7102
U START      7102       7102       running    .          7102       7102       7102       7102       7102
U PAUSE      7102       7102       7102       paused     .          7102       7102       7102       7102
U RESUME     7102       7102       7102       .          running    7102       7102       7102       7102
U STOP       refunded   refunded   stopped    stopped    stopped    .          7102       7102       7102
U DELETE     deleted    7102       7102       7102       7102       7102       7102       deleted    7102
U FAIL       7102       7102       7102       7102       7102       7102       7102       7102       7102
U REFUND     7102       7102       7102       7102       7102       7102       7102       7102       7102
U WITHDRAW   7102       7102       7102       7102       refunded   refunded   7102       7102       7102
A START      7102       7102       running    .          7102       7102       7102       7102       7102
A PAUSE      7102       7102       7102       paused     .          7102       7102       7102       7102
A RESUME     7102       7102       7102       .          running    7102       7102       7102       7102
A STOP       refunded   refunded   stopped    stopped    stopped    .          7102       7102       7102
A DELETE     7102       7102       7102       7102       7102       7102       7102       deleted    7102
A FAIL       7102       7102       refunded   refunded   refunded   7102       7102       7102       7102
A REFUND     7102       7102       7102       7102       7102       7102       7109       7102       7102
O PAY        7101       7101       7101       7101       7101       7101       7101       7101       7101
O STOP       7101       7101       7101       7101       7101       7101       7101       7101       7101
O WITHDRAW   7101       7101       7101       7101       7101       7101       7101       7101       7101
"""
"""Who asks what (owner, administrator, some other user), and in which state that ends; or the refusal."""
_, *ROWS = ASKED.strip("\n").splitlines()


def asked(desk: Desk, who: str, what: str) -> Answer | Refusal:
    owner, admin = ("ben", None) if who == "O" else ("ann", "root" if who == "A" else None)
    match what:
        case "PAY":
            leg = desk.order().legs[-1]
            return desk.pay(amount=leg.outstanding or 1, owner=owner)
        case "WITHDRAW":
            return desk.take_out(all=True, owner=owner)
        case _:
            return desk.tell(MmControl[what], owner=owner, admin=admin)


AWAY = ("payment_complete", "withdrawing", "deposit_confirming", "missed")
ASKED_AWAY = """
             complete   withdrawing confirming missed
U PAY        7102       7102        7102       7102
U START      7102       7102        7102       7102
U PAUSE      7102       7102        7102       7102
U RESUME     7102       7102        7102       7102
U STOP       refunded   COMMAND     COMMAND    7102
U DELETE     7102       7102        7102       7102
U WITHDRAW   7102       7102        7102       7102
A START      7102       7102        7102       7102
A PAUSE      7102       7102        7102       7102
A RESUME     7102       7102        7102       7102
A STOP       refunded   COMMAND     COMMAND    7102
A DELETE     7102       7102        7102       7102
A FAIL       refunded   refunded    failed     7102
A REFUND     7102       7102        7102       7109
O STOP       7101       7101        7101       7101
"""
"""The same of an order that waits to leave, is leaving with nobody called, is to arrive, and is missed."""


@pytest.mark.parametrize("row", ASKED_AWAY.strip("\n").splitlines()[1:], ids=lambda row: row[:12].strip())
def test_each_command_does_what_the_table_says_to_an_order_on_its_way(row: str) -> None:
    who, what, *cells = row.split()
    found = []
    for state in AWAY:
        desk = standing(state)
        answer = asked(desk, who, what)
        event = desk.trail()[-1]
        if isinstance(answer, Refusal):
            found.append(str(answer.code.value))
        elif event.kind is MmKind.TRANSITION:
            found.append(desk.state().value)
        else:
            found.append(event.kind.value)
    assert found == cells


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:12].strip())
def test_each_command_does_in_each_state_what_the_table_says(row: str) -> None:
    who, what, *cells = row.split()
    found = []
    for state in RESTING:
        desk = standing(state)
        head, seq = desk.market.exchange.head, desk.order().seq
        answer = asked(desk, who, what)
        if isinstance(answer, Refusal):
            found.append(str(answer.code.value))
        elif desk.market.exchange.head == head:
            found.append(".")
        else:
            found.append(desk.state().value)
            assert desk.order().seq > seq
    assert found == cells
