"""Descriptions of tables, and what follows from one: the text of statements, and rows packed for COPY.

It knows no table. Names in the statements are those of our own descriptions; values go as parameters.
"""

# ruff: noqa: S608 - as the docstring says

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

import attrs

from persistence.postgres import packing
from persistence.postgres.database import Connection
from persistence.postgres.storable import storable_json, storable_text, storable_time

Row = Mapping[str, Any]
"""Values by column."""
Packer = Callable[..., bytes]
"""Packs the columns that it takes as arguments."""

HEADER: Final = "h"
"""What a packed row begins with: how many columns it has."""


@attrs.frozen
class Kind:
    """What a column holds: how PostgreSQL calls it, and how a value becomes one."""

    sql: str
    pack: Callable[[Any], bytes] | None = None
    """For COPY; none if values come packed, or have a layout."""
    layout: str = ""
    """Of a fixed size: its letter in `struct`."""
    bind: Callable[[Any], Any] | None = None
    """For a parameter of a statement; none if the driver takes the value as it is."""
    characters: int | None = None
    """Where longer texts are cut."""


def text(characters: int) -> Kind:
    """Somebody's words. What the kernel accepts fits; an old journal may hold more."""
    return Kind(
        "text",
        pack=packing.text_of(characters),
        bind=lambda value: storable_text(value, characters),
        characters=characters,
    )


SMALLINT: Final = Kind("smallint", layout="h")
INT: Final = Kind("integer", layout="i")
BIGINT: Final = Kind("bigint", layout="q")
BOOLEAN: Final = Kind("boolean", layout="?")
TIME: Final = Kind("timestamptz", layout="q", bind=storable_time)
UUID: Final = Kind("uuid", pack=packing.uuid)
PACKED_UUID: Final = Kind("uuid")
"""For COPY it comes packed: who has one for several columns packs it once."""
NAME: Final = Kind("text", pack=packing.name)
"""Of a market, or of an enumeration: texts of our own that come again and again."""
ACCOUNT: Final = Kind(
    "text",
    pack=packing.id_text,
    bind=lru_cache(maxsize=1 << 16)(lambda value: storable_text(value, packing.ID)),
    characters=packing.ID,
)
WORDS: Final = Kind("text", pack=packing.text, bind=storable_text)
"""A text of any length."""
JSON: Final = Kind("jsonb", bind=storable_json)

SIZES: Final = {"h": 2, "i": 4, "q": 8, "?": 1}


@attrs.frozen
class Column:
    name: str
    kind: Kind
    nullable: bool = False
    public: str | None = attrs.field()
    """How readers of the past see it, amounts with their unit; none if they do not."""
    drawn: bool = False
    """The database draws it at random; nobody ever writes it."""

    @public.default
    def _name(self) -> str:
        return self.name

    @property
    def told(self) -> str:
        """In the list of a SELECT."""
        value = f"{self.name}::text" if self.kind is JSON else self.name
        return value if value == self.public else f"{value} AS {self.public}"


@attrs.frozen(eq=False)
class Table:
    """A table's description."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    newest: tuple[str, str] = ("", "")
    """What a page of its past is sorted by: time, and number within a time."""

    @property
    def written(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if not column.drawn)

    @property
    def told(self) -> str:
        """What readers of the past are given."""
        return ", ".join(column.told for column in self.columns if column.public is not None)

    async def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Add rows, which all have the same columns; the database fills in the others."""
        if rows:
            await self._execute(connection, insert(self, tuple(rows[0])), rows)

    async def upsert(self, connection: Connection, rows: Sequence[Row], *, once: tuple[str, ...]) -> None:
        """Add rows, or change those that are there already; columns in `once` only a new row takes."""
        if rows:
            await self._execute(connection, upsert(self, tuple(rows[0]), once), rows)

    async def update(
        self, connection: Connection, rows: Sequence[Row], *, null_keeps: bool = False, **computed: str
    ) -> None:
        """Change rows; where `null_keeps`, a null leaves what was there.

        Some columns are computed, in SQL: from the table's row by its name, and from the new values, `now`.
        """
        if rows:
            statement = update(self, tuple(rows[0]), null_keeps, tuple(computed.items()))
            await self._execute(connection, statement, rows)

    async def copy(self, connection: Connection, rows: Sequence[bytes]) -> None:
        """Add rows that were packed, in pieces."""
        if rows:
            await connection.copy_in(self.name, self.written, packing.table(rows))

    async def _execute(self, connection: Connection, statement: str, rows: Sequence[Row]) -> None:
        arrays: list[list[Any]] = []
        for column in named(self, tuple(rows[0])):
            values, bind = map(itemgetter(column.name), rows), column.kind.bind
            arrays.append(list(values if bind is None else map(bind, values)))
        await connection.execute(statement, *arrays)

    def packers(self, *starts: str) -> tuple[Packer, ...]:
        """What packs a row in as many parts, of which each but the first begins with the column named.

        A part's arguments are its columns by name, so that none can be forgotten or misspelt.
        """
        written = [column for column in self.columns if not column.drawn]
        names = list(self.written)
        edges = [0, *map(names.index, starts), len(names)]
        return tuple(
            packer(written[first:last], of=len(written) if first == 0 else None)
            for first, last in pairwise(edges)
        )


