"""What an owner takes out: what is free, once per key, and all of it only where nothing stays behind."""

import pytest

from kernel.answers import Answer, Refusal
from kernel.codes import Side
from kernel.events import NettingExecuted
from kernel.making_answers import MmWithdrawn
from kernel.making_edges import MmControl, MmState
from tests.kernel.making.desk import Desk, code
from tests.kernel.making.scene import some_market
from tests.kernel.trading import Trading

PAUSE, STOP = MmControl.PAUSE, MmControl.STOP


def moved(answer: Answer | Refusal) -> tuple[int, int, int, int]:
    assert isinstance(answer, MmWithdrawn), answer
    return answer.cash_cents, answer.yes, answer.no, answer.burned_pairs


def example() -> Desk:
    desk = some_market()
    desk.market.open("cat", 100_000)
    desk.market.play("ann buys 30 YES at 50", "ben buys 30 NO at 50")
    desk.granted(desk.ask_for(cash=60_000, yes=30, no=10))
    desk.granted(desk.pay(amount=30, asset=desk.order().legs[1].asset))
    desk.market.play("ann buys 10 NO at 50", "cat buys 10 YES at 50")
    desk.granted(desk.pay(amount=10, asset=desk.order().legs[2].asset))
    desk.granted(desk.pay(amount=60_000))
    desk.granted(desk.tell(STOP))
    return desk


def test_the_published_example_of_all_with_pairs_merged() -> None:
    desk = example()
    before = desk.market.exchange.accounts["ann"].available
    assert moved(desk.take_out(all=True, merge_pairs=True)) == (61_000, 20, 0, 10)
    assert desk.market.holds("ann", available=before + 61_000, yes=20, no=0)
    assert desk.steps()[-1] == "refunded WITHDRAWN"
    assert desk.order().is_empty
    told = [fact.event.__struct_config__.tag for fact in desk.market.facts[-4:]]
    assert told == ["SHARES_BURNED", "FUNDS_TRANSFERRED", "SHARES_TRANSFERRED", "MM_ORDER_CHANGED"]


def test_without_merging_the_pairs_are_netted_where_they_arrive() -> None:
    """The same in value: 10 pairs become 1,000 cents on Ann's account."""
    desk = example()
    before = desk.market.exchange.accounts["ann"].available
    answer = desk.take_out(all=True)
    assert moved(answer) == (60_000, 30, 10, 0)
    assert isinstance(answer, MmWithdrawn)
    assert answer.netted_pairs == 10
    assert desk.market.holds("ann", available=before + 61_000, yes=20, no=0)


def test_the_published_example_of_netting_at_receipt() -> None:
    """10 YES that cost 500 come to who holds 6 NO that cost 240: 6 pairs net, 600 cents, 4 YES for 200."""
    desk = Desk(Trading(ann=200_000, ben=100_000, cat=100_000, maker_fee_bps=0, taker_fee_bps=0))
    desk.market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50")
    desk.open(yes=10)
    desk.market.play("cat buys 6 YES at 60", "ann buys 6 NO at 40")
    assert desk.market.holds("ann", no=6, no_cost=240)
    before = desk.market.exchange.accounts["ann"].available
    desk.granted(desk.tell(STOP))
    desk.granted(desk.take_out(all=True))
    assert desk.market.holds("ann", available=before + 100_000 + 600, yes=4, yes_cost=200, no=0)
    netted = [fact.event for fact in desk.market.facts if isinstance(fact.event, NettingExecuted)]
    assert [(event.quantity, event.released_cents) for event in netted] == [(6, 600)]


def test_from_stopped_any_amount_and_the_last_cent_ends_it() -> None:
    desk = some_market()
    desk.open()
    desk.tell(STOP)
    desk.granted(desk.take_out(cash=1))
    assert desk.steps()[-1] == "WITHDRAWAL USER_REQUEST"
    desk.granted(desk.take_out(cash=99_999))
    assert desk.steps()[-1] == "refunded WITHDRAWN"


