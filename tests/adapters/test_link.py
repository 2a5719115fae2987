"""The link: whoever follows has every answer, once, and the same state, wherever the line is cut.

Leader and follower are the real ones over a real socket; the journal between them is kept in memory.
"""

import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import attrs
import msgspec
import pytest
import trio

from adapters.access.rate_limits import Bucket, RateLimits
from adapters.link import wire
from adapters.link.asking import asked
from adapters.link.follower import Follower, TurnedAwayError
from adapters.link.leader import Leader
from adapters.link.node import WINDOW, DivergedError, Node
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.service.guards import Guards
from bench.workload import BEFORE_US, Flow, market, opening, order, user
from kernel.actors import Actors, Request
from kernel.answers import Outcome, Refusal, Unfinished
from kernel.codes import Code, Direction, Side
from kernel.commands import (
    AnyCommand,
    AtomicBatch,
    BurnShares,
    CancelAll,
    CancelOrder,
    Deposit,
    ForgetOrders,
    MintShares,
    PlaceOrder,
    ResolveMarket,
    SetGroup,
    SetGuard,
    VoidMarket,
    Withdraw,
)
from kernel.exchange import Exchange
from kernel.journal import Decided, Page
from kernel.market import Order
from persistence.journal import wal
from persistence.journal.following import Passage, Tail
from persistence.journal.pages import DamagedError
from persistence.journal.wal import GENESIS, Group
from tests.kernel.making.desk import a_life
from tests.kernel.trading import Recorded

REFUSED = Deposit(at=BEFORE_US, user_id="nobody", amount=1)


class Hands(Clock):
    """Shows the time that it is set to."""

    at = BEFORE_US

    def now(self) -> int:
        return self.at


@attrs.define(eq=False)
class Kept:
    """A journal in memory, filed as the real one files."""

    groups: list[Group] = attrs.field(factory=list)
    on_commit: Callable[[Any, bytes], None] = lambda group, before: None
    stall: trio.Event | None = None

    @property
    def end(self) -> tuple[int, bytes]:
        return (self.groups[-1].last, self.groups[-1].digest) if self.groups else (0, GENESIS)

    def pack(self, decided: Sequence[Decided]) -> Page:
        return wal.pack(decided)

    async def append(self, pages: Sequence[Page]) -> None:
        before = self.end
        group = wal.group(pages, *before)
        await trio.lowlevel.checkpoint()
        if self.stall is not None:
            await self.stall.wait()
        if group is not None:
            self.groups.append(group)
            self.on_commit(group, before[1])

    async def head(self) -> int:
        return self.end[0]

    async def read(self, after: int = 0) -> AsyncIterator[Any]:
        for group in self.groups:
            for row in wal.unpack(bytes(group.rows)):
                if row.id > after:
                    yield row.fact()


class TailOfKept(Tail):
    """Reads what was missed there."""

    kept: Kept

    async def read(self, upto: int, digest: bytes) -> AsyncIterator[list[Passage]]:
        for group in list(self.kept.groups):
            if self.head < group.last <= upto:
                yield self.take(bytes(group.rows))
        assert (self.head, self.digest) == (upto, digest)


def replayed(kept: Kept) -> Exchange:
    exchange = Exchange()
    for group in kept.groups:
        for row in wal.unpack(bytes(group.rows)):
            exchange.apply(row.fact())
    return exchange


