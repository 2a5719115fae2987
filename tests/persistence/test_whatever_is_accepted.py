"""Whatever the kernel accepts comes through the journal, tables, answers, the stream, and a rebuild."""

import json
import random
import typing
from collections.abc import Callable
from typing import Any, cast

import attrs
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from adapters.service.orders_told import OrdersTold
from adapters.service.server import Server
from adapters.stream.recall import OrdersRecalled
from adapters.wire import render, render_admin, render_rows
from adapters.wire.admin_responses import BreakerShape
from adapters.wire.responses import LedgerEntryShape
from adapters.wire.topics import topic_events
from kernel.answers import Outcome, Refusal, Unfinished
from kernel.bounds import free_form
from kernel.codes import CircuitBreakerTrigger
from kernel.commands import (
    AcceptJournal,
    AnyCommand,
    CancelByClientId,
    CloseMarket,
    CreateMarket,
    MarketTerms,
    OpenJournal,
    RaiseFence,
    TripBreaker,
)
from kernel.events import (
    AccountOpened,
    AnyEvent,
    CircuitBreakerTriggered,
    Fact,
    MarketCreated,
    encode_event,
)
from kernel.exchange import Exchange
from kernel.journal import Decided
from kernel.limits import LARGEST, SMALLEST
from kernel.orders import order_now
from persistence.postgres.database import Connection, Database
from persistence.postgres.storable import storable_json
from persistence.tables.columns import CIRCUIT_BREAKER_EVENTS, LEDGER_ENTRIES, ORDERS
from persistence.tables.history import History
from persistence.tables.projector import Projector
from persistence.tools.rebuild import rebuild
from persistence.tools.replay import Verification, frozen_view
from tests.kernel.making.desk import a_life
from tests.kernel.play.bounds import ODD
from tests.kernel.play.trading import Trading
from tests.kernel.rare_cases import walk
from tests.kernel.trading import NOON, busy_day
from tests.kernel.trading import Trading as Day
from tests.persistence.journaled import decided, file
from tests.persistence.test_projector import contents

IN_OTHER_COMMANDS = {CancelByClientId, CloseMarket}
"""Not in the walk; of what they bring, nothing is kept that the others do not bring as well."""


def variants(command: AnyCommand) -> typing.Iterator[AnyCommand]:
    """The command with each odd value in each of its members, one at a time."""
    for name in command.__struct_fields__:
        for value in ODD.get(name, ()):
            yield msgspec.structs.replace(command, **{name: value})
    if isinstance(command, CreateMarket):
        for number, name in enumerate(command.terms.__struct_fields__):
            for which, value in enumerate(ODD.get(name, ())):
                terms = msgspec.structs.replace(command.terms, **{name: value})
                yield msgspec.structs.replace(command, market_id=f"odd-{number}-{which}", terms=terms)


class Onward(Day):
    """A day in an exchange that there is already."""

    def __init__(self, exchange: Exchange, decide: Callable[[AnyCommand], Outcome]) -> None:
        self.exchange = exchange
        self.decide = decide
        self.now = exchange.now
        self.nonce = 0

    def do(self, command: AnyCommand) -> Outcome:
        return self.decide(command)


def play_oddly() -> tuple[Exchange, list[Decided]]:
    """A day with every kind of command in it, and then of each kind its odd variants, each in turn.

    Fences come last: one that is as high as can be leaves nothing to be done to its account.
    """
    play = Trading()
    walk(play, "YES")
    play.the_journal_is_accepted(0, "a backup")
    exchange = Exchange()
    exchange.parted = {}
    done: list[Decided] = []
    first: dict[type[Any], AnyCommand] = {}

    def decide(command: AnyCommand) -> Outcome:
        outcome = exchange.execute(command)
        done.append(Decided(command, "", outcome))
        if not isinstance(outcome.answer, Refusal):
            first.setdefault(type(command), command)
        return outcome

    def do(command: AnyCommand) -> bool:
        """Decide it, in portions if need be; says whether it was accepted."""
        if isinstance(command, AcceptJournal) and command.last_id not in ODD["last_id"]:
            command = msgspec.structs.replace(command, last_id=exchange.head)
        outcome = exchange.execute(command)
        done.append(Decided(command, "", outcome))
        if isinstance(outcome.answer, Unfinished):
            do(outcome.answer.then)
        return not isinstance(outcome.answer, Refusal)

    for command in play.both.commands:
        if do(command):
            first.setdefault(type(command), command)
    day = Onward(exchange, decide)
    day.open("mia", 100_000)
    day.create("Q")
    a_life(day, "mia", "Q")
    for command in sorted(first.values(), key=lambda command: isinstance(command, RaiseFence)):
        for odd in variants(command):
            do(odd)
    assert {*first} | IN_OTHER_COMMANDS == set(typing.get_args(AnyCommand)), (
        "a kind of command without a case"
    )
    return exchange, done


@attrs.frozen
class Past:
    """Of a server, what reads the past."""

    exchange: Exchange
    db: Database

    async def history_as_of(self, _: int) -> History:
        return History(self.db)