def test_from_paused_enough_must_stay_for_it_to_go_on() -> None:
    desk = some_market()
    desk.open()
    desk.tell(PAUSE)
    refusal = desk.take_out(cash=90_001)
    assert code(refusal) == 7108
    assert isinstance(refusal, Refusal)
    assert refusal.data == {"max_cash_cents": 100_000, "max_yes": 0, "max_no": 0}
    desk.granted(desk.take_out(cash=90_000))
    assert desk.state() is MmState.PAUSED
    assert desk.order().paid_out_cents == 90_000


def test_all_from_paused_stops_it_first() -> None:
    desk = some_market()
    desk.open()
    desk.tell(PAUSE)
    desk.granted(desk.take_out(all=True))
    assert desk.steps()[5:] == ["stopped USER_REQUEST", "refunded WITHDRAWN"]


def test_a_running_one_is_paused_first_in_the_same_command_or_not_touched() -> None:
    desk = some_market()
    desk.open()
    lease = desk.lease()
    desk.quote(lease, 0)
    assert code(desk.take_out(all=True)) == 7102
    assert code(desk.take_out(cash=100_001, pause_first=True)) == 7108
    assert desk.state() is MmState.RUNNING
    assert moved(desk.take_out(all=True, pause_first=True)) == (100_000, 0, 0, 0)
    assert desk.steps()[4:] == ["paused USER_REQUEST", "stopped USER_REQUEST", "refunded WITHDRAWN"]


def test_a_key_moves_once() -> None:
    desk = some_market()
    desk.open()
    desk.tell(STOP)
    first = desk.take_out(cash=5, key="k")
    head = desk.market.exchange.head
    again = desk.take_out(cash=5, key="k")
    assert moved(again) == moved(first)
    assert isinstance(again, MmWithdrawn)
    assert (again.repeated, desk.market.exchange.head) == (True, head)
    assert code(desk.take_out(cash=6, key="k")) == 7107
    desk.take_out(all=True)
    assert moved(desk.take_out(cash=5, key="k")) == (5, 0, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"cash": -1, "yes": 2}, {"cash": 2**63}, {"cash": 1, "all": True}, {"yes": -1, "no": 1}],
)
def test_amounts_that_make_no_sense_are_malformed(wrong: dict[str, int]) -> None:
    desk = some_market()
    desk.open()
    desk.tell(STOP)
    assert code(desk.take_out(**wrong)) == 9004  # type: ignore[arg-type]


def test_shares_stay_in_a_halted_market_and_cash_goes() -> None:
    desk = example()
    desk.market.play("root halts")
    assert code(desk.take_out(all=True)) == 3002
    assert code(desk.take_out(cash=1, yes=1)) == 3002
    desk.granted(desk.take_out(cash=1))


def test_pairs_are_merged_only_where_the_market_trades() -> None:
    desk = example()
    desk.market.play("root suspends")
    assert code(desk.take_out(all=True, merge_pairs=True)) == 3002
    desk.granted(desk.take_out(all=True))


def test_what_is_on_offer_in_a_halted_market_is_locked() -> None:
    desk = some_market()
    desk.open()
    desk.quote(desk.lease(), 0, Side.YES, 48)
    desk.market.play("root halts")
    assert desk.state() is MmState.PAUSED
    assert not desk.order().is_drained
    assert code(desk.take_out(all=True)) == 7108
    assert code(desk.take_out(cash=100_000)) == 7108
    assert code(desk.tell(MmControl.RESUME)) == 7102
    desk.granted(desk.take_out(cash=80_000))


def test_a_hundred_withdrawals_and_no_more() -> None:
    desk = some_market()
    desk.open(policy={"changes_per_hour": 1_000})
    desk.tell(STOP)
    for _ in range(100):
        desk.granted(desk.take_out(cash=1))
    assert code(desk.take_out(cash=1)) == 7104
