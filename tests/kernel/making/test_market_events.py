"""What a market's status does to its orders, in the very command that changes it: every cell of the table."""

import pytest

from kernel.codes import Side
from kernel.commands import ResolveMarket, SettleMarket
from kernel.making_edges import MmControl, MmState
from tests.kernel.making.desk import Desk
from tests.kernel.making.scene import some_market
from tests.kernel.trading import SECOND

RUNNING, PAUSED = MmState.RUNNING, MmState.PAUSED


def everywhere(*, shares: bool = False) -> Desk:
    """One order in each place where an order can be when its market changes."""
    desk = some_market()
    desk.market.open("cat", 1_000_000)
    limits = {"active_per_user_market": 20}
    if shares:
        desk.market.play("ann buys 8 YES at 50", "ben buys 8 NO at 50")
    yes = 4 if shares else 0
    desk.open("running", yes=yes, limits=limits)
    lease = desk.lease("running")
    desk.quote(lease, 0, Side.YES, 48)
    desk.open("paused", yes=yes, limits=limits)
    desk.tell(MmControl.PAUSE, "paused")
    desk.open("created", auto_start=False, limits=limits)
    desk.ask_for("pending", limits=limits)
    desk.ask_for("incomplete", limits=limits)
    desk.pay("incomplete", 40_000)
    return desk


def states(desk: Desk) -> dict[str, str]:
    return {name: desk.state(name).value for name in desk.ids}


WAITS = {"created": "created", "pending": "payment_pending", "incomplete": "payment_incomplete"}


def test_suspended_the_quotes_go_and_the_order_runs_on() -> None:
    desk = everywhere()
    desk.market.play("root suspends")
    assert states(desk) == {"running": "running", "paused": "paused"} | WAITS
    assert desk.quotes("running") == 0
    assert desk.order("running").pause_due_at == desk.at + 300 * SECOND
    assert desk.steps("running")[-1] == "CYCLE MARKET_SUSPENDED"
    assert desk.order("running").is_leased
    assert desk.steps("paused")[-1] == "paused USER_REQUEST"


def test_long_suspended_it_is_paused_and_goes_on_by_itself() -> None:
    desk = everywhere()
    desk.market.play("root suspends")
    desk.tick(16)  # its lease has run out meanwhile
    desk.tick(283)
    assert desk.state("running") is RUNNING
    desk.tick(1)
    assert desk.steps("running")[-1] == "paused MARKET_SUSPENDED"
    assert desk.trail("running")[-1].actor_type == "SYSTEM"
    desk.market.play("root resumes")
    assert desk.steps("running")[-1] == "running MARKET_RESUMED"
    assert desk.trail("running")[-1].actor_type == "SYSTEM"
    assert states(desk)["paused"] == "paused"


def test_soon_resumed_it_is_due_at_once() -> None:
    desk = some_market()
    desk.open()
    desk.release(desk.lease())
    desk.market.play("root suspends")
    desk.wait(5)
    desk.market.play("root resumes")
    order = desk.order()
    assert (order.state, order.pause_due_at, order.next_cycle_at) == (RUNNING, None, desk.at)
    assert [lease.order_id for lease in desk.acquire().leases] == [order.id]


def test_what_waits_for_its_market_starts_when_that_trades() -> None:
    desk = some_market()
    desk.ask_for()
    desk.market.play("root suspends")
    desk.pay()
    assert desk.steps()[-1] == "created AUTO"
    desk.market.play("root resumes")
    assert desk.steps()[-1] == "running AUTO"


def test_halted_it_is_paused_and_its_quotes_stay_where_they_are() -> None:
    desk = everywhere()
    desk.market.play("root halts")
    assert states(desk) == {"running": "paused", "paused": "paused"} | WAITS
    assert desk.steps("running")[-1] == "paused MARKET_HALTED"
    assert (desk.quotes("running"), desk.order("running").is_drained) == (1, False)


@pytest.mark.parametrize("target", ["root resumes: fine", "root resumes to SUSPENDED: fine"])
def test_after_a_halt_what_rested_goes_and_somebody_resumes_by_hand(target: str) -> None:
    desk = everywhere()
    desk.market.play("root halts")
    desk.market.play(target)
    assert (desk.quotes("running"), desk.order("running").is_drained) == (0, True)
    assert states(desk) == {"running": "paused", "paused": "paused"} | WAITS


def test_after_a_halt_what_waits_starts() -> None:
    desk = some_market()
    desk.ask_for()
    desk.market.play("root halts")
    desk.pay()
    assert desk.state() is MmState.CREATED
    desk.market.play("root resumes: fine")
    assert desk.state() is RUNNING


