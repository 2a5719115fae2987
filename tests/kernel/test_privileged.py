"""What only the market maker may do: mint, burn, cancel in batches; and its start and stop."""

import pytest

from kernel.answers import AmmRunning, AmmStoppedNow, BatchCancelled, Burned, Minted, Refusal
from kernel.codes import (
    AMM_ID,
    AmmStatus,
    AmmStopCause,
    CancelReason,
    Code,
    DepositCause,
    KeyKind,
    OrderStatus,
    StopMode,
)
from kernel.commands import AuthorizeAmm
from kernel.events import AmmStarted, AmmStopped, FundsDeposited, SharesBurned, SharesMinted
from tests.kernel.language import command
from tests.kernel.trading import SECOND, Trading, ledger


def authorize(market: Trading, *, authorized: bool, market_id: str = "M") -> int:
    """Set the flag; returns how many facts that made."""
    wish = AuthorizeAmm(at=market.now, market_id=market_id, authorized=authorized, by="root")
    outcome = market.do(wish)
    assert not isinstance(outcome.answer, Refusal)
    return len(outcome.facts)


# Mint


def test_a_mint_turns_cash_into_pairs_at_50_and_50() -> None:
    market = Trading(AMM=500_000)
    answer = market.answer(Minted, "AMM mints 1000 with key k")
    assert answer == Minted("M", 1_000, 100_000, 1_000, 1_000, 400_000)
    assert market.holds("AMM", yes=1_000, yes_cost=50_000, no=1_000, no_cost=50_000)
    fact = market.facts[-1]
    assert isinstance(fact.event, SharesMinted)
    assert fact.event.trade.realized_pnl is None
    assert (market.reserve, market.pnl_pool) == (100_000, 0)
    assert market.market().last_trade_price is None


@pytest.mark.parametrize("verb", ["mints", "burns"])
@pytest.mark.parametrize("user_id", ["ann", "nobody", "SYSTEM_RESERVE"])
def test_anybody_else_is_turned_away_before_the_request_is_looked_at(verb: str, user_id: str) -> None:
    market = Trading(ann=1_000)
    assert market.refused(f"{user_id} {verb} -5 in NOWHERE").code is Code.AMM_ONLY


@pytest.mark.parametrize("verb", ["mints", "burns"])
@pytest.mark.parametrize("quantity", [-(10**30), -1, 0, 10_000_001, 10**30])
def test_m0_a_quantity_out_of_range_is_malformed_even_for_a_used_key(verb: str, quantity: int) -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 1 with key k", "AMM burns 1 with key k")
    refusal = market.refused(f"AMM {verb} {quantity} with key k in NOWHERE")
    assert refusal.code is Code.MALFORMED
    assert refusal.data is not None
    assert refusal.data["errors"][0]["field"] == "quantity"


@pytest.mark.parametrize("verb", ["mints", "burns"])
def test_m0_keys_of_the_start_are_reserved(verb: str) -> None:
    market = Trading(AMM=10_000)
    refusal = market.refused(f"AMM {verb} 1 with key amm_start_M_1")
    assert refusal.code is Code.MALFORMED
    assert refusal.data is not None
    assert refusal.data["errors"][0]["field"] == "idempotency_key"


def test_m1_the_same_request_again_answers_with_the_original_numbers() -> None:
    """Whatever happened meanwhile: what the account has now is not what is asked."""
    market = Trading(AMM=10_000)
    first = market.answer(Minted, "AMM mints 10 with key k")
    market.play("AMM mints 5")
    again = market.answer(Minted, "AMM mints 10 with key k")
    assert again.repeated
    assert (again.new_yes_inventory, again.remaining_balance) == (10, 9_000)
    assert (first.new_yes_inventory, first.remaining_balance) == (10, 9_000)
    assert market.holds("AMM", yes=15)


