"""Administrators watch each other: who may not judge, and what one of them alone may not do."""

from typing import Any, cast

import pytest

from kernel.answers import AmmRunning, Proposed, Refusal, Resolved
from kernel.codes import AdminAction, Code, MarketStatus
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CreateMarket,
    GraveCommand,
    MarketTerms,
    OpenJournal,
    ResolveMarket,
    SettleMarket,
    StartAmm,
    VoidMarket,
)
from kernel.events import event_type
from kernel.exchange import Exchange
from kernel.limits import PROPOSAL_LIFE, PROPOSALS_MAX, PROPOSALS_MAX_EACH
from tests.kernel.trading import NOON, Trading

HOLDERS = ("ann", "ben")


def shared() -> Trading:
    """Ann has YES, Ben has NO and a sub-account has some of it; cat has nothing."""
    market = Trading(ann=10_000, ben=10_000, cat=10_000, AMM=10_000)
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40")
    return market


def decide(market: Trading, kind: type[GraveCommand], by_id: str | None, **members: Any) -> Any:
    given: dict[str, Any] = {"at": market.now, "market_id": "M", "by": f"name of {by_id}", "by_id": by_id}
    if kind is ResolveMarket:
        given["result"] = "YES"
    elif kind is VoidMarket:
        given["void_price_cents"] = 50
    elif kind is StartAmm:
        given |= {"initial_budget": 1000, "initial_price": 50, "nonce": 1}
    return market.do(cast(AnyCommand, kind(**given | members))).answer


def told(market: Trading, since: int) -> list[str]:
    return [event_type(fact.event) for fact in market.facts if fact.id > since]


# Whose case it is


@pytest.mark.parametrize("kind", [ResolveMarket, VoidMarket])
@pytest.mark.parametrize("holder", HOLDERS)
def test_who_holds_shares_does_not_say_how_it_ends(kind: type[GraveCommand], holder: str) -> None:
    market = shared()
    answer = decide(market, kind, holder)
    assert (answer.code, answer.data) == (
        Code.NOT_ALLOWED,
        {"reason": "CONFLICT_OF_INTEREST", "market_id": "M"},
    )
    assert market.market().status is MarketStatus.ACTIVE
    assert isinstance(decide(market, kind, "cat"), Resolved)


def test_nor_does_who_holds_them_on_another_account() -> None:
    market = shared()
    market.escrow("mm:1", "cat", fence=1)
    market.play("cat gives mm:1 1000 cents with key k")
    market.play("mm:1 buys 5 YES at 60 with fence 1")
    assert isinstance(decide(market, ResolveMarket, "cat", settle=False), Resolved), "an order is no share"
    market = shared()
    market.escrow("mm:1", "cat", fence=1)
    market.play("cat gives mm:1 1000 cents with key k")
    market.play("mm:1 buys 5 YES at 60 with fence 1", "ann buys 5 NO at 40")
    assert decide(market, ResolveMarket, "cat").code is Code.NOT_ALLOWED


def test_nor_who_holds_them_when_it_comes_to_the_payout() -> None:
    market = shared()
    assert isinstance(decide(market, ResolveMarket, "cat", settle=False), Resolved)
    assert decide(market, SettleMarket, "ann").code is Code.NOT_ALLOWED
    assert isinstance(decide(market, SettleMarket, "cat"), Resolved)


def test_a_conflict_is_told_ahead_of_what_the_market_allows() -> None:
    """And behind a result that is none, and a market that is not there."""
    market = shared()
    assert decide(market, SettleMarket, "ann").code is Code.NOT_ALLOWED
    assert decide(market, SettleMarket, "cat").code is Code.TRANSITION_NOT_ALLOWED
    assert decide(market, ResolveMarket, "ann", result="MAYBE").code is Code.INVALID_RESULT
    assert decide(market, ResolveMarket, "ann", market_id="X").code is Code.MARKET_NOT_FOUND


def test_who_sold_them_all_may() -> None:
    market = shared()
    market.play("ann sells 10 YES at 60", "cat buys 10 YES at 60")
    assert isinstance(decide(market, ResolveMarket, "ann"), Resolved)


