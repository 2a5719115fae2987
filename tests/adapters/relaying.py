"""A relay as an operator starts it, a journal that grows, and what a reader of the topics must hear of it."""

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

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


@attrs.frozen
class RelayProcess:
    """`verdict relay topics`, with a port to look at."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def address(self) -> str:
        """Of its metrics; empty as long as it has not said it."""
        told = [line for line in self.log.read_text().splitlines() if line.startswith("metrics ")]
        return told[0].split()[1].removesuffix("/metrics") if told else ""

    def ready(self) -> tuple[int, dict[str, Any]]:
        if not self.address:
            return 0, {}
        answer = httpx.get(f"{self.address}/ready")
        return answer.status_code, answer.json()

    def metrics(self) -> dict[str, float]:
        page = httpx.get(f"{self.address}/metrics").text
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }


@contextlib.contextmanager
def relay(url: str, folder: Path, address: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    with watched(url, folder, address, *options) as started:
        yield started.process


@contextlib.contextmanager
def watched(url: str, folder: Path, address: str, *options: str) -> Iterator[RelayProcess]:
    log = folder / f"relay-{next(_numbers)}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "relay", "topics", address, *options],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")},
                "DATABASE_URL": url,
                "VERDICT_DATA": str(folder / "data"),
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield RelayProcess(process, log)
    finally:
        process.kill()
        process.wait()


def logs(folder: Path) -> str:
    return "".join(log.read_text() for log in folder.glob("relay-*.log"))


def refusal(folder: Path) -> str:
    """The one line with which a relay ended."""
    (told,) = [line for line in logs(folder).splitlines() if line.startswith("verdict: ")]
    return told
