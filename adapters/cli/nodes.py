"""`verdict nodes` and `verdict hand-over`: which processes serve an exchange, and another one is to lead."""

import os
from pathlib import Path
from typing import Final

import click
import trio

from adapters.link.asking import asked
from adapters.link.wire import Nodes
from adapters.runtime.errors import CommandError
from adapters.runtime.settings import load_settings

ANSWER_SECONDS: Final = 5.0
SUCCESSOR_SECONDS: Final = 30.0
LOOK_AGAIN: Final = 0.02


@click.command()
def nodes() -> None:
    """Show which processes serve this exchange on this machine, and how far each is."""
    found = trio.run(answer, load_settings(os.environ).data).nodes
    click.echo(f"{'process':>8}  {'role':<9}{'journal id':>12}{'behind':>9}")
    for one in found:
        click.echo(f"{one.pid:>8}  {one.role:<9}{one.head:>12}{one.behind:>9}")


@click.command("hand-over")
def hand_over() -> None:
    """Have another process lead; the one that led ends."""
    folder = load_settings(os.environ).data
    before, after, seconds = trio.run(handed_over, folder)
    click.echo(f"process {after} leads instead of {before}, after {seconds * 1e3:,.0f} ms")


async def answer(folder: Path, *, hand_over: bool = False) -> Nodes:
    said = None
    with trio.move_on_after(ANSWER_SECONDS) as waiting:
        said = await asked(folder, hand_over=hand_over)
    if said is None:
        what = "does not answer" if waiting.cancelled_caught else "is there"
        raise CommandError(
            f"no process that leads {what}, with the data folder {folder}: is VERDICT_DATA the same?"
        )
    if said.refusal:
        raise CommandError(said.refusal)
    return said


async def handed_over(folder: Path) -> tuple[int, int, float]:
    """Who led, who leads now, and after how many seconds."""
    begun = trio.current_time()
    before = (await answer(folder, hand_over=True)).nodes[0].pid
    with trio.move_on_after(SUCCESSOR_SECONDS):
        while True:
            said = await asked(folder)
            if said is not None and said.nodes[0].pid != before:
                return before, said.nodes[0].pid, trio.current_time() - begun
            await trio.sleep(LOOK_AGAIN)
    raise CommandError(f"process {before} was told to stop, and nobody else leads: look at the logs")


# A name with a hyphen is no identifier; it is looked up by the command's name.
globals()["hand-over"] = hand_over
