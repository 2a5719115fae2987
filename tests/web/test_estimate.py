"""What the ticket says before sending is what the exchange then does, to the cent."""

import random
from typing import Any, Final

from kernel.answers import Placed, Refusal
from kernel.codes import CancelReason, Code, Direction, SelfTradeMode, Side, TimeInForce
from kernel.events import OrderAccepted, OrderMatched, OrderPartiallyFilled
from kernel.market import LIVE
from tests.kernel.trading import Trading
from tests.web.visiting import Visitor

CASES: Final = 300
SEEN: Final = {
    *("BUY GTC", "BUY GTD", "BUY IOC", "BUY FOK", "BUY capped"),
    *("SELL GTC", "SELL GTD", "SELL IOC", "SELL FOK"),
    *("takes", "unfillable", "own", "stops at own", "pairs"),
    *("some rests", "nothing rests", "one fee", "a range of fees"),
}
ESTIMATE: Final = """async (cases) => {
    const { estimate, range, pairsOf } = await import("/web/ticket/estimate.js");
    return cases.map(({ book, wish, terms, isMarket, own, opposite }) => {
        if (isMarket) wish.price = range(terms, wish.side)[wish.direction === "BUY" ? "high" : "low"];
        const said = estimate(book, wish, terms, own);
        return { ...said, price: wish.price, pairs: pairsOf(wish.direction, said.filled, opposite) };
    });
}"""
SHARES: Final = """async ([terms, wishes]) => {
    const { needed, sharesAt } = await import("/web/ticket/estimate.js");
    return wishes.map(([price, cents]) => {
        const quantity = sharesAt("BUY", price, terms, cents);
        return [needed(terms, price, quantity), needed(terms, price, quantity + 1)];
    });
}"""
YES, NO, BUY, SELL = Side.YES, Side.NO, Direction.BUY, Direction.SELL
REFUSALS: Final = {
    Code.POST_ONLY_WOULD_TAKE: "takes",
    Code.NOT_FILLABLE: "unfillable",
    Code.SELF_TRADE: "own",
}
RATES: Final = [(0, 0), (0, 20), (10, 20), (30, 20), (0, 175), (90, 500)]


def a_market(chance: random.Random, *, nets: bool) -> tuple[Trading, dict[str, int]]:
    """Taker holds 400 NO where its pairs are netted, else 400 of each side."""
    maker_bps, taker_bps = chance.choice(RATES)
    low, high = chance.choice([(1, 99), (5, 95), (3, 90)])
    terms = {
        "maker_fee_bps": maker_bps,
        "taker_fee_bps": taker_bps,
        "min_price_cents": low,
        "max_price_cents": high,
    }
    scene = Trading(taker=0, maker=0, **terms)
    for name in ("taker", "maker"):
        scene.exchange.accounts[name].auto_netting = nets and name == "taker"
        scene.exchange.accounts[name].available = 10_000_000
    for side, other in ((NO, YES),) if nets else ((NO, YES), (YES, NO)):
        scene.exchange.execute(scene.wish("taker", side, price=50, quantity=400))
        scene.exchange.execute(scene.wish("maker", other, price=50, quantity=400))
    return scene, terms


def a_case(chance: random.Random, *, one_order_a_price: bool) -> tuple[Trading, dict[str, Any]]:
    """A market with a book by chance, and what somebody wishes there."""
    nets = chance.random() < 0.3
    scene, terms = a_market(chance, nets=nets)
    low, high = terms["min_price_cents"], terms["max_price_cents"]
    gap = chance.randint(low + 8, high - 8)
    prices = list(range(max(low, 100 - high, gap - 6), min(high, 100 - low, gap + 6)))
    book: dict[str, list[int]] = {"bids": [0] * 100, "asks": [0] * 100}
    own = []
    for _ in range(chance.randint(0, 9)):
        price, quantity = chance.choice(prices), chance.randint(1, 80)
        rests = book["bids" if price <= gap else "asks"]
        if one_order_a_price and rests[price]:
            continue
        name = "taker" if chance.random() < 0.12 else "maker"
        side, at = (YES, price) if price <= gap else (NO, 100 - price)
        answer = scene.exchange.execute(scene.wish(name, side, price=at, quantity=quantity)).answer
        assert isinstance(answer, Placed)
        if name == "taker":
            direction = "BUY" if price <= gap else "SELL"
            own.append({"book_direction": direction, "book_price_cents": price, "ahead": rests[price]})
        rests[price] += quantity
    direction = chance.choice([BUY, SELL])
    side = NO if nets and direction is SELL else YES if nets else chance.choice([YES, NO])
    is_market = chance.random() < 0.4
    in_force = TimeInForce.IOC if is_market else chance.choice(list(TimeInForce))
    around = gap if side is YES else 100 - gap
    wish = {
        "side": side.value,
        "direction": direction.value,
        "price": min(max(around + chance.randint(-6, 6), low, 100 - high), high, 100 - low),
        "quantity": chance.randint(1, 200),
        "timeInForce": in_force.value,
        "postOnly": in_force.value.startswith("G") and chance.random() < 0.3,
        "cap": chance.randint(1, 9_000) if is_market and direction is BUY else None,
        "stopsAtOwn": is_market or chance.random() < 0.2,
    }
    case = {"book": book, "wish": wish, "terms": terms, "isMarket": is_market}
    return scene, case | {"own": own, "opposite": 400 if nets else 0}


