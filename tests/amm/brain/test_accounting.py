"""Fills, mints and burns in the books, each exactly once: the numbers of scenario 9."""

import pytest

from amm.brain.arithmetic import CENT
from amm.brain.phases import Phase
from amm.brain.policy import Holdings, Kind, PairOperation, choose, idempotency_key
from amm.brain.quoting.inventory import Fill, Inventory, Ledger, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.skew import inventory_skew
from tests.amm.parts import HOUR, config


def fill(number: int, side: Side, price: int, quantity: int, fee: int = 0) -> Fill:
    return Fill(f"TRD_{number}", (Leg(side, f"order-{number}", price, quantity, fee, False),))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Inventory(2_500, 2_500, 125_000, 125_000, 250_000))


def test_scenario_9_sales_release_their_share_of_the_cost(ledger: Ledger) -> None:
    """40 YES at 54 bring 2,160 less 3; 30 NO at 47 bring 1,410 less 2. Each share had cost 50."""
    ledger.take(1, [fill(1, Side.ASK, 54, 40, fee=3)])
    inventory = ledger.inventory
    assert (inventory.cash, inventory.yes_cost, inventory.realized_pnl) == (252_157, 123_000, 160)
    ledger.take(2, [fill(2, Side.BID, 47, 30, fee=2)])
    inventory = ledger.inventory
    assert (inventory.cash, inventory.no_cost, inventory.realized_pnl) == (253_565, 123_500, 160 - 90)
    assert inventory.fees_paid == 5


def test_the_last_share_takes_the_whole_remaining_cost() -> None:
    """Three shares for 100: floors leave 34 for the last one."""
    ledger = Ledger(Inventory(yes=3, yes_cost=100))
    for number in range(3):
        assert ledger.take(number + 1, [fill(number, Side.ASK, 40, 1)])[1] == []
    assert (ledger.inventory.yes, ledger.inventory.yes_cost) == (0, 0)


def test_a_burn_turns_pairs_back_at_their_cost(ledger: Ledger) -> None:
    ledger.mint(5, -1_000)
    inventory = ledger.inventory
    assert (inventory.yes, inventory.no, inventory.cash, inventory.realized_pnl) == (1_500, 1_500, 350_000, 0)


def test_mint_and_burn_do_not_change_what_we_are_worth(ledger: Ledger) -> None:
    before = ledger.inventory.equity(61_234_567)
    ledger.mint(5, 300)
    ledger.mint(6, -700)
    assert ledger.inventory.equity(61_234_567) == before


def test_a_journal_id_or_a_trade_counts_once(ledger: Ledger) -> None:
    first = fill(1, Side.ASK, 54, 40)
    for seq in (7, 7, 8, 6, None):
        ledger.take(seq, [first])
    assert (ledger.inventory.yes, ledger.duplicates) == (2_460, 4)


def test_a_trade_that_comes_again_with_other_numbers_is_a_fault(ledger: Ledger) -> None:
    ledger.take(7, [fill(1, Side.ASK, 54, 40)])
    _, faults = ledger.take(8, [fill(1, Side.ASK, 54, 41)])
    assert len(faults) == 1


def test_selling_more_than_there_is_is_a_fault(ledger: Ledger) -> None:
    _, faults = ledger.take(7, [fill(1, Side.ASK, 54, 2_501)])
    assert any("yes is -1" in fault for fault in faults)


def test_an_adopted_position_keeps_what_happened_after_it(ledger: Ledger) -> None:
    """The answer is from journal id 10; the fill at 11 has already been booked here."""
    ledger.take(9, [fill(1, Side.ASK, 54, 40)])
    ledger.take(11, [fill(2, Side.BID, 50, 10)])
    ledger.adopt(10, (2_459, 2_500, 122_950, 125_000), money_complete=True)
    inventory = ledger.inventory
    assert (inventory.yes, inventory.no, ledger.applied_seq) == (2_459, 2_490, 11)


def test_a_fill_inside_an_adopted_position_brings_only_its_money(ledger: Ledger) -> None:
    """The position of journal id 20 already lacks the 40 shares; the event at 15 comes later."""
    ledger.adopt(20, (2_460, 2_500, 123_000, 125_000), money_complete=False)
    late = fill(1, Side.ASK, 54, 40, fee=3)
    ledger.take(15, [late])
    ledger.take(15, [late])
    assert (ledger.inventory.yes, ledger.inventory.cash) == (2_460, 252_157)