def test_starting_the_market_maker_decides_no_case() -> None:
    assert isinstance(decide(shared(), StartAmm, "ann"), AmmRunning)


# Two of them

ACTS: dict[AdminAction, tuple[type[GraveCommand], dict[str, Any], dict[str, Any]]] = {
    AdminAction.RESOLVE: (ResolveMarket, {"resolution_result": "YES", "settle": True}, {"settle": False}),
    AdminAction.VOID: (VoidMarket, {"reason": None, "void_price_cents": 50}, {"void_price_cents": 49}),
    AdminAction.SETTLE: (SettleMarket, {}, {}),
    AdminAction.AMM_START: (
        StartAmm,
        {"initial_budget_cents": 1000, "initial_price_cents": 50, "config_override": {}},
        {"initial_budget": 1001},
    ),
}
"""What is asked, how it is told, and the same with a difference."""


def ready(action: AdminAction) -> Trading:
    market = shared()
    if action is AdminAction.SETTLE:
        decide(market, ResolveMarket, None, settle=False)
    return market


@pytest.mark.parametrize("action", AdminAction)
def test_the_first_proposes_and_the_second_carries_it_out(action: AdminAction) -> None:
    kind, request, _ = ACTS[action]
    market = ready(action)
    head, before = market.exchange.head, market.exchange.audit()
    first = decide(market, kind, "first", four_eyes=True)
    assert first == Proposed(
        head + 1,
        action,
        "M",
        request,
        "name of first",
        "first",
        market.exchange.now,
        market.exchange.now + PROPOSAL_LIFE,
    )
    assert told(market, head) == ["ADMIN_PROPOSED"]
    assert market.exchange.audit() == before
    assert decide(market, kind, "first", four_eyes=True) == first, "asked again, it is the same proposal"
    assert told(market, head) == ["ADMIN_PROPOSED"]
    second = decide(market, kind, "second", four_eyes=True)
    assert isinstance(second, AmmRunning if action is AdminAction.AMM_START else Resolved)
    kinds = told(market, head)
    assert kinds[:2] == ["ADMIN_PROPOSED", "ADMIN_CONFIRMED"]
    assert len(kinds) > 2
    assert market.exchange.proposals == {}


@pytest.mark.parametrize("action", [each for each in AdminAction if ACTS[each][2]])
def test_a_different_wish_takes_the_place_of_the_first(action: AdminAction) -> None:
    """Of whomever: only the very same, asked for by two, is carried out."""
    kind, _, other = ACTS[action]
    market = ready(action)
    decide(market, kind, "first", four_eyes=True)
    assert isinstance(decide(market, kind, "second", four_eyes=True, **other), Proposed)
    assert isinstance(decide(market, kind, "first", four_eyes=True), Proposed)
    assert len(market.exchange.proposals) == 1
    assert not isinstance(decide(market, kind, "second", four_eyes=True), Proposed | Refusal)


def test_resolving_as_void_and_voiding_are_two_things() -> None:
    market = shared()
    decide(market, ResolveMarket, "first", four_eyes=True, result="VOID", void_price_cents=50)
    assert isinstance(decide(market, VoidMarket, "second", four_eyes=True), Proposed)
    assert len(market.exchange.proposals) == 2


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ("1", 1), ([], {})])
def test_the_very_same_request_is_the_same_to_the_letter(one: object, other: object) -> None:
    market = shared()
    decide(market, StartAmm, "first", four_eyes=True, config_override={"a": one, "b": 2})
    unlike = decide(market, StartAmm, "second", four_eyes=True, config_override={"a": other, "b": 2})
    assert isinstance(unlike, Proposed)
    same = decide(market, StartAmm, "first", four_eyes=True, config_override={"b": 2, "a": other})
    assert isinstance(same, AmmRunning), "in which order its members come does not matter"


def test_a_day_later_nobody_confirms_it_any_more() -> None:
    market = shared()
    first = decide(market, ResolveMarket, "first", four_eyes=True)
    at = first.expires_at
    anew = decide(market, ResolveMarket, "second", four_eyes=True, at=at)
    assert (anew.by_id, anew.created_at) == ("second", at)
    in_time = decide(market, ResolveMarket, "first", four_eyes=True, at=at + PROPOSAL_LIFE - 1)
    assert isinstance(in_time, Resolved)


