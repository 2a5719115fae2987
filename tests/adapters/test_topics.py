"""What facts mean on the topics: the published table, row by row, with its ids and its order."""

from typing import Any

import msgspec

from adapters.service.orders_told import OrdersTold
from adapters.wire.topics import Topic, TopicEvent, owners_of, topic_events
from kernel.codes import AMM_ID, Direction, Side, TimeInForce, TradingMode
from kernel.commands import AmendOrder, AnyCommand, CancelOrder, Deposit, ResolveMarket, SetMarketMode, Tick
from kernel.events import Fact
from kernel.exchange import Exchange
from tests.adapters.streaming import ANN, AT, BEN, ROOT, a_place, founding
from tests.kernel.trading import busy_day

SELL = Direction.SELL


class Stage:
    """An exchange, and what its newest command meant."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        for command in founding("M"):
            self.exchange.execute(command)

    def play(self, command: AnyCommand) -> list[dict[str, Any]]:
        """The events of one command, each with its topic and owners."""
        return [
            {
                "topic": event.topic,
                "owners": event.owners,
                **msgspec.json.decode(msgspec.json.encode(event.payload)),
            }
            for fact in self.exchange.execute(command).facts
            for event in topic_events(fact, self.exchange.orders)
        ]


def test_an_accepted_order_goes_from_new_to_open() -> None:
    stage = Stage()
    (event,) = stage.play(a_place(ANN, side=Side.NO, price=38, quantity=7))
    (order,) = stage.exchange.orders.values()
    head = stage.exchange.head
    assert event == {
        "topic": "order_events",
        "owners": (ANN,),
        "event_type": "ORDER_STATUS_CHANGED",
        "event_id": f"evt_20261120_order_{head}_0",
        "timestamp_ms": AT // 1000,
        "market_id": "M",
        "order": {
            "order_id": order.id,
            "user_id": ANN,
            "side": "NO",
            "direction": "BUY",
            "price_cents": 38,
            "original_quantity": 7,
            "filled_quantity": 0,
            "remaining_quantity": 7,
            "status": "OPEN",
            "previous_status": "NEW",
            "cancel_reason": None,
        },
    }


def test_a_fill_is_a_trade_then_the_maker_then_the_taker() -> None:
    stage = Stage()
    stage.play(a_place(AMM_ID, direction=SELL, price=55, quantity=100))
    maker_id, *_ = stage.exchange.orders
    accepted, trade, maker, taker = stage.play(a_place(ANN, price=55, quantity=40, at=AT + 1_000_000))
    head = stage.exchange.head
    assert accepted["order"]["status"] == "OPEN"
    assert trade["event_id"] == f"evt_20261120_trade_{head}_0"
    assert trade["owners"] == (AMM_ID, ANN)
    detail = trade["trade"]
    assert detail["buyer"] == {
        "user_id": ANN,
        "order_id": taker["order"]["order_id"],
        "role": "TAKER",
        "fee_cents": 5,
        "is_amm": False,
    }
    assert detail["seller"] == {
        "user_id": AMM_ID,
        "order_id": maker_id,
        "role": "MAKER",
        "fee_cents": 3,
        "is_amm": True,
    }
    assert (detail["price_cents"], detail["quantity"], detail["scenario"]) == (55, 40, "TRANSFER_YES")
    assert detail["executed_at"] == "2026-11-20T10:00:01.000000Z"
    assert [maker["event_id"], taker["event_id"]] == [f"evt_20261120_order_{head}_{k}" for k in (0, 1)]
    assert (maker["order"]["previous_status"], maker["order"]["status"]) == ("OPEN", "PARTIALLY_FILLED")
    assert (maker["order"]["filled_quantity"], maker["order"]["remaining_quantity"]) == (40, 60)
    assert (taker["order"]["previous_status"], taker["order"]["status"]) == ("OPEN", "FILLED")


def test_buyer_and_seller_are_sides_of_the_book_not_what_their_users_said() -> None:
    """Ben buys NO at 40: in the book he sells YES at 60."""
    stage = Stage()
    stage.play(a_place(ANN, price=60))
    trade = next(
        event for event in stage.play(a_place(BEN, side=Side.NO, price=40)) if event["topic"] == Topic.TRADES
    )
    assert trade["trade"]["seller"]["user_id"] == BEN
    assert trade["trade"]["scenario"] == "MINT"


def test_a_second_fill_starts_from_partially_filled() -> None:
    stage = Stage()
    stage.play(a_place(AMM_ID, direction=SELL, price=55, quantity=100))
    stage.play(a_place(ANN, price=55, quantity=40))
    *_, maker, _ = stage.play(a_place(ANN, price=55, quantity=60))
    assert (maker["order"]["previous_status"], maker["order"]["status"]) == ("PARTIALLY_FILLED", "FILLED")


def test_a_trade_with_oneself_has_one_owner() -> None:
    stage = Stage()
    stage.play(a_place(AMM_ID, direction=SELL, price=55))
    _, trade, *_ = stage.play(a_place(AMM_ID, price=55))
    assert trade["owners"] == (AMM_ID,)


def test_what_is_left_of_an_immediate_order_is_cancelled() -> None:
    stage = Stage()
    stage.play(a_place(AMM_ID, direction=SELL, price=55, quantity=4))
    *_, gone = stage.play(a_place(ANN, price=55, quantity=10, time_in_force=TimeInForce.IOC))
    assert (gone["order"]["previous_status"], gone["order"]["status"]) == ("PARTIALLY_FILLED", "CANCELLED")
    assert (gone["order"]["filled_quantity"], gone["order"]["remaining_quantity"]) == (4, 6)
    _, alone = stage.play(a_place(ANN, price=50, time_in_force=TimeInForce.IOC))
    assert (alone["order"]["previous_status"], alone["order"]["status"]) == ("OPEN", "CANCELLED")


def test_a_cancelled_order_says_what_it_was() -> None:
    stage = Stage()
    stage.play(a_place(ANN))
    order_id, *_ = stage.exchange.orders
    (event,) = stage.play(CancelOrder(at=AT, user_id=ANN, order_id=order_id))
    assert (event["order"]["previous_status"], event["order"]["status"]) == ("OPEN", "CANCELLED")


def test_every_cancelled_order_says_why() -> None:
    stage = Stage()
    _, expired = stage.play(a_place(ANN, time_in_force=TimeInForce.IOC))
    assert expired["order"]["cancel_reason"] == "IOC_UNFILLED"
    (opened,) = stage.play(a_place(ANN))
    assert opened["order"]["cancel_reason"] is None
    _, order_id = stage.exchange.orders
    (gone,) = stage.play(CancelOrder(at=AT, user_id=ANN, order_id=order_id))
    assert gone["order"]["cancel_reason"] == "USER_CANCELLED"


def test_an_amended_order_is_told_with_its_new_terms() -> None:
    """Its fills in the same command, and its end, tell these, too."""
    stage = Stage()
    stage.play(a_place(ANN, price=40, quantity=10))
    stage.play(a_place(BEN, side=Side.NO, price=60, quantity=3))
    stage.play(a_place(BEN, side=Side.NO, price=50, quantity=2))
    order_id, *_ = stage.exchange.orders

    def seen(event: dict[str, Any]) -> tuple[Any, ...]:
        order = event["order"]
        assert (event["topic"], order["order_id"]) == ("order_events", order_id)
        numbers = [order[name] for name in ("price_cents", "original_quantity", "remaining_quantity")]
        return (*numbers, order["previous_status"], order["status"])

    (event,) = stage.play(AmendOrder(at=AT, user_id=ANN, order_id=order_id, quantity=9))
    assert seen(event) == (40, 9, 6, "PARTIALLY_FILLED", "PARTIALLY_FILLED")
    assert event["event_id"] == f"evt_20261120_order_{stage.exchange.head}_0"
    assert event["owners"] == (ANN,)
    moved, _, _, taker = stage.play(AmendOrder(at=AT, user_id=ANN, order_id=order_id, price=55, quantity=20))
    assert seen(moved) == (55, 20, 17, "PARTIALLY_FILLED", "PARTIALLY_FILLED")
    assert seen(taker) == (55, 20, 15, "PARTIALLY_FILLED", "PARTIALLY_FILLED")
    (gone,) = stage.play(CancelOrder(at=AT, user_id=ANN, order_id=order_id))
    assert seen(gone) == (55, 20, 15, "PARTIALLY_FILLED", "CANCELLED")


def test_a_fact_told_again_is_told_as_it_was_whatever_the_order_became() -> None:
    """After a restart, and while a later amend is decided already and not yet durable."""
    stage = Stage()
    told: list[tuple[Fact, list[TopicEvent]]] = []

    def do(command: AnyCommand) -> None:
        facts = stage.exchange.execute(command).facts
        assert facts
        told.extend((fact, topic_events(fact, stage.exchange.orders)) for fact in facts)

    do(a_place(ANN, price=40, quantity=10))
    order_id, *_ = stage.exchange.orders
    for price, quantity in ((40, 8), (41, 8), (42, 30)):
        do(a_place(BEN, side=Side.NO, price=60, quantity=1))
        do(AmendOrder(at=AT, user_id=ANN, order_id=order_id, price=price, quantity=quantity))
    do(CancelOrder(at=AT, user_id=ANN, order_id=order_id))
    restored = Exchange.restore(stage.exchange.snapshot())
    for fact, events in told:
        assert topic_events(fact, stage.exchange.orders) == events
        assert topic_events(fact, restored.orders) == events


def test_resolution_is_two_changes_of_the_market_with_the_orders_between() -> None:
    stage = Stage()
    stage.play(a_place(ANN))
    resolved, cancelled, settled = stage.play(ResolveMarket(at=AT, market_id="M", result="NO", by=ROOT))
    assert (resolved["new_status"], settled["new_status"]) == ("RESOLVED", "SETTLED")
    assert resolved["owners"] == ()
    assert cancelled["topic"] == "order_events"
    assert resolved["resolved_at"] == "2026-11-20T10:00:00.000000Z"


def test_a_mode_and_its_end_are_told_to_everybody() -> None:
    stage = Stage()
    until = AT + 120_000_000
    (begun,) = stage.play(SetMarketMode(at=AT, market_id="M", mode=TradingMode.POST_ONLY, until=until))
    assert begun == {
        "topic": "mode_events",
        "owners": (),
        "event_type": "MARKET_MODE_CHANGED",
        "event_id": f"evt_20261120_mode_{stage.exchange.head}_0",
        "timestamp_ms": AT // 1000,
        "market_id": "M",
        "previous_mode": "NORMAL",
        "new_mode": "POST_ONLY",
        "until": "2026-11-20T10:02:00.000000Z",
        "reason": "RESTART",
    }
    (ended,) = stage.play(Tick(at=until, market_id="M"))
    assert (ended["new_mode"], ended["until"], ended["reason"]) == ("NORMAL", None, "ENDED")


def test_what_concerns_nobody_means_nothing() -> None:
    assert Stage().play(Deposit(at=AT, user_id=ANN, amount=1)) == []


def test_who_sees_a_trade_sees_the_others_ids_only_if_it_is_both() -> None:
    stage = Stage()
    stage.play(a_place(ANN, price=60))
    stage.exchange.execute(a_place(BEN, side=Side.NO, price=40))
    fact = stage.exchange.execute(a_place(ANN, price=60)).facts[0]
    assert topic_events(fact, stage.exchange.orders)[0].owners == (ANN,)


def test_whoever_an_event_is_private_to_is_declared_beside_its_translation() -> None:
    """Of every kind of fact. The hub asks for these users before it translates anything."""
    day = busy_day()
    orders = OrdersTold(day.exchange)
    private = 0
    for fact in day.facts:
        events = topic_events(fact, orders)
        owners = owners_of(fact, orders)
        if owners is None:
            assert events == []
            continue
        assert {owner for event in events for owner in event.owners} == set(owners)
        assert all(event.owners for event in events) == bool(owners)
        private += bool(owners)
    assert private
