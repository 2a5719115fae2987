"""Three partitions, their couriers and the world between them, one small step at a time."""

import random
from itertools import combinations, permutations

import attrs

from kernel.codes import ReferenceType, Side
from kernel.commands import OpenAccount
from tests.kernel.partitions.partition import (
    FLOAT,
    Letter,
    Partition,
    to,
    unwanted,
)

NAMES = ("A", "B", "C")
USERS = ("ann", "ben", "cat", "dan")
HOMELESS = "dan"
"""Has no account in the last partition, until one is opened late."""
CENTS = 50_000
IN_VAIN = "in vain: "
WAYS = tuple(permutations(NAMES, 2))


class WrongError(Exception):
    """Money was made, or lost."""


@attrs.frozen
class Faults:
    """What an implementation may get wrong; the simulation must see each."""

    reads_ahead: bool = False
    """The courier believes rows that are not durable."""
    forgets_names: bool = False
    """Each delivery pays under a name of its own."""
    refuses_in_vain: bool = False
    """What cannot be paid goes back without a word in the journal that says so."""


@attrs.define
class Simulation:
    seed: int
    faults: Faults = Faults()
    chance: random.Random = attrs.field(init=False)
    partitions: dict[str, Partition] = attrs.field(factory=dict)
    between: list[tuple[str, Letter]] = attrs.field(factory=list)
    """Letters on their way, and to where; they come late, twice, in any order, or never."""
    promised: set[tuple[str, str, str]] = attrs.field(factory=set)
    """Moves of which a user was told that they are done: from, to, name."""
    waiting: list[tuple[str, str, str, int, str]] = attrs.field(factory=list)
    """Moves that a user asks for again and again until told: from, to, user, amount, name."""
    crashes: int = 0
    steps: int = 0

    def __attrs_post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        for name in NAMES:
            self.partitions[name] = Partition(name)
            others = [other for other in NAMES if other != name]
            users = [user for user in USERS if name != NAMES[-1] or user != HOMELESS]
            self.partitions[name].open(others, users, CENTS)

    # Steps

    def run(self, steps: int) -> None:
        acts = (
            *[self.trade] * 4,
            *[self.ask_for_a_move] * 3,
            *[self.ask_again] * 3,
            *[self.commit] * 4,
            *[self.fetch] * 3,
            *[self.deliver] * 6,
            self.send_back,
            self.crash,
        )
        for _ in range(steps):
            self.steps += 1
            self.chance.choice(acts)()
            self.check()
            if self.steps == steps // 2:
                self.partitions[NAMES[-1]].do(OpenAccount(at=self.steps, user_id=HOMELESS))

    def one(self) -> Partition:
        partition = self.partitions[self.chance.choice(NAMES)]
        partition.now = self.steps
        return partition

    def trade(self) -> None:
        user, side = self.chance.choice(USERS), self.chance.choice([*Side])
        self.one().trade(user, f"order {self.steps}", self.chance.randint(30, 70), side)

    def ask_for_a_move(self) -> None:
        sender, receiver = self.chance.choice(WAYS)
        user, amount = self.chance.choice(USERS), self.chance.randint(1, 800)
        self.waiting.append((sender, receiver, user, amount, f"{user}-{self.steps}"))

    def ask_again(self) -> None:
        """The user hears of a move when it is durable, or that there is not enough; else asks again."""
        if not self.waiting:
            return
        wish = self.chance.choice(self.waiting)
        sender, receiver, user, amount, name = wish
        partition = self.partitions[sender]
        if partition.send(user, receiver, amount, name) is not None:
            self.waiting.remove(wish)
        elif partition.moves[name][0] <= partition.durable:
            self.waiting.remove(wish)
            self.promised.add((sender, receiver, name))

    def commit(self) -> None:
        self.one().commit()

    def crash(self) -> None:
        self.crashes += 1
        self.one().crash()

    def send_back(self) -> None:
        self.one().send_back()

    def fetch(self) -> None:
        """A courier remembers nothing: it compares two journals and sends what one lacks. Some is lost."""
        sender, receiver = self.chance.choice(WAYS)
        source, goal = self.partitions[sender], self.partitions[receiver]
        upto = len(source.rows) if self.faults.reads_ahead else source.durable
        known = goal.received(sender, goal.durable)
        for name in sorted(source.sent(receiver, upto) - known):
            if self.chance.random() < 0.7:
                self.between.append((receiver, self.letter(sender, receiver, name)))

    def letter(self, sender: str, receiver: str, name: str) -> Letter:
        _, event = self.partitions[sender].moves[name]
        user = event.from_user_id
        if user == unwanted(receiver):  # it goes back to whoever sent it
            original = name.removeprefix(f"back {receiver}: ")
            user = self.partitions[receiver].moves[original][1].from_user_id
        return Letter(sender, name, event.amount_cents, user)

    def deliver(self) -> None:
        if not self.between:
            return
        at = self.chance.randrange(len(self.between))
        goal, letter = self.between[at]
        if self.chance.random() < 0.8:  # else it will come once more
            del self.between[at]
        if self.faults.forgets_names:
            letter = attrs.evolve(letter, name=f"{letter.name} {self.steps}")
        if self.faults.refuses_in_vain and letter.user_id not in self.partitions[goal].exchange.accounts:
            self.partitions[letter.sender].move(
                to(goal), letter.user_id, letter.amount, IN_VAIN + letter.name, ReferenceType.MM_VENUE_IN
            )
            return
        self.partitions[goal].receive(letter)

    # What must be so

    def check(self) -> None:
        """At every moment: nothing came that was not sent for good, and each pair's accounts add up."""
        for sender, receiver in WAYS:
            source, goal = self.partitions[sender], self.partitions[receiver]
            if not goal.received(sender, len(goal.rows)) <= source.sent(receiver, source.durable):
                raise WrongError(f"{receiver} received from {sender} what was never sent")
        for one, other in combinations(self.partitions.values(), 2):
            self.check_pair(one, other)

    def check_pair(self, one: Partition, other: Partition) -> None:
        held = one.available(to(other.name)) + other.available(to(one.name))
        paid_in = FLOAT * (one.filled[other.name] + other.filled[one.name])
        under_way = sum(
            source.moves[name][1].amount_cents
            for source, goal in ((one, other), (other, one))
            for name in source.gone[goal.name].keys() - goal.come[source.name].keys()
            if IN_VAIN + name not in source.moves
        )
        if held != paid_in + under_way:
            raise WrongError(
                f"{one.name} and {other.name} hold {held}, not {paid_in} and {under_way} under way"
            )

    def come_to_rest(self) -> None:
        """Nobody asks for more, everything arrives; operators fill what is empty."""
        for _ in range(50):
            for partition in self.partitions.values():
                partition.send_back()
                partition.commit()
            self.between.clear()
            for _ in range(3 * len(WAYS)):
                self.fetch()
            if not self.between and not self.is_under_way():
                break
            for sender, receiver in WAYS:
                if self.partitions[sender].available(to(receiver)) < FLOAT:
                    self.partitions[sender].fill(receiver)
            for goal, letter in self.between:
                self.partitions[goal].receive(letter)
            self.check()
        else:
            raise WrongError("something is under way for ever")
        for sender, receiver, name in self.promised:
            if name not in self.partitions[receiver].received(sender, self.partitions[receiver].durable):
                raise WrongError(f"{name} was promised from {sender} to {receiver} and did not come")
        for partition in self.partitions.values():
            if partition.exchange.audit():
                raise WrongError(f"{partition.name} does not add up in itself")

    def is_under_way(self) -> bool:
        return any(
            self.partitions[sender].gone[receiver].keys()
            - self.partitions[receiver].received(sender, self.partitions[receiver].durable)
            for sender, receiver in WAYS
        )
