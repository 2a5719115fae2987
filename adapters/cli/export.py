"""`verdict export` and `verdict import`: the journal as a file that verifies by itself, and back."""

from pathlib import Path

import click

from adapters.cli.rebuild import bar, on_database
from adapters.runtime.errors import CommandError
from persistence.postgres.database import Database
from persistence.tools.exclusive_access import at_rest
from persistence.tools.portable import PortableError, export_journal, import_journal
from persistence.tools.replay import frozen_view

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@FILE
def export(file: Path) -> None:
    """Write the journal to FILE, which verifies by itself. A server may be running."""
    if file.exists():
        raise CommandError(f"{file} exists: choose another name, or remove it first")

    async def work(db: Database) -> None:
        async with frozen_view(db) as connection:
            with bar("exporting the journal") as progress:
                events = await export_journal(connection, file, progress)
        click.echo(f"exported {events:,} events to {file}")

    try:
        on_database(work)
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from error


@click.command(name="import")
@FILE
def import_(file: Path) -> None:
    """Fill an empty journal from FILE, after it has verified: all of it, or nothing."""

    async def work(db: Database) -> None:
        async with at_rest(db) as connection:
            with bar("importing the journal") as progress:
                try:
                    events = await import_journal(connection, file, progress)
                except PortableError as error:
                    raise CommandError(f"{file}: {error}; nothing was imported") from error
        click.echo(f"imported {events:,} events; the server fills the tables when it starts")

    try:
        on_database(work, make=True)
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from error


# Commands are found under their own names, and this one's is a word that Python keeps for itself.
globals()["import"] = import_
