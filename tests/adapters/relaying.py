"""A relay as an operator starts it, a journal that grows, and what a reader of the topics must hear of it."""

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from adapters.wire.topics import topic_events
from bench.workload import Flow, opening
from kernel.exchange import Exchange
from kernel.journal import Decided
from tests.adapters.serving import ROOT

_numbers = itertools.count(1)


class Told(NamedTuple):
    topic: str
    market_id: str
    event_id: str
    payload: dict[str, Any]


class Trading:
    """A journal that grows, and what a reader of the topics must hear of it."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.flow = Flow()
        self.due: list[Told] = []

    def decide(self, commands: int) -> list[Decided]:
        wishes = [*([] if self.exchange.head else opening()), *self.flow.commands(commands)]
        decided = [Decided(wish, "", self.exchange.execute(wish)) for wish in wishes]
        for one in decided:
            for fact in one.outcome.facts:
                for event in topic_events(fact, self.exchange.orders):
                    payload = msgspec.to_builtins(event.payload)
                    self.due.append(Told(event.topic, payload["market_id"], payload["event_id"], payload))
        return decided


@contextlib.contextmanager
def relay(url: str, folder: Path, address: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    log = folder / f"relay-{next(_numbers)}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "relay", "topics", address, *options],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url, "VERDICT_DATA": str(folder / "data")},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def logs(folder: Path) -> str:
    return "".join(log.read_text() for log in folder.glob("relay-*.log"))


def refusal(folder: Path) -> str:
    """The one line with which a relay ended."""
    (told,) = [line for line in logs(folder).splitlines() if line.startswith("verdict: ")]
    return told
