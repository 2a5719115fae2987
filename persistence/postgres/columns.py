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
    """What a column holds: the type that PostgreSQL has for it, and how a value is sent."""

    sql: str
    pack: Callable[[Any], bytes] | None = None
    """For COPY. None if values come packed already, or if there is a layout."""
    layout: str = ""
    """For COPY, if all values have the same size: the letter that `struct` has for it."""
    bind: Callable[[Any], Any] | None = None
    """For a parameter of a statement. None if the driver takes values as they are."""
    characters: int | None = None
    """Longer texts are cut."""


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
DATE: Final = Kind("date")
UUID: Final = Kind("uuid", pack=packing.uuid)
PACKED_UUID: Final = Kind("uuid")
"""Its values come packed, because several columns of a row share one."""
NAME: Final = Kind("text", pack=packing.name)
"""A market's id or a member of an enumeration: texts that recur all the time."""
ACCOUNT: Final = Kind(
    "text",
    pack=packing.id_text,
    bind=lru_cache(maxsize=1 << 16)(lambda value: storable_text(value, packing.ID)),
    characters=packing.ID,
)
WORDS: Final = Kind("text", pack=packing.text, bind=storable_text)
"""A text of any length."""
JSON: Final = Kind("jsonb", bind=lambda value: None if value is None else storable_json(value))

SIZES: Final = {"h": 2, "i": 4, "q": 8, "?": 1}


@attrs.frozen
class Column:
    name: str
    kind: Kind
    nullable: bool = False
    public: str | None = attrs.field()
    """The name that callers know it by, amounts with their unit. None if they are not shown it."""
    drawn: bool = False
    """PostgreSQL draws it at random; we never write it."""

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
    """The columns that pages are sorted by: a time, and a number that tells rows of one time apart."""

    @property
    def written(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if not column.drawn)

    @property
    def told(self) -> str:
        """The columns that callers are shown, as the list of a SELECT."""
        return ", ".join(column.told for column in self.columns if column.public is not None)

    async def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Add rows. All must have the same columns; the others get their defaults."""
        if rows:
            await self._execute(connection, insert(self, tuple(rows[0])), rows)

    async def upsert(
        self, connection: Connection, rows: Sequence[Row], *, once: tuple[str, ...] = (), **computed: str
    ) -> None:
        """Add rows, or change those that exist already, except for the columns in `once`.

        Of a row that exists a column can be computed by an SQL expression of the present row, which has the
        table's name, and of `excluded`, the new values.
        """
        if rows:
            statement = upsert(self, tuple(rows[0]), once, tuple(computed.items()))
            await self._execute(connection, statement, rows)

    async def update(
        self, connection: Connection, rows: Sequence[Row], *, null_keeps: bool = False, **computed: str
    ) -> None:
        """Change rows by their keys; with `null_keeps` a null changes nothing.

        A column can be computed by an SQL expression of the present row, which has the table's name, and of
        `now`, the new values.
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
        """Functions that pack a row: one for the whole, or one for each part, if parts start at some columns.

        The arguments of each are its columns, by name: so none can be forgotten or misspelt.
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
def upsert(
    table: Table, names: tuple[str, ...], once: tuple[str, ...], computed: tuple[tuple[str, str], ...]
) -> str:
    new = {name: f"excluded.{name}" for name in names if name not in (*table.key, *once)}
    changed = ", ".join(f"{name} = {value}" for name, value in (new | dict(computed)).items())
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
    """A function that packs these columns, after a header if they begin a row `of` so many columns.

    It is generated as source and compiled, as `attrs` does with `__init__`: millions of rows go through it,
    and a loop over the columns takes 1.7 times as long.
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
        value = f"{name} - {packing.EPOCH_US}" if kind is TIME else name
        if kind.layout and not column.nullable:
            layout += f"i{kind.layout}"
            values += [str(SIZES[kind.layout]), value]
            continue
        pieces += flush()
        if kind.layout:
            known[f"pack_{name}"] = packing.int8
            assert kind in (BIGINT, TIME), f"{name}: nothing packs a {kind.sql} that may be null"
        elif kind.pack is not None:
            known[f"pack_{name}"] = kind.pack
        packed = f"pack_{name}({value})" if f"pack_{name}" in known else name
        pieces.append(f"null if {name} is None else {packed}" if column.nullable else packed)
    pieces += flush()
    arguments = ", ".join(column.name for column in columns)
    exec(f"def pack({arguments}):\n return b''.join(({', '.join(pieces)},))", known)  # noqa: S102 - our own words
    pack: Packer = known["pack"]
    return pack