@pytest.mark.parametrize("verb", ["mints", "burns"])
@pytest.mark.parametrize("line", ["2 with key k", "1 with key k in N", "1 with key k in NOWHERE"])
def test_m1_before_m2_a_used_key_for_another_request_is_refused(verb: str, line: str) -> None:
    market = Trading(AMM=10_000)
    market.create("N")
    market.play("AMM mints 1 with key k", "AMM burns 1 with key k")
    assert market.refused(f"AMM {verb} {line}").code is Code.IDEMPOTENCY_KEY_USED


def test_mints_and_burns_have_keys_of_their_own() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 10 with key k", "AMM burns 4 with key k")
    assert market.holds("AMM", yes=6)


@pytest.mark.parametrize("verb", ["mints", "burns"])
def test_m2_the_market_exists_and_is_no_draft(verb: str) -> None:
    market = Trading(AMM=10_000)
    market.create("D", activate=False)
    for market_id in ("NOWHERE", "D"):
        assert market.refused(f"AMM {verb} 1 in {market_id}").code is Code.MARKET_NOT_FOUND


def test_m3_before_m4_a_closed_market_before_a_missing_authorisation() -> None:
    market = Trading(AMM=10_000)
    authorize(market, authorized=False)
    assert market.refused("AMM mints 1").code is Code.AMM_NOT_AUTHORIZED
    market.play("root suspends")
    assert market.refused("AMM mints 1").code is Code.MARKET_NOT_OPEN


def test_m4_before_m6_authorisation_before_cash() -> None:
    market = Trading(AMM=10_000)
    authorize(market, authorized=False)
    assert market.refused("AMM mints 10000").code is Code.AMM_NOT_AUTHORIZED
    authorize(market, authorized=True)
    assert market.refused("AMM mints 10000").code is Code.INSUFFICIENT_BALANCE


def test_m5_before_m6_volumes_fit_31_bits() -> None:
    """The volume is put there by hand: to mint it would take 215 billion cents."""
    market = Trading(AMM=10_000)
    market.play("AMM mints 1")
    market.exchange.markets["M"].positions[AMM_ID].yes.opening = 2**31 - 1 - 3
    answer = market.exchange.execute(command(market, "AMM mints 3")).answer
    assert isinstance(answer, Refusal)
    assert answer.code is Code.LIMIT_EXCEEDED
    assert isinstance(market.exchange.execute(command(market, "AMM mints 2")).answer, Minted)


def test_m6_cash_to_the_cent() -> None:
    market = Trading(AMM=1_000)
    assert market.refused("AMM mints 11").message == (
        "Insufficient balance: required 1100 cents, available 1000 cents"
    )
    market.play("AMM mints 10")
    assert market.holds("AMM", available=0)


def test_authorisation_is_set_once_and_gates_start_and_mint_but_not_burn() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 10")
    assert authorize(market, authorized=True) == 0
    assert authorize(market, authorized=False) == 1
    assert authorize(market, authorized=False) == 0
    assert market.refused("AMM mints 1").code is Code.AMM_NOT_AUTHORIZED
    assert market.refused("root starts the AMM with 500 at 50").code is Code.AMM_NOT_AUTHORIZED
    market.play("AMM burns 10")
    wish = AuthorizeAmm(at=market.now, market_id="NOWHERE", authorized=True, by="root")
    assert market.refused(wish).code is Code.MARKET_NOT_FOUND


# Burn


