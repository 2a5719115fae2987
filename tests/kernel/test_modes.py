"""Trading modes: what a market that trades still takes in each of them, and when they end."""

import pytest

from kernel.answers import MarketIs, Refusal
from kernel.codes import Code, MarketStatus, TradingMode
from kernel.commands import SetMarketMode, Tick
from kernel.due import is_due
from kernel.events import MarketModeChanged, MarketStatusChanged
from tests.kernel.test_lifecycle import WAYS, market_in
from tests.kernel.trading import SECOND, Trading

NORMAL, POST_ONLY, CANCEL_ONLY = TradingMode.NORMAL, TradingMode.POST_ONLY, TradingMode.CANCEL_ONLY
BEFORE_RESOLVED = [
    MarketStatus.DRAFT,
    MarketStatus.ACTIVE,
    MarketStatus.SUSPENDED,
    MarketStatus.HALTED,
]


def turn(
    market: Trading,
    mode: TradingMode,
    until: int | None = None,
    *,
    reason: str | None = None,
    by: str | None = "root",
    market_id: str = "M",
) -> Code | None:
    """Set a mode; the code of the refusal, if it is one."""
    wish = SetMarketMode(at=market.now, market_id=market_id, mode=mode, until=until, reason=reason, by=by)
    answer = market.do(wish).answer
    if isinstance(answer, Refusal):
        return answer.code
    assert answer == MarketIs(market_id)
    return None


def tick(market: Trading, market_id: str = "M") -> list[object]:
    """What a tick brought about."""
    due = is_due(market.market(market_id), market.now)
    facts = market.do(Tick(at=market.now, market_id=market_id)).facts
    assert due is bool(facts), "whoever sends ticks is told just when there is something to do"
    return [fact.event for fact in facts]


def quoted() -> Trading:
    """The AMM offers YES at 52 and has shares of its own; ann has a bid."""
    market = Trading(AMM=100_000, ann=10_000, ben=10_000)
    market.play("AMM mints 100", "AMM sells 50 YES at 52 as q", "ann buys 10 YES at 40 as bid")
    return market


TAKEN = None
"""Or the code of the refusal."""


@pytest.mark.parametrize(
    ("line", "post_only", "cancel_only"),
    [
        ("ben buys 1 YES at 45", TAKEN, Code.NOT_IN_THIS_MODE),
        ("ben buys 1 YES at 53", Code.NOT_IN_THIS_MODE, Code.NOT_IN_THIS_MODE),
        ("ben buys 1 YES at 45 IOC", Code.NOT_IN_THIS_MODE, Code.NOT_IN_THIS_MODE),
        ("AMM sells 1 YES at 60", TAKEN, Code.NOT_IN_THIS_MODE),
        ("AMM replaces q, selling 50 YES at 53", TAKEN, Code.NOT_IN_THIS_MODE),
        ("AMM replaces q, selling 50 YES at 53 IOC", Code.NOT_IN_THIS_MODE, Code.NOT_IN_THIS_MODE),
        ("AMM mints 1", TAKEN, Code.NOT_IN_THIS_MODE),
        ("AMM burns 1", TAKEN, TAKEN),
        ("AMM cancels everything", TAKEN, TAKEN),
        ("ann cancels bid", TAKEN, TAKEN),
        ("root stops the AMM", Code.AMM_NOT_RUNNING, Code.AMM_NOT_RUNNING),
        ("root starts the AMM with 1000 at 50", TAKEN, TAKEN),
    ],
)
def test_what_each_mode_takes(line: str, post_only: Code | None, cancel_only: Code | None) -> None:
    """The market maker is bound by them as everybody; its start and stop are no trading."""
    normal = Code.AMM_NOT_RUNNING if "stops" in line else TAKEN
    for mode, code in ((NORMAL, normal), (POST_ONLY, post_only), (CANCEL_ONLY, cancel_only)):
        market = quoted()
        turn(market, mode)
        if code is TAKEN:
            market.play(line)
            continue
        refusal = market.refused(line)
        assert refusal.code is code
        if code is Code.NOT_IN_THIS_MODE:
            assert refusal.data == {"trading_mode": mode}


@pytest.mark.parametrize("mode", TradingMode)
@pytest.mark.parametrize("status", ["root suspends", "root halts"])
def test_while_a_market_stands_still_the_status_is_told_and_not_the_mode(
    mode: TradingMode, status: str
) -> None:
    market = quoted()
    turn(market, mode)
    market.play(status)
    for line in ("ben buys 1 YES at 45", "AMM mints 1", "AMM replaces q, selling 50 YES at 53"):
        assert market.refused(line).code is Code.MARKET_NOT_OPEN


def test_the_mode_is_told_before_what_is_wrong_with_the_order_and_after_a_repetition() -> None:
    market = quoted()
    market.play("ben buys 1 YES at 45 as known")
    turn(market, CANCEL_ONLY)
    assert market.refused("ben buys 0 YES at 0").code is Code.NOT_IN_THIS_MODE
    market.play("ben buys 1 YES at 45 as known")
    assert market.refused("ben buys 2 YES at 45 as known").code is Code.CLIENT_ORDER_ID_USED


