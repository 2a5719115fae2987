"""Model and kernel, given the same commands one after the other, and held to the same outcome."""

import copy
from collections import Counter

from kernel.answers import Outcome, Refusal, Unfinished
from kernel.commands import AnyCommand, CloseMarket, ForgetKeys, ForgetOrders, ForgetPositions
from kernel.events import Fact, event_type
from kernel.exchange import Exchange
from kernel.history import History
from kernel.life import OVER
from tests.kernel.comparison import (
    Journal,
    compare_fact,
    compare_states,
    plain_answer,
    same,
    through_the_journal,
)
from tests.kernel.occurrences import occurrences
from tests.kernel.recalling import Archive
from tests.kernel.reference.model import Model
from tests.kernel.reference.records import Fact as ModelFact

RESTORE_EVERY = 5
"""Commands between two restorations: each costs as much as all other comparisons together."""


class SideBySide:
    """One exchange, its model, and a replica that sees nothing but the journal."""

    def __init__(self, seen: Counter[str]) -> None:
        self.exchange = Exchange()
        self.replica = Exchange()
        self.model = Model()
        self.journal = Journal()
        self.history = History()
        self.digest = self.exchange.digest()
        self.archive = Archive()
        self.forgets = 0
        """How many closed orders leave its memory after each command, at most, and how many keys."""
        self.commands: list[AnyCommand] = []
        """What was done, from the start."""
        self.steps = 0
        self.seen = seen
        """What has come up so far, over all runs."""

    def copy(self) -> "SideBySide":
        """The same situation once more; what is done to the one does not reach the other."""
        other = SideBySide(self.seen)
        other.exchange = Exchange.restore(self.exchange.snapshot())
        other.replica = Exchange.restore(self.replica.snapshot())
        other.model, other.journal, other.history = copy.deepcopy((self.model, self.journal, self.history))
        other.archive = copy.deepcopy(self.archive)
        other.forgets = self.forgets
        other.digest = self.digest
        other.commands = list(self.commands)
        return other

    @property
    def portion(self) -> int:
        return self.exchange.portion

    @portion.setter
    def portion(self, portion: int) -> None:
        """How many orders or holders of an ending market one step may take."""
        self.exchange.portion = self.model.world.portion = portion

    def do(self, command: AnyCommand) -> Outcome:
        """Decide it twice, and have something forgotten then, if that is how this one is."""
        outcome = self.decide(command)
        if self.forgets:
            before = self.exchange.now + 1
            self.decide(ForgetOrders(at=command.at, before=before, most=self.forgets))
            if self.exchange.keys.leaving:
                self.decide(ForgetKeys(at=command.at, before=before, most=self.forgets))
            for market in list(self.exchange.markets.values()):
                if market.status in OVER and market.positions:
                    self.decide(
                        ForgetPositions(at=command.at, market_id=market.id, before=before, most=self.forgets)
                    )
        return outcome

    def decide(self, command: AnyCommand) -> Outcome:
        """By both; every difference stops the test."""
        self.seen["commands"] += 1
        self.commands.append(command)
        world = self.model.world
        first, trades = len(world.facts), len(world.trades)
        expected = self.model.execute(command)
        asked = self.archive.asked
        outcome = self.to_the_end(command, self.archive.execute(self.exchange, command))
        self.seen["answer AskThePast"] += self.archive.asked - asked
        same(plain_answer(outcome.answer), expected, type(command).__name__)
        same(len(outcome.facts), len(world.facts) - first, "number of facts")
        for fact, model_fact in zip(outcome.facts, world.facts[first:], strict=True):
            compare_fact(fact, model_fact)
            self.journal.add(fact)
        same((outcome.seen, self.exchange.head), (len(world.facts), len(world.facts)), "newest fact")
        assert self.replica.digest() == self.exchange.digest()
        same(self.journal.entries, world.entries, "ledger")
        same(self.journal.trades, world.trades, "trades")
        compare_states(self.exchange, world, self.archive)
        assert self.exchange.audit(self.history) == []
        self.check_copies(outcome)
        self.note(command, outcome, trades)
        return outcome

    def to_the_end(self, command: AnyCommand, outcome: Outcome) -> Outcome:
        """What goes on in portions, the model does at once: they are compared after the last.

        Between two portions the exchange is as sound as ever, and a restart there goes on like no restart.
        """
        facts = [*outcome.facts]
        self.note_facts(outcome.facts)
        while isinstance(outcome.answer, Unfinished):
            self.seen["answer Unfinished"] += 1
            assert self.replica.digest() == self.exchange.digest()
            assert self.exchange.audit(self.history) == []
            then = outcome.answer.then
            stage = then.stage.value if isinstance(then, CloseMarket) else type(then).__name__
            self.seen[f"midway in {stage}"] += 1
            # Only after a portion that did something: a look that is restarted begins again, for ever.
            if outcome.facts and self.exchange.head % RESTORE_EVERY == 0:
                self.go_on_restored()
                if isinstance(then, CloseMarket):
                    # Who begins again answers nobody, and need not know; here somebody compares.
                    basis = then.void_basis
                    then = CloseMarket(at=self.exchange.now, market_id=then.market_id, void_basis=basis)
            outcome = self.archive.execute(self.exchange, then)
            facts += outcome.facts
            self.note_facts(outcome.facts)
        return Outcome(outcome.answer, facts, outcome.seen)

    def note_facts(self, facts: list[Fact]) -> None:
        for fact in facts:
            self.history.add(fact)
            self.replica.apply(through_the_journal(fact))

    def check_copies(self, outcome: Outcome) -> None:
        """Whoever read the journal, or the snapshot, has the same state; who was refused changed nothing."""
        before, self.digest = self.digest, self.exchange.digest()
        if not outcome.facts:
            assert self.digest == before
        assert self.replica.digest() == self.digest
        self.steps += 1
        if self.steps % RESTORE_EVERY == 0:
            assert Exchange.restore(self.exchange.snapshot()).digest() == self.digest

    def go_on_restored(self) -> None:
        """From here on the exchange is the one that its own snapshot gives."""
        portion = self.portion
        self.exchange = Exchange.restore(self.exchange.snapshot())
        self.portion = portion
        self.seen["restored"] += 1

    def note(self, command: AnyCommand, outcome: Outcome, trades: int) -> None:
        """Count what came up, by names that the coverage test knows."""
        asked = type(command).__name__
        self.seen[f"asked {asked}"] += 1
        answer = outcome.answer
        if isinstance(answer, Refusal):
            self.seen[f"code {answer.code.value}"] += 1
            self.seen[f"{asked} refused with {answer.code.value}"] += 1
        else:
            self.seen[f"answer {type(answer).__name__}"] += 1
            if getattr(answer, "repeated", False):
                self.seen[f"repeated {type(answer).__name__}"] += 1
        for fact in outcome.facts:
            self.seen[f"event {event_type(fact.event)}"] += 1
        facts = self.model.world.facts
        came_up = facts[len(facts) - len(outcome.facts) :]
        self.seen.update(occurrences(command, answer, came_up, self.model.world))
        self.note_money(asked, came_up, trades)

    def note_money(self, asked: str, facts: list[ModelFact], trades: int) -> None:
        world = self.model.world
        for trade in world.trades[trades:]:
            kind = "itself" if trade.buy_user_id == trade.sell_user_id else "another"
            self.seen[f"trade {trade.scenario} with {kind}"] += 1
        previous = ""
        for model_fact in facts:
            kind = model_fact.event_type
            if kind == "NETTING_EXECUTED":
                self.seen[f"netting by {asked} after {previous}"] += 1
            else:
                previous = kind
            if kind in ("ORDER_CANCELLED", "ORDER_EXPIRED"):
                reason = model_fact.fields.get("cancel_reason", "IOC_UNFILLED")
                self.seen[f"cancelled {reason}"] += 1
            if kind == "POSITION_SETTLED" and model_fact.fields["payout_cents"]:
                self.seen[f"paid out {model_fact.fields['resolution_result']}"] += 1
            if kind == "MARKET_STATUS_CHANGED":
                self.seen[f"{model_fact.fields['previous_status']} -> {model_fact.fields['new_status']}"] += 1
