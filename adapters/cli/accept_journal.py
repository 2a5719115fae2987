"""`verdict accept-journal`: an operator confirms that the exchange is to go on from an older journal."""

import getpass
import os

import click
import trio

from adapters.cli.first_start import seal_key
from adapters.cli.rebuild import bar, on_database
from adapters.runtime.clock import Clock
from adapters.runtime.errors import CommandError
from adapters.runtime.settings import load_settings
from kernel.commands import AcceptJournal
from kernel.journal import JournalError
from kernel.limits import WORDS_MAX
from persistence.journal.seals import SealKey
from persistence.journal.witness_file import NAME, WitnessFile
from persistence.postgres.database import Database
from persistence.tools.acceptance import accept


@click.command(name="accept-journal")
@click.option(
    "--at", "last_id", type=click.IntRange(min=1), required=True, metavar="ID", help="Its last row."
)
@click.option("--reason", required=True, help="Why; it is journaled.")
def accept_journal(last_id: int, reason: str) -> None:
    """Go on from a restored journal although a witness tells of a longer or another one.

    What was acknowledged behind its last row is given up; the journal says so from then on.
    """
    if not 0 < len(reason) <= WORDS_MAX:
        raise CommandError(f"a reason has 1 to {WORDS_MAX} characters")

    async def work(db: Database) -> None:
        settings = load_settings(os.environ)
        key = SealKey(await seal_key(settings))
        witness = WitnessFile(settings.data / NAME)
        by = await trio.to_thread.run_sync(getpass.getuser)
        command = AcceptJournal(at=Clock().now(), last_id=last_id, reason=reason, witnesses=(), by=by)
        with bar("rebuilding the tables") as progress:
            told = await accept(db, key, witness, command, progress)
        for line in told:
            click.echo(f"given up: {line}")
        click.echo(f"the journal goes on behind row {last_id}; `verdict serve` starts it")

    try:
        on_database(work)
    except* JournalError as group:
        raise CommandError(str(group.exceptions[0])) from group


# Commands are found under their own names, and this one's is no word of Python.
globals()["accept-journal"] = accept_journal