def test_no_mode_lets_a_replacement_cancel_what_is_partly_filled() -> None:
    """A refusal of the mode leaves the old order where it is; only a replacement that could be would not."""
    market = quoted()
    market.play("ben buys 5 YES at 52")
    turn(market, CANCEL_ONLY)
    assert market.refused("AMM replaces q, selling 50 YES at 53").code is Code.NOT_IN_THIS_MODE
    assert market.order("AMM", "q").is_live


def test_a_mode_ends_with_the_first_tick_at_its_time() -> None:
    market = quoted()
    turn(market, POST_ONLY, market.now + 120 * SECOND, reason="a storm")
    (set_fact,) = [f for f in market.facts if isinstance(f.event, MarketModeChanged)]
    assert set_fact.event == MarketModeChanged(
        previous_mode=NORMAL,
        new_mode=POST_ONLY,
        until=set_fact.at + 120 * SECOND,
        reason="ADMIN: a storm",
        by="root",
    )
    end = set_fact.at + 120 * SECOND
    market.now = end - 1
    assert tick(market) == []
    assert market.refused("ben buys 1 YES at 52 IOC").code is Code.NOT_IN_THIS_MODE
    market.now = end
    assert tick(market) == [
        MarketModeChanged(previous_mode=POST_ONLY, new_mode=NORMAL, until=None, reason="ENDED", by=None)
    ]
    assert tick(market) == []
    market.play("ben buys 1 YES at 52 IOC")
    assert market.prints() == ["1@52"]


def test_after_a_restart_nobody_in_particular_has_set_it() -> None:
    market = quoted()
    turn(market, POST_ONLY, market.now + SECOND, by=None)
    event = market.facts[-1].event
    assert isinstance(event, MarketModeChanged)
    assert (event.reason, event.by) == ("RESTART", None)


@pytest.mark.parametrize("status", BEFORE_RESOLVED)
def test_a_mode_is_set_and_ends_in_every_status_before_the_resolution(status: MarketStatus) -> None:
    market = market_in(status)
    assert turn(market, CANCEL_ONLY, market.now + SECOND, market_id="X") is None
    market.now += SECOND
    (event,) = tick(market, "X")
    assert isinstance(event, MarketModeChanged)
    assert event.new_mode is NORMAL
    assert market.market("X").status is status


@pytest.mark.parametrize("status", [s for s in WAYS if s not in BEFORE_RESOLVED])
def test_what_is_resolved_has_no_mode_any_more(status: MarketStatus) -> None:
    assert turn(market_in(status), NORMAL, market_id="X") is Code.TRANSITION_NOT_ALLOWED


def test_the_mode_of_a_market_that_was_resolved_stays_what_it_was() -> None:
    market = quoted()
    turn(market, CANCEL_ONLY, market.now + SECOND)
    market.play("root resolves YES without settling")
    market.now += SECOND
    assert tick(market) == []
    assert market.market().trading_mode is CANCEL_ONLY


def test_setting_what_stands_already_changes_nothing() -> None:
    market = quoted()
    until = market.now + SECOND
    head = market.exchange.head
    assert turn(market, NORMAL) is None
    assert market.exchange.head == head
    turn(market, POST_ONLY, until)
    assert turn(market, POST_ONLY, until, reason="said again") is None
    assert market.exchange.head == head + 1
    turn(market, POST_ONLY)
    assert market.exchange.head == head + 2
    assert market.market().mode_until is None


def test_which_modes_cannot_be_set() -> None:
    """A time with NORMAL is malformed before anything else; a past one only where a mode could be set."""
    market = quoted()
    market.create("X")
    market.play("root resolves YES without settling in X")
    later, past = market.now + SECOND, market.now - SECOND
    head = market.exchange.head
    assert turn(market, NORMAL, later, market_id="nowhere") is Code.MALFORMED
    assert turn(market, NORMAL, later, market_id="X") is Code.MALFORMED
    assert turn(market, POST_ONLY, past, market_id="nowhere") is Code.MARKET_NOT_FOUND
    assert turn(market, POST_ONLY, past, market_id="X") is Code.TRANSITION_NOT_ALLOWED
    assert turn(market, POST_ONLY, past) is Code.MALFORMED
    assert turn(market, POST_ONLY, market.exchange.now) is Code.MALFORMED
    assert turn(market, POST_ONLY, market.exchange.now + 1) is None
    assert market.exchange.head == head + 1


def test_a_tick_ends_the_trading_window_before_the_mode() -> None:
    market = Trading(ann=1_000)
    end = market.now + 100 * SECOND
    market.create("T", terms={"trading_end_at": end})
    turn(market, POST_ONLY, end, market_id="T")
    market.now = end
    assert [type(event) for event in tick(market, "T")] == [MarketStatusChanged, MarketModeChanged]
