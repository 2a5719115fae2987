"""The descriptions of the tables and the database say the same, each in its own words."""

import re
from typing import Any

import pytest

from adapters.wire import admin_responses, responses
from persistence.postgres.columns import NAME, TIME, Column, Table, packer
from persistence.postgres.database import Connection
from persistence.tables.columns import CIRCUIT_BREAKER_EVENTS, LEDGER_ENTRIES, MARKET_ACTIVITY, ORDERS, TABLES
from persistence.tables.projector import MAKE_MONTH

CALLED = {"timestamp with time zone": "timestamptz"}
SHAPES = {
    responses.OrderShape: ORDERS,
    responses.ActivityShape: MARKET_ACTIVITY,
    responses.LedgerEntryShape: LEDGER_ENTRIES,
    admin_responses.BreakerShape: CIRCUIT_BREAKER_EVENTS,
}
"""What is shown as it stands in a table."""


async def stored(connection: Connection, table: str) -> dict[str, tuple[str, int | None, bool]]:
    """A table's columns in their order: type, greatest number of characters, and whether it may be null."""
    rows = await connection.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) AS kind, attnotnull FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    columns = {}
    for row in rows:
        varying = re.fullmatch(r"character varying\((\d+)\)", row["kind"])
        kind = "text" if varying else CALLED.get(row["kind"], row["kind"])
        columns[row["attname"]] = kind, int(varying[1]) if varying else None, not row["attnotnull"]
    return columns


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
async def test_a_table_is_described_as_the_database_has_it(connection: Connection, table: Table) -> None:
    there = await stored(connection, table.name)
    assert [column.name for column in table.columns] == list(there)
    for column in table.columns:
        kind, characters, nullable = there[column.name]
        assert (column.kind.sql, column.nullable) == (kind, nullable), column.name
        # Names are our own and checked by rules of the schema; what is somebody's words must be cut to fit.
        if column.kind is not NAME and column.name not in OUR_OWN_WORDS:
            assert column.kind.characters == characters, column.name


OUR_OWN_WORDS = {"trade_id", "description"}
"""Texts that the exchange makes itself, of a bounded length where the column has one."""


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
async def test_what_names_a_row_and_what_sorts_a_page_are_indexed_columns(
    connection: Connection, table: Table
) -> None:
    names = {column.name for column in table.columns}
    assert names.issuperset(table.key)
    await connection.execute(MAKE_MONTH, 0)
    unique = await connection.fetch(
        "SELECT ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid"
        " AND attnum = ANY(indkey)) AS key FROM pg_index"
        " WHERE indisunique AND $1::text::regclass IN"
        " (indrelid, (SELECT inhparent FROM pg_inherits WHERE inhrelid = indrelid))",
        table.name,
    )
    assert set(table.key) in [set(row["key"]) for row in unique]
    if any(table.newest):
        assert names.issuperset(table.newest)
        assert {table.newest[1]} in [set(row["key"]) for row in unique]


@pytest.mark.parametrize(("shape", "table"), SHAPES.items(), ids=lambda value: getattr(value, "name", ""))
def test_what_is_shown_of_a_row_is_what_its_description_tells(
    shape: type[responses.Shape], table: Table
) -> None:
    """No member without its column, and no column is read for nothing."""
    told = {column.public for column in table.columns if column.public is not None}
    members = set(shape.__struct_fields__)
    displays = {member for member in members if member.endswith("_display")}
    assert members - displays == told
    assert {display.replace("_display", "_cents") for display in displays} <= told


async def test_a_packed_row_is_the_row(connection: Connection) -> None:
    """Each kind of column through COPY and back, with and without a value where there may be none."""
    await connection.execute("CREATE TEMP TABLE every (LIKE orders); ALTER TABLE every ADD at TIMESTAMPTZ")
    orders = [column for column in ORDERS.columns if column.name != "created_at"]
    columns = (*orders, Column("created_at", TIME), Column("at", TIME))
    values: dict[str, Any] = dict.fromkeys((column.name for column in columns), 7)
    values |= {column.name: "BUY" for column in columns if column.kind.sql == "text"}
    values |= {"id": "00000000-0000-4000-a000-000000000007", "cancel_reason": None, "replaces_order_id": None}
    table = Table("every", ("id",), columns)
    (pack,) = table.packers()
    first, *rest = table.packers("user_id", "at")
    whole = pack(**values)
    parts = [part(**{name: values[name] for name in arguments(part)}) for part in (first, *rest)]
    assert b"".join(parts) == whole
    await table.copy(connection, [whole, *parts])
    rows = await connection.fetch(
        "SELECT *, extract(epoch FROM at) * 1000000 = 7 AS is_seven FROM every WHERE original_price = 7"
    )
    assert len(rows) == 2
    assert rows[0] == rows[1]
    assert rows[0]["is_seven"]
    assert str(rows[0]["id"]) == values["id"]
    assert (rows[0]["cancel_reason"], rows[0]["replaces_order_id"]) == (None, None)


def arguments(part: Any) -> tuple[str, ...]:
    code = part.__code__
    return tuple(code.co_varnames[: code.co_argcount])


def test_a_row_with_a_column_missing_or_misspelt_is_not_packed() -> None:
    pack = packer([Column("a", TIME), Column("b", NAME)], of=2)
    assert pack(a=0, b="x")
    with pytest.raises(TypeError, match="missing"):
        pack(a=0)
    with pytest.raises(TypeError, match="unexpected"):
        pack(a=0, b="x", c=1)