@attrs.define(eq=False)
class Pair:
    """A leader, and one process that follows it."""

    folder: Path
    nursery: trio.Nursery
    kept: Kept = attrs.field(factory=Kept)
    clock: Hands = attrs.field(factory=Hands)
    told: dict[str, list[Outcome]] = attrs.field(factory=dict)
    """What was decided, by correlation id, as the deciding process has it."""
    program: str = "the same"
    actors: Actors = attrs.field(init=False)
    leader: Leader = attrs.field(init=False)
    node: Node = attrs.field(init=False)
    follower: Follower = attrs.field(init=False)
    limits: dict[str, RateLimits] = attrs.field(factory=dict)
    _leading: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _line: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _ended: trio.Event = attrs.field(factory=trio.Event)

    async def start(self, past: Sequence[AnyCommand]) -> None:
        exchange = Exchange()
        decided = [Decided(command, "past", exchange.execute(command)) for command in past]
        if decided:
            await self.kept.append([self.kept.pack(decided)])
            self.clock.at = exchange.now
        await self.lead(exchange)
        self._ended.set()
        self.follow()
        await self.attached()

    async def lead(self, exchange: Exchange) -> None:
        self.actors = Actors(exchange, self.kept)
        limits = self.limits["leader"] = RateLimits(Settings(), self.clock)
        self.leader = Leader(
            self.actors, self.kept, self.clock, a_guards(), limits, lambda: 0.0, self.program, print
        )
        self.actors.listeners += [self.note, self.leader.hear]
        await self.nursery.start(self._run)

    async def _run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.CancelScope() as self._leading:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.actors.run)
                await nursery.start(self.leader.serve, self.folder)
                task_status.started()

    def note(self, decided: Sequence[Decided]) -> None:
        for one in decided:
            if not isinstance(one.outcome.answer, Unfinished):
                self.told.setdefault(one.correlation_id, []).append(one.outcome)

    def follow(self) -> None:
        """A process that knows nothing yet."""
        self.node = Node(Exchange(), self.kept)
        tail = TailOfKept(cast(Any, None), 0, GENESIS)
        tail.kept = self.kept
        limits = self.limits["follower"] = RateLimits(Settings(), self.clock)
        self.follower = Follower(
            self.node,
            tail,
            self.folder,
            self.program,
            f"{id(self.node)}",
            a_guards(),
            limits,
            60,
        )
        self.attach()

    def attach(self) -> None:
        """A process follows on one line at a time."""
        before, self._ended, self._line = self._ended, trio.Event(), trio.CancelScope()
        self.nursery.start_soon(self._follow, self.follower, self._line, before, self._ended)

    async def _follow(
        self, follower: Follower, line: trio.CancelScope, before: trio.Event, ended: trio.Event
    ) -> None:
        await before.wait()
        with line:
            while True:
                await follower.follow()
                await trio.sleep(0.001)
        ended.set()

    async def attached(self) -> None:
        with trio.fail_after(60):
            while not self.follower.is_attached:
                await trio.sleep(0.001)

    async def ask(self, name: str, *commands: AnyCommand) -> None:
        """Of the follower; each outcome is what was decided, and what was told is what its state shows."""
        request = self.node.submit(commands, name)
        assert request is not None
        await self.answered(name, request)
        assert self.node.durable >= request.outcomes[-1].seen

    async def answered(self, name: str, request: Request) -> None:
        with trio.fail_after(60):
            await request.durable.wait()
        # What was refused, and nobody told, may have been refused once more.
        *lost, own = batched(self.told[name], len(request.commands))
        assert [plain(one) for one in request.outcomes] == [plain(one) for one in own]
        assert not any(one.facts for some in lost for one in some)

    async def attached_again(self) -> None:
        await self.alone()
        self.attach()
        await self.attached()
        await self.told_all()

    async def told_all(self) -> None:
        """What was sent on attaching has been read."""
        await self.node.ask(REFUSED)

    async def alone(self) -> None:
        """The line ends, and nobody makes another one."""
        self._line.cancel()
        await self._ended.wait()
        with trio.fail_after(60):
            while self.leader.followers:
                await trio.sleep(0.001)

    def cut(self) -> None:
        """The line ends, and another one is made."""
        self._line.cancel()
        self.attach()

    async def kill(self) -> None:
        """Whoever leads is gone, with what it has not committed; who followed leads."""
        self._leading.cancel()
        self._line.cancel()
        node, follower = self.node, self.follower
        await self._ended.wait()
        await follower.catch_up(*self.kept.end)
        self.kept.stall = None
        await self.lead(node.exchange)
        node.lead(self.actors, self.nursery, self.clock.now)


def batched(told: list[Outcome], size: int) -> list[list[Outcome]]:
    return [told[start : start + size] for start in range(0, len(told), size)]


def a_guards() -> Guards:
    guards = Guards(cast(Any, None))
    guards.is_watching = False
    return guards


def plain(outcome: Outcome) -> Any:
    """An outcome without the exchange that its orders are of."""
    return shown(outcome.answer), outcome.facts, outcome.seen


def shown(value: Any) -> Any:
    match value:
        case Order():
            return value.id
        case msgspec.Struct():
            return [type(value).__name__, *map(shown, msgspec.structs.astuple(value))]
        case tuple() | list():
            return [*map(shown, value)]
        case _:
            return value


@contextlib.asynccontextmanager
async def pair(folder: Path, past: Sequence[AnyCommand] = ()) -> AsyncIterator[Pair]:
    async with trio.open_nursery() as nursery:
        two = Pair(folder, nursery)
        await two.start(past)
        yield two
        two._line.cancel()
        await trio.lowlevel.checkpoint()
        assert two.node.exchange.digest() == two.actors.exchange.digest() == replayed(two.kept).digest()
        nursery.cancel_scope.cancel()