def named(table: Table, names: Iterable[str]) -> list[Column]:
    by_name = {column.name: column for column in table.columns}
    return [by_name[name] for name in names]


def rows_of(columns: Sequence[Column]) -> str:
    arrays = ", ".join(f"${number}::{column.kind.sql}[]" for number, column in enumerate(columns, 1))
    return f"unnest({arrays}) AS now ({', '.join(column.name for column in columns)})"


@lru_cache(maxsize=64)
def insert(table: Table, names: tuple[str, ...]) -> str:
    listed = ", ".join(names)
    return f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {rows_of(named(table, names))}"


@lru_cache(maxsize=64)
def upsert(table: Table, names: tuple[str, ...], once: tuple[str, ...]) -> str:
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in (*table.key, *once))
    return f"{insert(table, names)} ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changed}"


@lru_cache(maxsize=64)
def update(
    table: Table, names: tuple[str, ...], null_keeps: bool, computed: tuple[tuple[str, str], ...]
) -> str:
    new = {
        name: f"COALESCE(now.{name}, {table.name}.{name})" if null_keeps else f"now.{name}"
        for name in names
        if name not in table.key
    }
    changed = ", ".join(f"{name} = {value}" for name, value in (new | dict(computed)).items())
    where = " AND ".join(f"{table.name}.{name} = now.{name}" for name in table.key)
    return f"UPDATE {table.name} SET {changed} FROM {rows_of(named(table, names))} WHERE {where}"


def packer(columns: Sequence[Column], *, of: int | None) -> Packer:
    """A function that packs these columns, ahead of them a row's header if it begins a row `of` so many.

    It is written out as source and compiled, as `attrs` does with `__init__`: millions of rows go through it,
    and a loop over the columns would take twice as long.
    """
    known: dict[str, Any] = {"null": packing.null}
    pieces: list[str] = []
    layout, values = ("", []) if of is None else (HEADER, [str(of)])

    def flush() -> Iterator[str]:
        nonlocal layout, values
        if layout:
            known[f"fixed_{len(pieces)}"] = packing.fixed(layout)
            yield f"fixed_{len(pieces)}({', '.join(values)})"
        layout, values = "", []

    for column in columns:
        name, kind = column.name, column.kind
        if kind.layout and not column.nullable:
            layout += f"i{kind.layout}"
            value = f"{name} - {packing.EPOCH_US}" if kind is TIME else name
            values += [str(SIZES[kind.layout]), value]
            continue
        pieces += flush()
        if kind.layout:
            known[f"pack_{name}"] = packing.int8
            assert kind is BIGINT, f"{name}: nothing packs a {kind.sql} that may be null"
        elif kind.pack is not None:
            known[f"pack_{name}"] = kind.pack
        packed = f"pack_{name}({name})" if f"pack_{name}" in known else name
        pieces.append(f"null if {name} is None else {packed}" if column.nullable else packed)
    pieces += flush()
    arguments = ", ".join(column.name for column in columns)
    exec(f"def pack({arguments}):\n return b''.join(({', '.join(pieces)},))", known)  # noqa: S102 - our own words
    pack: Packer = known["pack"]
    return pack