def done(scene: Trading, wish: dict[str, Any], price: int) -> dict[str, Any]:
    """What the exchange makes of the wish, in the words of the estimate."""
    in_force = TimeInForce(wish["timeInForce"])
    outcome = scene.exchange.execute(
        scene.wish(
            "taker",
            Side(wish["side"]),
            Direction(wish["direction"]),
            price=price,
            quantity=wish["quantity"],
            time_in_force=in_force,
            expires_at=scene.now + 10**9 if in_force is TimeInForce.GTD else None,
            post_only=wish["postOnly"],
            max_cost_cents=wish["cap"],
            self_trade_mode=SelfTradeMode.CANCEL_TAKER if wish["stopsAtOwn"] else SelfTradeMode.REJECT,
        )
    )
    if isinstance(outcome.answer, Refusal):
        return {"refused": REFUSALS[outcome.answer.code]}
    assert isinstance(outcome.answer, Placed)
    order = outcome.answer.order.order
    fills = [
        fact.event for fact in outcome.facts if isinstance(fact.event, OrderMatched | OrderPartiallyFilled)
    ]
    own = [
        (fill.trade_price if wish["side"] == "YES" else 100 - fill.trade_price, fill.fill_qty)
        for fill in fills
    ]
    accepted = next(fact.event for fact in outcome.facts if isinstance(fact.event, OrderAccepted))
    return {
        "filled": sum(quantity for _, quantity in own),
        "value": sum(at * quantity for at, quantity in own),
        "worst": own[-1][0] if own else 0,
        "fee": sum(fill.trade.taker_fee for fill in fills),
        "rest": order.remaining if order.status in LIVE else 0,
        "backing": accepted.frozen_amount,
        "kept": order.frozen,
        "stopped": order.cancel_reason is CancelReason.SELF_TRADE,
        "pairs": outcome.answer.netting.pairs_netted if outcome.answer.netting else 0,
    }


def test_the_estimate_is_what_the_exchange_then_does(visitor: Visitor) -> None:
    """To the cent where each price is one order; elsewhere the fee is within bounds, all else the same."""
    chance = random.Random(20261122)
    drawn = [a_case(chance, one_order_a_price=number % 2 == 0) for number in range(CASES)]
    visitor.open("/")
    estimates = visitor.page.evaluate(ESTIMATE, [case for _, case in drawn])
    seen: set[str] = set()
    for number, ((scene, case), said) in enumerate(zip(drawn, estimates, strict=True)):
        wish = case["wish"]
        exact = number % 2 == 0
        found = done(scene, wish, said["price"])
        if said["refusal"] is not None or "refused" in found:
            assert found == {"refused": said["refusal"] and said["refusal"]["kind"]}, (case, said, found)
            seen.add(found["refused"])
            continue
        fee, stopped = found.pop("fee"), found.pop("stopped")
        if exact:
            assert fee == said["leastFee"], (case, said, fee)
        if exact or wish["cap"] is None:
            assert fee <= said["mostFee"], (case, said, fee)
            assert {name: said[name] for name in found} == found, (case, said, found)
        else:
            assert found["value"] + fee <= wish["cap"]
            assert found["filled"] <= said["filled"]
        seen.add(f"{wish['direction']} {'capped' if wish['cap'] else wish['timeInForce']}")
        seen.add("some rests" if said["rest"] else "nothing rests")
        if found["pairs"]:
            seen.add("pairs")
        if stopped:
            seen.add("stops at own")
        seen.add("one fee" if said["leastFee"] == said["mostFee"] else "a range of fees")
    assert seen == SEEN, "chance no longer draws every kind"


def test_so_many_dollars_buy_as_many_shares_as_they_cover(visitor: Visitor) -> None:
    """With the fee that could be due, and not one share less."""
    chance = random.Random(7)
    wishes = [[chance.randint(1, 99), chance.randint(1, 10**7)] for _ in range(500)]
    visitor.open("/")
    for maker_bps, taker_bps in RATES:
        terms = {"maker_fee_bps": maker_bps, "taker_fee_bps": taker_bps}
        costs = visitor.page.evaluate(SHARES, [terms, wishes])
        for (_, cents), (fits, one_more) in zip(wishes, costs, strict=True):
            assert fits <= cents < one_more