def everything() -> list[AnyCommand]:
    """Trading, and each kind of command that somebody may ask for; some are refused."""
    flow = Flow()
    ann, ben = user(0), user(1)
    commands: list[AnyCommand] = flow.commands(150)
    at = flow.at

    def wish(name: str, price: int) -> PlaceOrder:
        return order(at, ann, name, market(0), bid=True, price=price, quantity=7)

    first = wish("first", 11)
    commands += [
        Deposit(at=at, user_id=ann, amount=5),
        Withdraw(at=at, user_id=ann, amount=5),
        Withdraw(at=at, user_id=ann, amount=10**12),
        first,
        first,
        wish("second", 12),
        SetGroup(at=at, user_id=ann, market_id=market(0), group_id="g", max_fill_quantity=5, window_ms=1000),
        CancelAll(at=at, user_id=ann, market_id=market(0), side=Side.YES, direction=Direction.BUY),
        CancelAll(at=at, user_id=ann, market_id=market(0)),
        SetGuard(at=at, user_id=ben, grace_ms=1000),
        MintShares(at=at, user_id=ann, market_id=market(1), quantity=3, idempotency_key="m", nonce=1),
        BurnShares(at=at, user_id=ann, market_id=market(1), quantity=3, idempotency_key="b", nonce=2),
        AtomicBatch(at=at, user_id=ann, market_id=market(2), commands=(wish("x", 1),)),
        CancelOrder(at=at, user_id=ann, order_id="no such order"),
        ForgetOrders(at=at, before=at + 1, most=100),
        first,
        VoidMarket(at=at, market_id=market(3), by="root"),
        ResolveMarket(at=at, market_id=market(4), result="YES", by="root"),
    ]
    return commands


def a_makers_life() -> list[AnyCommand]:
    day = Recorded(mia=100_000)
    a_life(day, "mia", "M")
    day.play("root suspends", "root resumes", "root halts", "root resumes: fine", "root resolves YES")
    return day.asked


@pytest.mark.parametrize(("play", "past"), [(everything, opening()), (a_makers_life, [])])
async def test_each_answer_is_the_one_that_was_decided(
    play: Callable[[], list[AnyCommand]], past: list[AnyCommand], tmp_path: Path
) -> None:
    async with pair(tmp_path, past) as two:
        for number, command in enumerate(play()):
            two.clock.at = max(two.clock.at, command.at)
            if number % 3:
                await two.ask(f"q{number}", command)
            else:
                await two.actors.ask(msgspec.structs.replace(command, at=two.clock.at))


@pytest.mark.parametrize("seed", range(4))
async def test_whenever_a_line_or_a_leader_ends_each_request_is_answered_once(
    seed: int, tmp_path: Path
) -> None:
    """Also while a commit is under way: what happened the journal tells, what did not is asked again."""
    rng = random.Random(seed)
    async with pair(tmp_path, opening()) as two:
        waiting: list[tuple[str, Request]] = []
        numbers = itertools.count()
        commands = everything()
        while commands:
            size = rng.choice((1, 1, 1, 4))
            together, commands = commands[:size], commands[size:]
            of_market = {two.node.market_of(command) for command in together}
            name = f"q{next(numbers)}"
            two.clock.at = max(two.clock.at, *(command.at for command in together))
            if len(of_market) > 1:
                together, commands = together[:1], together[1:] + commands
            request = two.node.submit(together, name)
            assert request is not None
            waiting.append((name, request))
            if rng.random() < 0.3:
                await trio.lowlevel.checkpoint()
            if rng.random() < 0.15:
                two.kept.stall = trio.Event()
                for _ in range(rng.randrange(30)):
                    await trio.lowlevel.checkpoint()
                if rng.random() < 0.7:
                    two.cut()
                    await trio.lowlevel.checkpoint()
                    two.kept.stall.set()
                else:
                    await two.kill()
                    while waiting:
                        await two.answered(*waiting.pop())
                    two.follow()
                two.kept.stall = None
            if rng.random() < 0.2:
                for one in waiting:
                    await two.answered(*one)
                waiting.clear()
        for one in waiting:
            await two.answered(*one)