def test_what_is_not_allowed_is_not_proposed_and_is_checked_again() -> None:
    market = shared()
    assert decide(market, SettleMarket, "first", four_eyes=True).code is Code.TRANSITION_NOT_ALLOWED
    assert decide(market, ResolveMarket, "ann", four_eyes=True).code is Code.NOT_ALLOWED
    assert market.exchange.proposals == {}
    decide(market, StartAmm, "first", four_eyes=True)
    market.play("root suspends")
    assert decide(market, StartAmm, "second", four_eyes=True).code is Code.MARKET_NOT_OPEN


def test_who_buys_after_proposing_has_proposed_nothing() -> None:
    """Else one would propose first, buy then, and let another sign."""
    market = shared()
    assert isinstance(decide(market, ResolveMarket, "cat", four_eyes=True), Proposed)
    market.play("ann sells 2 YES at 60", "cat buys 2 YES at 60")
    anew = decide(market, ResolveMarket, "second", four_eyes=True)
    assert isinstance(anew, Proposed)
    assert anew.by_id == "second"
    assert decide(market, ResolveMarket, "cat", four_eyes=True).code is Code.NOT_ALLOWED
    assert isinstance(decide(market, ResolveMarket, "third", four_eyes=True), Resolved)


def test_only_so_many_wait_at_once() -> None:
    exchange = Exchange()
    exchange.execute(OpenJournal(at=NOON))

    def void(number: int, reason: str | None = None, at: int = NOON) -> Any:
        name, by_id = f"N{number}", f"admin-{number // PROPOSALS_MAX_EACH}"
        return exchange.execute(
            VoidMarket(
                at=at, market_id=name, reason=reason, void_price_cents=50, by="a", by_id=by_id, four_eyes=True
            )
        ).answer

    for number in range(PROPOSALS_MAX + 1):
        name = f"N{number}"
        exchange.execute(CreateMarket(at=NOON, market_id=name, terms=MarketTerms(title="?"), by="root"))
        exchange.execute(ActivateMarket(at=NOON, market_id=name, by="root"))
        if number < PROPOSALS_MAX:
            assert isinstance(void(number), Proposed)
    assert void(PROPOSALS_MAX).code is Code.LIMIT_EXCEEDED
    assert isinstance(void(0, "why"), Proposed), "a place is taken over"
    assert isinstance(void(PROPOSALS_MAX, at=NOON + PROPOSAL_LIFE), Proposed)
    assert len(exchange.proposals) == 1, "what waited in vain is forgotten"


def test_nobody_takes_the_places_of_the_others() -> None:
    exchange = Exchange()
    exchange.execute(OpenJournal(at=NOON))
    for number in range(PROPOSALS_MAX_EACH + 1):
        name = f"N{number}"
        exchange.execute(CreateMarket(at=NOON, market_id=name, terms=MarketTerms(title="?"), by="root"))
        exchange.execute(ActivateMarket(at=NOON, market_id=name, by="root"))

    def void(number: int, by_id: str) -> Any:
        command = VoidMarket(
            at=NOON, market_id=f"N{number}", void_price_cents=50, by="a", by_id=by_id, four_eyes=True
        )
        return exchange.execute(command).answer

    for number in range(PROPOSALS_MAX_EACH):
        assert isinstance(void(number, "first"), Proposed)
    assert void(PROPOSALS_MAX_EACH, "first").code is Code.LIMIT_EXCEEDED
    assert isinstance(void(0, "first"), Proposed), "what waits already is told again"
    assert isinstance(void(PROPOSALS_MAX_EACH, "second"), Proposed)


def test_what_waits_outlives_a_restart_and_nothing_else_of_a_snapshot_changes() -> None:
    market = shared()
    plain = market.exchange.snapshot()
    decide(market, VoidMarket, "first", four_eyes=True, reason="why")
    waiting = market.exchange.snapshot()
    assert waiting != plain
    restored = Exchange.restore(waiting)
    assert restored.digest() == market.exchange.digest()
    assert restored.proposals == market.exchange.proposals
    assert Exchange.restore(plain).proposals == {}