def test_a_burn_gives_100_cents_a_pair_and_realizes_the_difference_to_its_cost() -> None:
    market = Trading(AMM=10_000, ann=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("AMM mints 10", "AMM buys 10 YES at 80", "ann buys 10 NO at 20")
    answer = market.answer(Burned, "AMM burns 10 with key k")
    # YES: 20 for 500 + 800, so 10 release 650. NO: 10 for 500.
    assert market.pnl_pool == 1_000 - 650 - 500
    assert answer == Burned("M", 10, 1_000, 10, 0, 10_000 - 1_000 - 800 + 1_000)
    event = market.facts[-1].event
    assert isinstance(event, SharesBurned)
    assert (event.yes_cost_released, event.no_cost_released, event.trade.realized_pnl) == (650, 500, -150)
    assert market.answer(Burned, "AMM burns 10 with key k").repeated


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["AMM sells 3 YES at 90"], "Not enough free YES shares: required 8, free 7"),
        (["AMM sells 3 NO at 90"], "Not enough free NO shares: required 8, free 7"),
    ],
)
def test_only_free_pairs_burn(lines: list[str], message: str) -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 10", *lines)
    refusal = market.refused("AMM burns 8")
    assert (refusal.code, refusal.message) == (Code.INSUFFICIENT_SHARES, message)
    market.play("AMM burns 7")


def test_burning_where_nothing_was_ever_held_is_refused() -> None:
    assert Trading(AMM=100).refused("AMM burns 1").code is Code.INSUFFICIENT_SHARES


# Batch cancel


def quotes() -> Trading:
    market = Trading(AMM=20_000, ann=10_000)
    market.play("AMM mints 100")
    market.play("AMM buys 10 YES at 40 as by", "AMM buys 10 NO at 40 as bn")
    market.play("AMM sells 10 YES at 70 as sy", "AMM sells 20 NO at 70 as sn", "ann buys 1 YES at 10 as a")
    return market


@pytest.mark.parametrize(
    ("scope", "cancelled", "funds", "yes", "no"),
    [
        ("everything", ["by", "bn", "sy", "sn"], 2 * 401, 10, 20),
        ("buys", ["by", "bn"], 2 * 401, 0, 0),
        ("sells", ["sy", "sn"], 0, 10, 20),
    ],
)
def test_a_batch_cancel_takes_what_is_in_scope_in_acceptance_order(
    scope: str, cancelled: list[str], funds: int, yes: int, no: int
) -> None:
    """The scope looks at what the order was for its user: buying NO is a buy, although the book sells."""
    market = quotes()
    head = market.exchange.head
    answer = market.answer(BatchCancelled, f"AMM cancels {scope}")
    assert answer == BatchCancelled("M", len(cancelled), funds, yes, no)
    assert market.told(head) == ["ORDER_CANCELLED"] * len(cancelled)
    gone = [name for name in ("by", "bn", "sy", "sn") if not market.order("AMM", name).is_live]
    assert gone == cancelled
    order_ids = [getattr(fact.event, "order_id", None) for fact in market.facts if fact.id > head]
    assert order_ids == [market.order("AMM", name).id for name in cancelled]
    assert {market.order("AMM", name).cancel_reason for name in cancelled} == {CancelReason.BATCH_CANCELLED}
    assert market.order("ann", "a").is_live


def test_a_batch_cancel_of_nothing_succeeds_with_zeros() -> None:
    market = Trading(AMM=1_000)
    assert market.answer(BatchCancelled, "AMM cancels everything") == BatchCancelled("M", 0, 0, 0, 0)


def test_a_batch_cancel_leaves_other_markets_alone() -> None:
    market = quotes()
    market.create("N")
    market.play("AMM buys 1 YES at 40 as n in N", "AMM cancels everything")
    assert market.order("AMM", "n").is_live


def test_a_batch_cancel_is_refused_in_the_order_of_its_checks() -> None:
    market = quotes()
    market.create("D", activate=False)
    assert market.refused("ann cancels everything in NOWHERE").code is Code.AMM_ONLY
    assert market.refused("AMM cancels everything in NOWHERE").code is Code.MARKET_NOT_FOUND
    assert market.refused("AMM cancels everything in D").code is Code.MARKET_NOT_FOUND
    market.play("root halts")
    assert market.refused("AMM cancels everything").code is Code.MARKET_NOT_OPEN


@pytest.mark.parametrize("line", ["root suspends", "root resolves YES without settling", "root voids"])
def test_a_batch_cancel_succeeds_in_every_market_that_stands_or_is_over(line: str) -> None:
    market = quotes()
    market.play(line, "AMM cancels everything")


