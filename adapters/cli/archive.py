"""`verdict archive`: the journal's oldest rows leave the database, into files that verify by themselves."""

import os
from datetime import UTC
from pathlib import Path

import click

from adapters.access.keys import read_key
from adapters.cli.first_start import SEAL_FILE
from adapters.cli.rebuild import bar, on_database
from adapters.runtime.errors import CommandError
from adapters.runtime.settings import load_settings
from persistence.journal.archive import archived, end_of_archive
from persistence.journal.parts import parts
from persistence.journal.seals import SealKey
from persistence.postgres.database import Connection, Database
from persistence.tools.archiving import KEPT, Archiver, alone
from persistence.tools.retention import Retention


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the files are to be; without it, where they are by now.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=KEPT,
    metavar="ROWS",
    help=f"How many of the newest rows stay in the database at least; {KEPT:,} if it is not given.",
)
def archive(into: Path | None, keep: int) -> None:
    """Move the journal's oldest rows into compressed files. A server may be running.

    What two snapshots that verify need stays, and what the tables do not tell yet. A file is read back
    before its rows leave the database. Killed at any moment, it goes on when it is called again.

    With VERDICT_HISTORY_MONTHS, months of trades and of the ledger that are older leave the tables, once
    the archive has them.
    """
    months = load_settings(os.environ).history_months

    async def work(db: Database) -> None:
        async with alone(db) as connection:
            folder = await folder_of(connection, into)
            before = await end_of_archive(connection)
            with bar("archiving the journal") as progress:
                archiver = Archiver(connection, own_key(), folder, keep, click.echo, progress)
                end = await archiver.run()
            (oldest, *_) = await parts(connection)
            moved = f"moved rows {before + 1:,} to {end:,}" if end > before else "nothing can be moved now"
            click.echo(f"{moved}; in the database the journal begins with row {oldest.first:,}")
            if months:
                since = await Retention(connection, months, archiver.check_times, click.echo).run()
                begin = "are complete" if since is None else f"begin at {since.astimezone(UTC):%Y-%m-%d}"
                click.echo(f"trades and the ledger {begin}")

    try:
        on_database(work)
    except OSError as error:
        raise CommandError(f"cannot write {error.filename or into}: {error.strerror}") from error


async def folder_of(connection: Connection, into: Path | None) -> Path:
    if into is None:
        files = await archived(connection)
        if not files:
            raise CommandError("there is no archive yet: name a folder for it with --into")
        return Path(files[-1].folder)
    folder = into.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def own_key() -> SealKey:
    settings = load_settings(os.environ)
    secret = settings.seal_key or read_key(settings.data / SEAL_FILE)
    if secret is None:
        raise CommandError(
            f"there is no key to seal the files with: {settings.data / SEAL_FILE} is made by the first start"
        )
    return SealKey(secret)
