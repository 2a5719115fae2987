"""The guide to market-making orders tells every state, every control and every edge, and no other."""

import re
from itertools import groupby
from pathlib import Path

from kernel.making_commands import CampaignStatus, CampaignTerms
from kernel.making_edges import EDGES, MmActor, MmControl, MmEdge, MmState

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "market-making-orders.md").read_text()
NAMES = {
    MmActor.USER: "owner",
    MmActor.ADMIN: "administrator",
    MmActor.WORKER: "worker",
    MmActor.SYSTEM: "exchange",
    MmActor.MARKET: "market",
}


def row(edges: list[MmEdge]) -> str:
    """The steps of one number and one way, as the guide tells them."""
    first = edges[0]
    ways = []
    for edge in edges:
        who = ", ".join(NAMES[actor] for actor in MmActor if actor in edge.actors)
        ways.append(f"{edge.trigger} ({who}{': ' + edge.guard if edge.guard else ''})")
    start = first.start.value if first.start is not None else "(new)"
    return f"| {first.number} | {start} | {first.end.value} | {'; '.join(ways)} |"


def rows() -> list[str]:
    return [
        row(list(edges)) for _, edges in groupby(EDGES, key=lambda edge: (edge.number, edge.start, edge.end))
    ]


def test_every_edge_is_there_as_the_exchange_has_it() -> None:
    shown = [line for line in PAGE.splitlines() if re.match(r"\| \d+ \| ", line)]
    assert shown == rows()


def test_every_state_and_every_control_is_explained_once() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(explained) == sorted(
        [
            *(state.value for state in MmState),
            *(control.value.lower() for control in MmControl),
            "withdraw",
            *(status.value for status in CampaignStatus),
            *CampaignTerms.__struct_fields__,
        ]
    )