# Start and stop


def test_a_start_pays_in_mints_half_and_runs() -> None:
    """Budget 500000: 2500 pairs for 250000, and 250000 stay cash."""
    market = Trading()
    head = market.exchange.head
    answer = market.answer(AmmRunning, "root starts the AMM with 500000 at 62")
    assert answer == AmmRunning("M", 500_000, 2_500, market.now)
    assert market.told(head) == ["FUNDS_DEPOSITED", "SHARES_MINTED", "AMM_STARTED"]
    assert market.holds("AMM", available=250_000, yes=2_500, no=2_500, yes_cost=125_000)
    assert market.entries() == ledger(
        """
        | 1 | AMM            | DEPOSIT         | +500000 | 500000 |
        | 2 | AMM            | MINT_COST       | -250000 | 250000 |
        | 3 | SYSTEM_RESERVE | MINT_RESERVE_IN | +250000 | 250000 |
        """
    )
    deposited, minted, started = (fact.event for fact in market.facts[-3:])
    assert isinstance(deposited, FundsDeposited)
    assert deposited.cause is DepositCause.AMM_START
    assert isinstance(minted, SharesMinted)
    assert minted.idempotency_key == "amm_start_M_1"
    assert isinstance(started, AmmStarted)
    assert (started.start_count, started.initial_price_cents, started.initial_mint_quantity) == (1, 62, 2_500)


@pytest.mark.parametrize(("budget", "pairs"), [(1, 0), (199, 0), (200, 1), (399, 1)])
def test_a_budget_too_small_for_a_pair_mints_none(budget: int, pairs: int) -> None:
    market = Trading()
    head = market.exchange.head
    assert (
        market.answer(AmmRunning, f"root starts the AMM with {budget} at 50").initial_mint_quantity == pairs
    )
    assert ("SHARES_MINTED" in market.told(head)) is (pairs > 0)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("root starts the AMM with 0 at 50", "initial_budget_cents"),
        ("root starts the AMM with -5 at 50", "initial_budget_cents"),
        ("root starts the AMM with 2000000001 at 50", "initial_budget_cents"),
        ("root starts the AMM with 100 at 0", "initial_price_cents"),
        ("root starts the AMM with 100 at 100", "initial_price_cents"),
        ("root starts the AMM with 100 at -1 in NOWHERE", "initial_price_cents"),
    ],
)
def test_a_malformed_start_is_told_first(line: str, field: str) -> None:
    refusal = Trading().refused(line)
    assert refusal.code is Code.MALFORMED
    assert refusal.data is not None
    assert refusal.data["errors"][0]["field"] == field


def test_the_largest_budget_starts() -> None:
    Trading().play("root starts the AMM with 2000000000 at 99")


def test_a_start_is_refused_in_the_order_of_its_checks() -> None:
    """Unknown 3001, closed 3002 (a draft too), not authorised 6009, running 6007."""
    market = Trading()
    market.create("D", activate=False)
    start = "root starts the AMM with 500 at 50"
    market.play(start)
    assert market.refused(start).code is Code.AMM_RUNNING
    authorize(market, authorized=False)
    assert market.refused(start).code is Code.AMM_NOT_AUTHORIZED
    market.play("root suspends")
    assert market.refused(start).code is Code.MARKET_NOT_OPEN
    assert market.refused(f"{start} in D").code is Code.MARKET_NOT_OPEN
    assert market.refused(f"{start} in NOWHERE").code is Code.MARKET_NOT_FOUND


def test_a_start_mints_no_more_than_a_volume_holds() -> None:
    """C-3: 2500 pairs more than 31 bits hold are refused, and nothing is paid in."""
    market = Trading(AMM=100)
    market.play("AMM mints 1")
    market.exchange.markets["M"].positions[AMM_ID].no.opening = 2**31 - 1 - 2_500
    before = market.exchange.digest()
    answer = market.exchange.execute(command(market, "root starts the AMM with 500000 at 50")).answer
    assert isinstance(answer, Refusal)
    assert answer.code is Code.LIMIT_EXCEEDED
    assert market.exchange.digest() == before