async def findings(db: Database) -> dict[str, list[str]]:
    """What `verdict replay --verify` finds."""
    async with frozen_view(db) as connection:
        verification = Verification(connection)
        await verification.run(lambda done, total: None)
    return {name: found.words for name, found in verification.findings.items() if found.words}


async def test_it_comes_through_everything(db: Database, connection: Connection) -> None:
    exchange, done = play_oddly()
    facts = [fact for one in done for fact in one.outcome.facts]
    await file(connection, done)
    assert await Projector(db).catch_up() == len(facts)
    assert await findings(db) == {}
    before = await contents(connection)
    assert await rebuild(db, lambda done, total: None) == len(facts)
    assert await contents(connection) == before
    events = [topic_events(fact, OrdersTold(exchange)) for fact in facts]
    assert exchange.parted
    exchange.parted = {}
    recalled = OrdersRecalled(cast("Server", Past(exchange, db)), OrdersTold(exchange))
    assert [topic_events(fact, await recalled.of(fact)) for fact in facts] == events
    told: list[Any] = [event.payload for each in events for event in each]
    for market in exchange.markets.values():
        told += [
            render_admin.admin_market(market),
            render_admin.stats(market, exchange.now),
            render.book(market, 99),
        ]
        told += [render.position(held) for held in market.positions.values()]
    told += [render.balance(account) for account in exchange.accounts.values()]
    told += [render.order(order_now(order)) for order in exchange.orders.values()]
    told.append(render_admin.amm_markets(exchange.markets.values()))
    for table, shaped in (
        (CIRCUIT_BREAKER_EVENTS, render_rows.shaped(BreakerShape)),
        (LEDGER_ENTRIES, render_rows.shaped(LedgerEntryShape)),
        (ORDERS, render_rows.order_row),
    ):
        rows = await connection.fetch(f"SELECT {table.told} FROM {table.name}")
        assert rows
        told += [shaped(dict(row)) for row in rows]
    for each in told:
        assert json.loads(msgspec.json.encode(each)) is not None
        assert msgspec.msgpack.encode(each)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts, inner, max_size=5)


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=9)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | numbers | texts
values = st.recursive(plain, lambda inner: st.lists(inner) | objects(inner))


@given(wished=objects(values))
def test_free_form_json_comes_out_of_the_journal_as_it_went_in_or_is_refused(wished: dict[str, Any]) -> None:
    exchange = Exchange()
    exchange.execute(OpenJournal(at=NOON))
    exchange.execute(CreateMarket(at=NOON, market_id="M", terms=MarketTerms(title="t"), by="root"))
    trip = TripBreaker(at=NOON, market_id="M", trigger=CircuitBreakerTrigger.MANUAL, context=wished)
    outcome = exchange.execute(trip)
    if not isinstance(outcome.answer, Refusal):
        payload = encode_event(outcome.facts[0].event)
        assert repr(msgspec.json.decode(payload)["context"]) == repr(wished)


async def test_every_fraction_that_is_accepted_comes_back_from_the_tables(connection: Connection) -> None:
    """The same double, and not an integer of the same size: from 1e-9 to 1e15, on both sides of 0."""
    chance = random.Random(9)
    fractions = [0.0, SMALLEST, LARGEST, *(10 ** chance.uniform(-9, 15) for _ in range(2_000))]
    fractions += [-fraction for fraction in fractions if fraction]
    assert all(free_form(fraction) is None for fraction in fractions)
    back = await connection.fetch_value("SELECT $1::JSONB", storable_json(fractions))
    assert repr(msgspec.json.decode(back)) == repr(fractions)


async def test_an_old_journal_is_shown_as_well_as_the_tables_can(
    db: Database, connection: Connection
) -> None:
    """Times of which UTC has no date, texts that are too long, numbers that JSONB writes as others."""
    day = busy_day()
    old = day.facts[-1].id
    terms = MarketTerms(title="t" * 600, trading_end_at=253_402_343_999_000_000, resolution_date=-(10**17))
    long = [f"{'x' * 80}{number}" for number in range(2)]
    events: list[tuple[str | None, AnyEvent]] = [
        ("OLD", MarketCreated(terms, True, "root")),
        *((None, AccountOpened(user_id, user_id, True)) for user_id in long),
        ("OLD", CircuitBreakerTriggered(9, CircuitBreakerTrigger.MANUAL, {"a": 1.797e308, "b": -0.0})),
    ]
    facts = [
        Fact(old + 1 + n, NOON + 10**12, market_id, event) for n, (market_id, event) in enumerate(events)
    ]
    await file(connection, decided([*day.facts, *facts]))
    assert await Projector(db).catch_up() == old + len(facts)
    assert await findings(db) == {}
    shown = await connection.fetch_row("SELECT * FROM markets WHERE id = 'OLD'")
    assert shown is not None
    assert (shown["trading_end_at"].year, shown["resolution_date"].year, len(shown["title"])) == (
        9999,
        1,
        500,
    )
    for fact in facts:
        day.exchange.apply(fact)
    told = render.market(day.exchange.markets["OLD"])
    assert (told.trading_end_at, told.resolution_date) == (
        "9999-12-31T23:59:59.000000Z",
        "0001-01-01T00:00:00.000000Z",
    )
