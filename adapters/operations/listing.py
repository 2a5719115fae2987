"""Pages of a table's rows: whose they are, which of them are asked for, newest first."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import UNSET

from adapters.access.rate_limits import Bucket
from adapters.operations.lookups import find_market
from adapters.operations.operation import Call, Caller, Keys, Reply, Route, get
from adapters.service.server import History, Server
from adapters.wire.paging import HistoryPage, Page, PageQuery, bad_cursor, cursor_at, page, read_number
from adapters.wire.render_rows import row_time, shaped
from adapters.wire.requests import EmptyBody
from adapters.wire.responses import Shape
from adapters.wire.scopes import Scope
from adapters.wire.status import AnyCode

T = TypeVar("T")

Whose = Callable[[Server, Call[Any, Any]], Mapping[str, str]]
"""The columns by which a row is one of the caller's, or of the market in the path, and their values."""
Filters = Callable[[Any], Mapping[str, Any]]
"""The columns that a query asks for, and what they may hold; None where it does not care."""


def of_caller(_: Server, call: Call[Any, Any]) -> Mapping[str, str]:
    return {"user_id": call.user.user_id}


def of_market(server: Server, call: Call[Any, Any]) -> Mapping[str, str]:
    return {"market_id": find_market(server, call).id}


def listing(
    path: str,
    name: str,
    summary: str,
    caller: Caller,
    bucket: Bucket,
    row: type[Shape],
    table: str,
    whose: Whose,
    *codes: AnyCode,
    scope: Scope | Keys = Keys.NONE,
    query: type[PageQuery] = PageQuery,
    filters: Filters = lambda _query: {},
    leaves: bool = False,
) -> Route[EmptyBody, Any, Any]:
    """A route that shows rows as they are: each member of the answer is the column of its name.

    Rows that leave the table in the end are told as such.
    """
    render = shaped(row)

    async def show(server: Server, call: Call[EmptyBody, Any]) -> Reply[Any]:
        asked = call.query
        rows_of, wanted, before = whose(server, call), filters(asked), read_number(asked.cursor)
        history = await server.history_as_of(call.durable)
        rows = await history.newest(table, rows_of, wanted, before=before, limit=asked.limit + 1)
        if rows is None:
            raise bad_cursor()
        data = page(rows, asked.limit, render, lambda found: cursor_at(str(found["id"])))
        return Reply(await whole(history, data) if leaves else data, journal_id=call.durable)

    show.__name__, show.__doc__ = name, summary
    pages: Any = HistoryPage if leaves else Page
    return get(path, show, caller, bucket, pages[row], query, *codes, scope=scope)


async def whole(history: History, found: Page[T]) -> HistoryPage[T]:
    """A page of what leaves the tables in the end; if something has, the last page says so."""
    since = None if found.has_more else await history.complete_since()
    told = UNSET if since is None else row_time(since)
    return HistoryPage(found.items, found.next_cursor, found.has_more, told)