def test_the_winning_shares_are_paid_in_full(ledger: Ledger) -> None:
    ledger.settle(ledger.inventory.yes)
    inventory = ledger.inventory
    assert (inventory.cash, inventory.yes, inventory.no, inventory.realized_pnl) == (500_000, 0, 0, 0)


def holdings(yes: int, no: int, cash: int, free: int | None = None) -> Holdings:
    free_yes, free_no = (yes, no) if free is None else (free, free)
    return Holdings(yes, no, free_yes, free_no, cash, inventory_skew(yes, no, 1_000))


def test_scenario_9_little_cash_burns_pairs_down_to_the_reserve() -> None:
    """300 pairs less the 100 in reserve; 410 would be wanted."""
    chosen = choose(config(), holdings(300, 900, 9_000), Phase.STABILIZATION, None)
    assert chosen is not None
    assert (chosen.kind, chosen.quantity, chosen.locked) == (Kind.BURN, 200, False)


def test_scenario_9_much_cash_and_few_shares_of_both_mints() -> None:
    chosen = choose(config(), holdings(150, 180, 120_000), Phase.STABILIZATION, None)
    assert chosen == PairOperation(Kind.MINT, 850)


def test_scenario_9_one_outcome_in_plenty_does_not_mint() -> None:
    assert choose(config(), holdings(150, 600, 120_000), Phase.STABILIZATION, None) is None


@pytest.mark.parametrize(
    ("held", "phase", "left"),
    [
        (holdings(150, 180, 49_999), Phase.STABILIZATION, None),
        (holdings(150, 180, 120_000), Phase.EXPLORATION, None),
        (holdings(150, 180, 120_000), Phase.STABILIZATION, 24 * HOUR),
        (holdings(200, 180, 120_000), Phase.STABILIZATION, None),
    ],
    ids=["too little cash", "exploring", "a day before the end", "enough YES"],
)
def test_each_condition_of_a_mint_is_needed(held: Holdings, phase: Phase, left: int | None) -> None:
    assert choose(config(), held, phase, left) is None


@pytest.mark.parametrize(
    "held",
    [holdings(300, 900, 10_000), holdings(49, 900, 0), holdings(100, 900, 0)],
    ids=["enough cash", "too few pairs", "only the reserve"],
)
def test_each_condition_of_a_burn_is_needed(held: Holdings) -> None:
    assert choose(config(), held, Phase.STABILIZATION, None) is None


def test_locked_pairs_are_asked_for_before_they_are_burned() -> None:
    chosen = choose(config(), holdings(300, 900, 9_000, free=20), Phase.STABILIZATION, None)
    assert chosen is not None
    assert (chosen.quantity, chosen.wanted, chosen.locked) == (20, 200, True)


def test_a_trending_market_may_be_replenished_on_one_side() -> None:
    """NET_LIMIT: the smaller side counts, and the net position is bounded instead."""
    settings = config(inv__replenish_mode="NET_LIMIT")
    held = holdings(150, 600, 120_000)
    assert choose(settings, held, Phase.STABILIZATION, None) == PairOperation(Kind.MINT, 850)
    tight = config(inv__replenish_mode="NET_LIMIT", defense__max_net_position=400)
    assert choose(tight, held, Phase.STABILIZATION, None) is None


def test_the_key_of_an_operation_changes_with_the_journal() -> None:
    key = idempotency_key("M", PairOperation(Kind.MINT, 850), 77)
    assert key == "amm:M:mint:77:850"
    assert key != idempotency_key("M", PairOperation(Kind.MINT, 850), 78)


def test_equity_counts_both_outcomes_at_the_fair_price() -> None:
    """Scenario 5: 340,000 and 700 YES at 85 and 2,500 NO at 15."""
    assert Inventory(700, 2_500, 0, 0, 340_000).equity(85 * CENT) == 437_000
    assert Inventory(1, 0, 0, 0, 0).equity(CENT // 2) == 0
