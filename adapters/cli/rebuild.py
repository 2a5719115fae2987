"""`verdict rebuild`, and what it shares with other commands that work on a database without serving it."""

import contextlib
import functools
import os
from collections.abc import Awaitable, Callable, Iterator

import click
import trio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.access.keys import PRIVATE
from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import load_settings
from persistence import DatabaseUnusableError
from persistence.postgres import database, embedded
from persistence.postgres.database import ConnectionLostError, Database, NoRoomError
from persistence.postgres.migrate import migrate
from persistence.tools.rebuild import rebuild as rebuild_tables

Work = Callable[[Database], Awaitable[None]]


@click.command()
def rebuild() -> None:
    """Empty the tables that follow from the journal, and fill them again."""

    async def work(db: Database) -> None:
        with bar("rebuilding the tables") as progress:
            facts = await rebuild_tables(db, progress)
        click.echo(f"rebuilt the tables from {facts:,} events")

    on_database(work)


def on_database(work: Work, *, make: bool = False) -> None:
    """Do some work on the configured database, or on the embedded one, even while a server uses it.

    If the database holds no exchange, that is an error unless `make` is given.
    """
    start_logging(LogLevel.WARNING)
    os.umask(PRIVATE)
    try:
        trio.run(functools.partial(_work_on_database, work, make=make))
    except* (DatabaseUnusableError, NoRoomError) as group:
        raise CommandError("\n".join(str(trouble) for trouble in leaves(group))) from group
    except* ConnectionLostError as group:
        (first, *_) = leaves(group)
        raise CommandError(f"the database went away ({first}): try again") from group


async def _work_on_database(work: Work, *, make: bool) -> None:
    settings = load_settings(os.environ)
    async with contextlib.AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            if not make and not embedded.cluster_of(settings.data).exists():
                raise CommandError(
                    f"there is no exchange in {settings.data}: `verdict serve` makes one, "
                    "and VERDICT_DATA or DATABASE_URL name another"
                )
            url = await stack.enter_async_context(embedded.running(settings.data))
        db = await stack.enter_async_context(database.opened(url))
        connection = await db.connect()
        if not make and not await connection.fetch_value("SELECT to_regclass('schema_version') IS NOT NULL"):
            raise CommandError("the database holds no exchange yet: `verdict serve` makes one")
        await migrate(connection)
        await connection.close()
        await work(db)


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, for as long as the body runs; elsewhere nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