def test_a_start_keeps_to_the_trading_window() -> None:
    market = Trading()
    market.create("W", terms={"trading_end_at": market.now + 10 * SECOND})
    market.now += 10 * SECOND
    assert market.refused("root starts the AMM with 500 at 50 in W").code is Code.MARKET_NOT_OPEN


@pytest.mark.parametrize(("how", "mode"), [("", StopMode.GRACEFUL), (" at once", StopMode.IMMEDIATE)])
def test_a_stop_cancels_the_orders_of_that_market_and_keeps_the_inventory(how: str, mode: StopMode) -> None:
    market = quotes()
    market.play("root starts the AMM with 2000 at 50")
    head = market.exchange.head
    answer = market.answer(AmmStoppedNow, f"root stops the AMM{how}")
    assert market.told(head) == ["ORDER_CANCELLED"] * 4 + ["AMM_STOPPED"]
    assert (answer.stop_mode, answer.cancelled_orders_count) == (mode, 4)
    assert (answer.remaining_yes_inventory, answer.remaining_no_inventory) == (110, 110)
    assert answer.remaining_balance == 10_000 + 1_000
    assert market.order("AMM", "by").cancel_reason is CancelReason.AMM_STOPPED
    event = market.facts[-1].event
    assert isinstance(event, AmmStopped)
    assert (event.cause, event.cancelled_orders_count) == (AmmStopCause.ADMIN, 4)
    assert market.refused("root stops the AMM").code is Code.AMM_NOT_RUNNING


def test_a_stop_while_halted_leaves_the_orders_until_the_market_moves_on() -> None:
    market = quotes()
    market.play("root starts the AMM with 2000 at 50", "root halts")
    assert market.answer(AmmStoppedNow, "root stops the AMM").cancelled_orders_count == 0
    assert market.order("AMM", "by").status is OrderStatus.OPEN


def test_a_stop_where_nothing_runs_is_refused() -> None:
    market = Trading()
    market.create("D", activate=False)
    assert market.refused("root stops the AMM").code is Code.AMM_NOT_RUNNING
    assert market.refused("root stops the AMM in D").code is Code.AMM_NOT_RUNNING
    assert market.refused("root stops the AMM in NOWHERE").code is Code.MARKET_NOT_FOUND


def test_a_second_start_clears_the_stop_and_has_its_own_key() -> None:
    market = Trading()
    market.play(
        "root starts the AMM with 500 at 50", "root stops the AMM", "root starts the AMM with 700 at 60"
    )
    run = market.market().amm
    assert run is not None
    assert (run.status, run.start_count, run.stopped_at, run.stop_mode) == (AmmStatus.RUNNING, 2, None, None)
    started = [fact.at for fact in market.facts if isinstance(fact.event, AmmStarted)]
    assert [run.first_started_at, run.started_at] == started
    assert started[0] < started[1]
    assert sorted(market.exchange.keys.uses[KeyKind.MINT]) == ["amm_start_M_1", "amm_start_M_2"]


def test_a_settlement_stops_a_running_amm_without_a_mode() -> None:
    market = quotes()
    market.play("root starts the AMM with 2000 at 50")
    head = market.exchange.head
    market.play("root resolves YES")
    assert market.told(head)[-1] == "AMM_STOPPED"
    run = market.market().amm
    assert run is not None
    assert (run.status, run.stop_mode, run.stopped_at) == (AmmStatus.STOPPED, None, market.now)
    event = market.facts[-1].event
    assert isinstance(event, AmmStopped)
    assert event.cause is AmmStopCause.MARKET_SETTLED


def test_quoting_does_not_need_a_start() -> None:
    """RUNNING is a record, not a permission."""
    market = quotes()
    assert market.market().amm is None