async def test_who_leads_knows_who_is_present_elsewhere_and_forgets_it_with_the_line(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        two.follower.guards.connected("ann")
        two.follower.guards.connected("ann")
        await two.ask("q", REFUSED)
        assert two.leader.guards.present == ["ann"]
        await two.attached_again()
        assert two.leader.guards.present == ["ann"]
        two.follower.guards.disconnected("ann")
        two.follower.guards.disconnected("ann")
        await two.ask("r", Deposit(at=BEFORE_US, user_id="ann", amount=1))
        assert two.leader.guards.present == []
        two.follower.guards.connected("ben")
        await two.alone()
        assert two.leader.guards.present == []


async def test_what_is_counted_in_one_process_counts_in_all(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        here, there = two.limits["follower"], two.limits["leader"]
        for _ in range(3):
            here.take_for_address(Bucket.AUTH, "192.0.2.1")
        await two.ask("q", REFUSED)
        quota = there.take_for_address(Bucket.AUTH, "192.0.2.1")
        assert quota is not None
        assert quota.remaining == 1
        with trio.fail_after(60):
            while (quota := here.take_for_address(Bucket.AUTH, "192.0.2.1")) is None or quota.allowed:
                await trio.sleep(0.01)  # one of these, or what the leader tells of its own, is one too many


async def test_who_does_not_read_is_cut_off_and_nobody_else_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "UNSENT_MAX", 4096)
    async with pair(tmp_path, opening(markets=1, users=3)) as two:
        deaf = await wire.dialled(tmp_path)
        assert deaf is not None
        line = wire.Line(deaf)
        async with deaf, trio.open_nursery() as nursery:
            nursery.start_soon(line.run)
            line.send(wire.Hello(two.program, "deaf"))
            while two.leader.followers < 2:
                await trio.sleep(0.001)
            with trio.fail_after(60):
                for number in range(10_000):
                    await two.ask(f"q{number}", Deposit(at=two.clock.at, user_id=user(0), amount=1))
                    if two.leader.followers < 2:
                        break
            nursery.cancel_scope.cancel()
        assert two.leader.followers == 1
        await two.ask("after", Deposit(at=two.clock.at, user_id=user(0), amount=1))


async def test_another_program_is_turned_away(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        two.follower.program = "another"
        await two.alone()
        with pytest.raises(TurnedAwayError, match="another version of the program"):
            await two.follower.follow()
        two.follower.program = two.program
        await two.attached_again()


async def test_a_copy_that_decides_otherwise_stops(tmp_path: Path) -> None:
    async with pair(tmp_path, opening(markets=1, users=2)) as two:
        await two.alone()
        node = two.node
        request = node.submit([Deposit(at=two.clock.at, user_id=user(0), amount=1)], "q")
        assert request is not None
        await two.actors.ask(Deposit(at=two.clock.at, user_id=user(0), amount=2))
        passages = two.follower.tail.take(bytes(two.kept.groups[-1].rows))
        with pytest.raises(DivergedError, match="is not what this process decides"):
            node.take(passages, [wire.Result(1, node.exchange.head + 1, 1, two.clock.at, None)])
        assert not request.durable.is_set()
        node.exchange = replayed(two.kept)


async def test_a_transaction_that_is_not_as_it_was_written_is_not_taken(tmp_path: Path) -> None:
    async with pair(tmp_path, opening(markets=1, users=2)) as two:
        await two.alone()
        await two.actors.ask(Deposit(at=two.clock.at, user_id=user(0), amount=2))
        rows = bytes(two.kept.groups[-1].rows)
        with pytest.raises(DamagedError, match="does not follow from what was read before"):
            two.follower.tail.take(rows.replace(b"DEPOSIT", b"DEPOSIX"))
        await two.attached_again()
        await two.ask("q", Deposit(at=two.clock.at, user_id=user(0), amount=1))


async def test_only_so_much_may_be_under_way(tmp_path: Path) -> None:
    async with pair(tmp_path, opening(markets=1, users=2)) as two:
        await two.alone()
        command = Deposit(at=two.clock.at, user_id=user(0), amount=1)
        assert None not in [two.node.submit([command], f"q{number}") for number in range(WINDOW)]
        assert two.node.submit([command], "one too many") is None
        (outcome,) = await two.node.ask(command, correlation_id="another")
        assert outcome.answer == Refusal(Code.OVERLOADED, "Too many requests are waiting; try again shortly")
        two.attach()
        with trio.fail_after(60):
            while two.node.under_way:
                await trio.sleep(0.01)


async def test_whom_nobody_follows_does_not_step_back(tmp_path: Path) -> None:
    stepped: list[bool] = []
    async with pair(tmp_path) as two:
        two.leader.step_back = lambda: stepped.append(True)
        said = await asked(tmp_path)
        assert said is not None
        assert [(one.role, one.behind) for one in said.nodes] == [("leader", 0), ("follower", 0)]
        await two.alone()
        said = await asked(tmp_path, hand_over=True)
        assert said is not None
        assert (said.refusal, stepped) == ("nobody follows who could lead", [])
        await two.attached_again()
        said = await asked(tmp_path, hand_over=True)
        assert said is not None
        assert (said.refusal, stepped) == ("", [True])


async def test_where_the_folder_cannot_be_written_it_leads_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with trio.open_nursery() as nursery:
        two = Pair(tmp_path / "file", nursery)
        await two.lead(Exchange())
        (outcome,) = await two.actors.ask(REFUSED)
        assert isinstance(outcome.answer, Refusal)
        assert await asked(tmp_path / "file") is None
        nursery.cancel_scope.cancel()