def test_paused_in_a_suspension_and_then_halted_it_is_resumed_by_hand() -> None:
    desk = some_market()
    desk.open()
    desk.market.play("root suspends")
    desk.tick(300)
    desk.market.play("root halts", "root resumes: fine")
    assert desk.state() is PAUSED


def test_a_refund_that_waits_is_made_when_the_halt_ends() -> None:
    desk = everywhere(shares=True)
    desk.market.play("root halts")
    desk.tell(MmControl.FAIL, "running", admin="root")
    assert desk.steps("running")[-2:] == ["failed ADMIN_REQUEST", "REFUND REFUND"]
    assert desk.order("running").refund_due
    desk.market.play("root resumes: fine")
    assert desk.steps("running")[-1] == "refunded REFUND"
    assert not desk.order("running").refund_due
    assert desk.order("running").is_empty


def test_cash_alone_is_refunded_in_a_halted_market_too() -> None:
    desk = some_market()
    desk.open()
    desk.market.play("root halts")
    desk.tell(MmControl.FAIL, admin="root")
    assert desk.state() is MmState.REFUNDED


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("auto_refund", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("result", ["YES", "VOID"])
def test_resolved_everything_stops_and_settled_it_goes_home(
    result: str, at_once: bool, auto_refund: bool, shares: bool
) -> None:
    desk = everywhere(shares=shares)
    policy = {"auto_refund": auto_refund}
    desk.open("last", "ben", policy=policy)
    before = owned(desk)
    price = 50 if result == "VOID" else None
    desk.market.do(
        ResolveMarket(
            at=desk.at, market_id="M", result=result, settle=at_once, void_price_cents=price, by="root"
        )
    )
    if not at_once:
        assert states(desk) == {
            **dict.fromkeys(("running", "paused", "created", "last"), "stopped"),
            **dict.fromkeys(("pending", "incomplete"), "refunded"),
        }
        assert desk.steps("running")[-1] == "stopped MARKET_RESOLVED"
        desk.market.do(SettleMarket(at=desk.at, market_id="M", by="root"))
    ends = states(desk)
    assert ends.pop("last") == ("refunded" if auto_refund else "stopped")
    assert set(ends.values()) == {"refunded"}
    assert desk.steps("running")[-2:] == ["stopped MARKET_RESOLVED", "refunded MARKET_SETTLED"]
    assert desk.steps("incomplete")[-2:] == ["failed MARKET_RESOLVED", "refunded REFUND"]
    assert desk.trail("running")[-1].actor_type == "SYSTEM"
    # Each of Ann's 8 YES pays 100 cents, or 50.
    paid = 8 * (100 if result == "YES" else 50) if shares else 0
    assert desk.market.exchange.accounts["ann"].available == before + paid
    if not auto_refund:
        desk.granted(desk.take_out("last", all=True, owner="ben"))
        assert desk.state("last") is MmState.REFUNDED


def owned(desk: Desk) -> int:
    """All of Ann's cash, wherever it is."""
    own = [order.cash for order in desk.market.exchange.making.orders.values() if order.owner.id == "ann"]
    return desk.market.exchange.accounts["ann"].available + sum(own)


@pytest.mark.parametrize("settle", [False, True])
def test_an_end_in_portions_is_followed_with_the_last_of_them(settle: bool) -> None:
    desk = everywhere(shares=True)
    desk.market.exchange.portion = 1
    desk.market.do(ResolveMarket(at=desk.at, market_id="M", result="NO", settle=settle, by="root"))
    assert desk.state("running").value == ("refunded" if settle else "stopped")
    assert desk.state("pending").value == "refunded"


def test_a_trading_window_that_ends_suspends_the_orders_too() -> None:
    start = some_market().at
    desk = some_market(trading_end_at=start + 3_600 * SECOND)
    desk.open()
    desk.quote(desk.lease(), 0)
    desk.tick(3_590)
    desk.tick(10)
    assert desk.steps()[-1] == "CYCLE MARKET_SUSPENDED"
    assert desk.quotes() == 0
    desk.tick(300)
    assert desk.steps()[-1] == "paused MARKET_SUSPENDED"


def test_all_events_of_a_change_name_the_fact_that_changed_the_market() -> None:
    desk = everywhere()
    head = desk.market.exchange.head
    desk.market.play("root suspends")
    (event,) = [event for event in desk.trail("running") if event.reason == "MARKET_SUSPENDED"]
    assert event.trigger_id == f"mkt:{head + 1}"
    assert (event.actor_type, event.job_name) == ("MARKET", "SUSPEND_MARKET")
