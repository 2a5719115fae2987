"""An order's terms are one value: whatever an order gets to have one day, nobody forgets it on the way.

The tests take the members of `OrderTerms` as they find them, and vary each.
"""

from typing import Any

import msgspec
import pytest

from kernel.answers import Placed, Refusal, Replaced
from kernel.codes import AMM_ID, Code, Direction, Side, TimeInForce
from kernel.commands import AnyCommand, OrderTerms, PlaceOrder, ReplaceOrder, SetGroup, Tick
from kernel.events import Fact, decode_event, encode_event
from kernel.exchange import Exchange
from kernel.filing import filed, unfiled
from tests.kernel.members import others
from tests.kernel.trading import NOON, Trading

TERMS = OrderTerms(Side.YES, Direction.BUY, 40, 5)
VARIED = list(others(TERMS))
TAKEN_IN = [terms for terms in VARIED if terms.time_in_force is not TimeInForce.FOK]
"""All or nothing is refused where there is nobody."""


def place(terms: OrderTerms, name: str = "one") -> PlaceOrder:
    return PlaceOrder(
        at=NOON, user_id=AMM_ID, client_order_id=name, market_id="M", terms=terms, nonce=7, fence=None
    )


def replacing(terms: OrderTerms, old_order_id: str) -> ReplaceOrder:
    return ReplaceOrder(
        at=NOON,
        user_id=AMM_ID,
        client_order_id="new",
        market_id="M",
        terms=terms,
        nonce=8,
        old_order_id=old_order_id,
    )


@pytest.fixture
def exchange() -> Exchange:
    """The market maker may replace, and has shares of either side to sell."""
    market = Trading(AMM=1_000_000)
    market.play("AMM mints 100")
    group: dict[str, Any] = {"user_id": AMM_ID, "market_id": "M", "group_id": "g"}
    market.do(SetGroup(at=market.now, **group, max_fill_quantity=100, window_ms=1_000))
    return market.exchange


@pytest.mark.parametrize("terms", VARIED)
def test_the_same_name_with_other_terms_is_another_request(exchange: Exchange, terms: OrderTerms) -> None:
    first = exchange.execute(place(TERMS)).answer
    assert isinstance(first, Placed)
    again = exchange.execute(place(TERMS)).answer
    assert isinstance(again, Placed)
    assert again.repeated
    answer = exchange.execute(place(terms)).answer
    assert isinstance(answer, Refusal)
    assert answer.code is Code.CLIENT_ORDER_ID_USED


@pytest.mark.parametrize("terms", VARIED)
def test_a_replacement_asked_for_again_with_other_terms_is_another(
    exchange: Exchange, terms: OrderTerms
) -> None:
    old = exchange.execute(place(TERMS)).answer
    assert isinstance(old, Placed)
    command = replacing(TERMS, old.order.order.id)
    assert isinstance(exchange.execute(command).answer, Replaced)
    again = exchange.execute(command).answer
    assert isinstance(again, Replaced)
    assert again.repeated
    answer = exchange.execute(msgspec.structs.replace(command, terms=terms)).answer
    assert isinstance(answer, Refusal)
    assert answer.code is Code.CLIENT_ORDER_ID_USED


@pytest.mark.parametrize("terms", [TERMS, *TAKEN_IN])
def test_an_order_has_the_terms_it_was_asked_for_whoever_tells(exchange: Exchange, terms: OrderTerms) -> None:
    """The order placed and the one that replaces another; the same after replay, and after a snapshot."""
    replica = Exchange.restore(exchange.snapshot())
    placed = exchange.execute(place(TERMS))
    assert isinstance(placed.answer, Placed)
    replaced = exchange.execute(replacing(terms, placed.answer.order.order.id))
    assert isinstance(replaced.answer, Replaced)
    wanted = exchange.execute(place(terms, "two"))
    assert isinstance(wanted.answer, Placed)
    for fact in (*placed.facts, *replaced.facts, *wanted.facts):
        replica.apply(Fact(fact.id, fact.at, fact.market_id, decode_event(encode_event(fact.event))))
    for now in (replaced.answer.new, wanted.answer.order):
        order = now.order
        assert order.terms is terms, "the order holds the very value that the command brought"
        assert replica.orders[order.id].terms == terms
        assert Exchange.restore(exchange.snapshot()).orders[order.id].terms == terms
    assert replica.digest() == exchange.digest()


FILED = [
    b"""{"command":"PLACE_ORDER","at":5,"user_id":"ann","client_order_id":"x","market_id":"M","side":"NO",\
"direction":"SELL","price":40,"quantity":5,"time_in_force":"IOC","nonce":9,"fence":2}""",
    b"""{"command":"REPLACE_ORDER","at":5,"user_id":"ann","client_order_id":"x","market_id":"M","side":"YES",\
"direction":"BUY","price":40,"quantity":5,"nonce":9,"old_order_id":"o"}""",
]
"""As the journal has had them since the first."""
COMMANDS: list[AnyCommand] = [
    PlaceOrder(
        at=5,
        user_id="ann",
        client_order_id="x",
        market_id="M",
        terms=OrderTerms(Side.NO, Direction.SELL, 40, 5, TimeInForce.IOC),
        nonce=9,
        fence=2,
    ),
    ReplaceOrder(
        at=5,
        user_id="ann",
        client_order_id="x",
        market_id="M",
        terms=OrderTerms(Side.YES, Direction.BUY, 40, 5),
        nonce=9,
        old_order_id="o",
    ),
]


@pytest.mark.parametrize(("written", "command"), list(zip(FILED, COMMANDS, strict=True)))
def test_the_journal_keeps_the_terms_unfolded(written: bytes, command: AnyCommand) -> None:
    assert msgspec.json.encode(filed(command)) == written
    assert unfiled(msgspec.json.decode(written)) == command


@pytest.mark.parametrize("terms", [TERMS, *TAKEN_IN])
def test_whatever_is_filed_comes_back(terms: OrderTerms) -> None:
    for command in (place(terms), replacing(terms, "o"), Tick(at=NOON, market_id="M")):
        assert unfiled(msgspec.json.decode(msgspec.json.encode(filed(command)))) == command
