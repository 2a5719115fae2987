"""Accounts: cash in and out, sub-accounts of one owner, transfers, the fence, the guard."""

import pytest

from kernel import Exchange
from kernel.answers import (
    BalanceMoved,
    BatchCancelled,
    Burned,
    FenceStands,
    GuardStands,
    Opened,
    Refusal,
    Replaced,
    Transferred,
)
from kernel.codes import AMM_ID, FEES_ID, RESERVE_ID, CancelReason, Code, OrderStatus, Side
from kernel.commands import CancelOrder, FireGuard, OpenAccount, OpenJournal, RaiseFence, SetGuard
from kernel.events import AccountOpened, FundsTransferred, JournalOpened, SharesTransferred, reference
from tests.kernel.trading import Trading, ledger

# Opening


def test_the_journal_opens_with_the_systems_own_accounts() -> None:
    """All with nothing in them; only the market maker keeps pairs."""
    exchange = Exchange()
    facts = exchange.execute(OpenJournal(at=1_700_000_000_123_456)).facts
    first, *rest = (fact.event for fact in facts)
    assert first == JournalOpened(format=1, started_at_ms=1_700_000_000_123)
    assert rest == [
        AccountOpened(user_id=RESERVE_ID, owner_id=RESERVE_ID, auto_netting_enabled=True),
        AccountOpened(user_id=FEES_ID, owner_id=FEES_ID, auto_netting_enabled=True),
        AccountOpened(user_id=AMM_ID, owner_id=AMM_ID, auto_netting_enabled=False),
    ]
    assert [fact.id for fact in facts] == [1, 2, 3, 4]


def test_a_journal_is_opened_once() -> None:
    market = Trading()
    with pytest.raises(AssertionError, match="open already"):
        market.exchange.execute(OpenJournal(at=market.now))


def test_whoever_registers_may_retry() -> None:
    market = Trading(ann=5)
    outcome = market.do(OpenAccount(at=market.now, user_id="ann"))
    assert (outcome.answer, outcome.facts) == (Opened("ann"), [])
    assert market.holds("ann", available=5)


# Cash in and out


def test_a_deposit_and_a_withdrawal_are_one_ledger_entry_each() -> None:
    market = Trading(ann=1_000)
    assert market.answer(BalanceMoved, "ann deposits 500") == BalanceMoved(1_500, 500, 2)
    assert market.answer(BalanceMoved, "ann withdraws 300") == BalanceMoved(1_200, 300, 3)
    assert market.entries() == ledger(
        """
        | 1 | ann | DEPOSIT  | +1000 | 1000 |
        | 2 | ann | DEPOSIT  |  +500 | 1500 |
        | 3 | ann | WITHDRAW |  -300 | 1200 |
        """
    )


@pytest.mark.parametrize("amount", [-(10**30), -1, 0, 10_000_001, 10**30])
def test_a_deposit_out_of_range_is_malformed_whoever_asks(amount: int) -> None:
    market = Trading(ann=1)
    assert market.refused(f"ann deposits {amount}").code is Code.MALFORMED
    assert market.refused(f"nobody deposits {amount}").code is Code.MALFORMED


@pytest.mark.parametrize("amount", [1, 10_000_000])
def test_a_deposit_at_its_edges_is_taken(amount: int) -> None:
    market = Trading(ann=1)
    market.play(f"ann deposits {amount}")
    assert market.holds("ann", available=1 + amount)


@pytest.mark.parametrize("amount", [-1, 0])
def test_a_withdrawal_of_nothing_is_malformed(amount: int) -> None:
    assert Trading(ann=1).refused(f"ann withdraws {amount}").code is Code.MALFORMED


def test_only_available_cash_can_be_withdrawn() -> None:
    """Frozen cash is the user's, and stays where it backs an order."""
    market = Trading(ann=1_000)
    market.play("ann buys 10 YES at 50")
    assert market.refused("ann withdraws 500").message == (
        "Insufficient balance: required 500 cents, available 499 cents"
    )
    market.play("ann withdraws 499")
    assert market.holds("ann", available=0, frozen=501)


@pytest.mark.parametrize("user_id", ["nobody", RESERVE_ID, FEES_ID, "mm:1"])
@pytest.mark.parametrize("verb", ["deposits", "withdraws"])
def test_only_users_deposit_and_withdraw(verb: str, user_id: str) -> None:
    """The system's purses and sub-accounts are not reachable this way."""
    market = Trading(ann=1)
    market.escrow("mm:1", "ann")
    assert market.refused(f"{user_id} {verb} 1").code is Code.ACCOUNT_NOT_FOUND


# Sub-accounts


def owned() -> Trading:
    """Ann with a sub-account that holds 10 YES and 1000 cents; ben, who has one too, and cat."""
    market = Trading(
        ann=10_000, ben=10_000, cat=10_000, maker_fee_bps=0, taker_fee_bps=0, max_position_per_user=30
    )
    market.escrow("mm:1", "ann")
    market.escrow("mm:2", "ben")
    market.play("ann buys 10 YES at 50", "cat buys 10 NO at 50")
    market.play("ann gives mm:1 10 YES", "ann gives mm:1 1000 cents", "ben gives mm:2 1000 cents")
    return market


def test_a_sub_account_is_opened_for_its_owner() -> None:
    market = owned()
    account = market.exchange.accounts["mm:1"]
    assert (account.owner_id, account.auto_netting) == ("ann", False)


@pytest.mark.parametrize("owner", ["nobody", RESERVE_ID, "mm:1"])
def test_the_owner_of_a_sub_account_is_a_user(owner: str) -> None:
    """Were it a sub-account itself, self-trade checks would take the two for different people."""
    market = owned()
    wish = OpenAccount(at=market.now, user_id="mm:3", owner_id=owner, auto_netting=False)
    assert market.refused(wish).code is Code.ACCOUNT_NOT_FOUND


def test_a_sub_account_never_nets() -> None:
    """Its quotes rest on both sides; netting would take the shares from under a replacement."""
    market = owned()
    wish = OpenAccount(at=market.now, user_id="mm:3", owner_id="ann", auto_netting=True)
    assert market.refused(wish).code is Code.MALFORMED


def test_an_account_is_not_opened_again_with_other_properties() -> None:
    market = owned()
    for wish in (
        OpenAccount(at=market.now, user_id="mm:1", owner_id="ben", auto_netting=False),
        OpenAccount(at=market.now, user_id="ann", auto_netting=False),
    ):
        assert isinstance(market.refused(wish), Refusal)
    outcome = market.do(OpenAccount(at=market.now, user_id="mm:1", owner_id="ann", auto_netting=False))
    assert (outcome.answer, outcome.facts) == (Opened("mm:1"), [])


@pytest.mark.parametrize(
    ("resting", "line"),
    [
        ("ann buys 1 NO at 40", "mm:1 buys 1 YES at 60 with fence 0"),
        ("mm:1 buys 1 NO at 40 with fence 0", "ann buys 1 YES at 60"),
        ("mm:1 sells 1 YES at 60 with fence 0", "ann buys 1 YES at 60"),
    ],
)
def test_accounts_of_one_owner_do_not_meet(resting: str, line: str) -> None:
    market = owned()
    market.play(resting)
    assert market.refused(line).code is Code.SELF_TRADE


def test_sub_accounts_of_different_owners_meet() -> None:
    market = owned()
    market.play("mm:1 sells 1 YES at 60 with fence 0", "mm:2 buys 1 YES at 60 with fence 0")
    assert market.prints()[-1] == "1@60"
    assert market.holds("mm:2", yes=1)


def test_the_position_limit_is_the_owners() -> None:
    """10 in the sub-account and 15 on order with ann leave room for 5, in either account."""
    market = owned()
    market.play("ann buys 15 YES at 10")
    assert market.refused("mm:1 buys 6 YES at 10 with fence 0").code is Code.LIMIT_EXCEEDED
    assert market.refused("ann buys 6 YES at 10").code is Code.LIMIT_EXCEEDED
    market.play("mm:1 buys 5 YES at 10 with fence 0")


def test_a_sub_account_may_replace_burn_and_cancel_in_batches_but_not_mint() -> None:
    market = owned()
    market.play("mm:1 buys 5 NO at 40 as q with fence 0", "cat buys 5 YES at 60")
    assert market.answer(Burned, "mm:1 burns 5 with fence 0").new_yes_inventory == 5
    market.play("mm:1 buys 1 YES at 10 as old with fence 0")
    market.answer(Replaced, "mm:1 replaces old, buying 1 YES at 11 as new with fence 0")
    assert market.answer(BatchCancelled, "mm:1 cancels everything with fence 0").cancelled_count == 1
    assert market.refused("mm:1 mints 1").code is Code.AMM_ONLY


def test_a_replacement_does_not_meet_the_owners_other_orders() -> None:
    """The order it replaces does not count; every other one does."""
    market = owned()
    market.play("mm:1 buys 1 YES at 20 as old with fence 0", "ann buys 1 NO at 50")
    wish = "mm:1 replaces old, buying 1 YES at 50 with fence 0"
    assert market.refused(wish).code is Code.SELF_TRADE
    market.play("mm:1 replaces old, selling 1 YES at 20 with fence 0")


def test_a_replacement_stays_within_the_owners_limit_not_counting_what_it_replaces() -> None:
    market = owned()
    market.play("mm:1 buys 20 YES at 10 as old with fence 0")
    assert market.refused("mm:1 replaces old, buying 21 YES at 10 with fence 0").code is Code.LIMIT_EXCEEDED
    market.play("mm:1 replaces old, buying 20 YES at 11 with fence 0")


def test_not_even_the_owner_cancels_an_order_of_its_sub_account() -> None:
    """Only the layer that holds the fence commands it."""
    market = owned()
    market.play("mm:1 buys 1 YES at 20 as a with fence 0")
    wish = CancelOrder(at=market.now, user_id="ann", order_id=market.order("mm:1", "a").id)
    assert market.refused(wish).code is Code.NOT_ALLOWED


# Transfers


def test_cash_moves_in_a_pair_of_entries_that_name_the_payment() -> None:
    market = owned()
    entry = market.exchange.ledger_head + 1
    answer = market.answer(Transferred, "ann gives mm:1 300 cents with key k")
    assert answer.journal_id == market.exchange.head
    assert market.entries(entry) == ledger(
        f"""
        | {entry}     | ann  | TRANSFER_PAYMENT | -300 | 8200 |
        | {entry + 1} | mm:1 | TRANSFER_RECEIPT | +300 | 1300 |
        """
    )
    fact = market.facts[-1]
    assert isinstance(fact.event, FundsTransferred)
    assert reference(fact) == ("MM_PAYMENT", "k")
    assert fact.market_id is None


def test_shares_move_with_their_part_of_the_cost_and_realize_nothing() -> None:
    """3 of 10 shares that cost 500 take 150 along; totals, reserve and pool stay."""
    market = owned()
    before = (market.reserve, market.pnl_pool, market.market().yes_shares)
    market.play("mm:1 gives ann 3 YES for MM_WITHDRAW")
    assert market.holds("mm:1", yes=7, yes_cost=350)
    assert market.holds("ann", yes=3, yes_cost=150)
    assert (market.reserve, market.pnl_pool, market.market().yes_shares) == before
    event = market.facts[-1].event
    assert isinstance(event, SharesTransferred)
    assert (event.side, event.quantity, event.cost_cents) == (Side.YES, 3, 150)
    assert event.postings == []


def test_shares_that_complete_a_pair_are_netted_where_they_arrive() -> None:
    market = owned()
    market.play("ann buys 2 NO at 40", "cat buys 2 YES at 60")
    head = market.exchange.head
    market.play("mm:1 gives ann 5 YES for MM_WITHDRAW")
    assert market.told(head) == ["SHARES_TRANSFERRED", "NETTING_EXECUTED"]
    assert market.holds("ann", yes=3, no=0)


@pytest.mark.parametrize("line", ["ann gives mm:1 300 cents with key k", "mm:1 gives ann 3 YES with key k"])
def test_a_transfer_asked_for_again_is_answered_and_moves_nothing(line: str) -> None:
    market = owned()
    first = market.answer(Transferred, line)
    head = market.exchange.head
    assert market.answer(Transferred, line) == first
    assert market.exchange.head == head


@pytest.mark.parametrize(
    "line",
    [
        "ann gives mm:1 301 cents with key k",
        "mm:1 gives ann 300 cents with key k",
        "ann gives mm:1 300 cents for MM_REFUND with key k",
        "mm:1 gives ann 3 YES with key k",
        "nobody gives mm:1 300 cents with key k",  # before the account is looked for
    ],
)
def test_a_key_moves_something_once(line: str) -> None:
    market = owned()
    market.play("ann gives mm:1 300 cents with key k")
    assert market.refused(line).code is Code.TRANSFER_KEY_USED


@pytest.mark.parametrize(
    "line",
    [
        "mm:1 gives ann 2 NO with key k",
        "mm:1 gives ann 2 YES in N with key k",
        "mm:1 gives ann 3 YES with key k",
        "mm:1 gives ann 2 YES for MM_REFUND with key k",
        "mm:1 gives ann 2 cents with key k",
    ],
)
def test_a_key_moves_the_same_shares_only(line: str) -> None:
    market = owned()
    market.create("N")
    market.play("mm:1 gives ann 2 YES with key k")
    assert market.refused(line).code is Code.TRANSFER_KEY_USED


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ann gives ben 1 cents", Code.NOT_ALLOWED),
        ("ann gives ann 1 cents", Code.NOT_ALLOWED),
        ("ann gives mm:2 1 cents", Code.NOT_ALLOWED),
        ("mm:1 gives mm:2 1 cents", Code.NOT_ALLOWED),
        ("mm:1 gives ben 1 YES", Code.NOT_ALLOWED),
        ("mm:1 gives ben 1 cents for MM_WITHDRAW", Code.NOT_ALLOWED),
        ("mm:1 gives ben 1 cents for MM_REFUND", Code.NOT_ALLOWED),
        ("nobody gives mm:1 1 cents", Code.ACCOUNT_NOT_FOUND),
        ("ann gives nobody 1 cents", Code.ACCOUNT_NOT_FOUND),
        ("PLATFORM_FEE gives mm:1 1 cents", Code.ACCOUNT_NOT_FOUND),
        ("ann gives mm:1 0 cents", Code.MALFORMED),
        ("ann gives mm:1 -1 cents", Code.MALFORMED),
        ("ann gives mm:1 8501 cents", Code.INSUFFICIENT_BALANCE),
        ("mm:1 gives ann 0 YES", Code.MALFORMED),
        ("mm:1 gives ann -1 YES", Code.MALFORMED),
        ("mm:1 gives ann 11 YES", Code.INSUFFICIENT_SHARES),
        ("mm:1 gives ann 1 NO", Code.INSUFFICIENT_SHARES),
        ("ann gives mm:1 1 YES in NOWHERE", Code.MARKET_NOT_FOUND),
        ("nobody gives mm:1 0 cents", Code.MALFORMED),
        ("nobody gives mm:1 0 YES in NOWHERE", Code.MALFORMED),
        ("ann gives mm:1 1 cents for TRADE", Code.MALFORMED),
        ("ann gives mm:1 1 YES for AMM_MINT", Code.MALFORMED),
    ],
)
def test_what_a_transfer_may_not_do(line: str, code: Code) -> None:
    """Payments, withdrawals and refunds stay with one owner: cash does not wander between users."""
    assert owned().refused(line).code is code


@pytest.mark.parametrize("kind", ["MM_VENUE_OUT", "MM_VENUE_IN", "MM_REWARD", "MM_FEE"])
def test_venues_campaigns_and_fees_cross_owners(kind: str) -> None:
    """Their accounts belong to nobody's user; one end must still be a sub-account."""
    market = owned()
    market.play(f"mm:1 gives cat 10 cents for {kind}")
    assert market.refused(f"ann gives cat 10 cents for {kind}").code is Code.NOT_ALLOWED


def test_shares_on_offer_are_not_transferred() -> None:
    market = owned()
    market.play("mm:1 sells 8 YES at 90 with fence 0")
    assert market.refused("mm:1 gives ann 3 YES").code is Code.INSUFFICIENT_SHARES
    market.play("mm:1 gives ann 2 YES")


def test_no_share_moves_while_a_market_is_halted() -> None:
    market = owned()
    market.play("root halts")
    assert market.refused("mm:1 gives ann 1 YES").code is Code.MARKET_NOT_OPEN


# The fence


def raise_fence(market: Trading, fence: int, user_id: str = "mm:1") -> FenceStands | Refusal:
    answer = market.do(RaiseFence(at=market.now, user_id=user_id, fence=fence)).answer
    assert isinstance(answer, FenceStands | Refusal)
    return answer


FENCED = [
    "mm:1 buys 1 YES at 20",
    "mm:1 replaces a, buying 1 YES at 21",
    "mm:1 cancels a",
    "mm:1 cancels everything",
    "mm:1 burns 1",
]


@pytest.mark.parametrize("line", FENCED)
def test_a_command_behind_the_fence_comes_too_late(line: str) -> None:
    """The worker that lost its lease cannot move anything; nor does a command without a number."""
    market = owned()
    market.play("mm:1 buys 1 YES at 20 as a with fence 0")
    raise_fence(market, 5)
    assert market.refused(line).code is Code.STALE_FENCE
    assert market.refused(f"{line} with fence 4").code is Code.STALE_FENCE


@pytest.mark.parametrize("line", FENCED[:4])
@pytest.mark.parametrize("fence", [5, 6])
def test_a_command_with_the_newest_number_is_obeyed(line: str, fence: int) -> None:
    market = owned()
    market.play("mm:1 buys 1 YES at 20 as a with fence 0")
    raise_fence(market, 5)
    market.play(f"{line} with fence {fence}")


def test_the_fence_only_rises() -> None:
    market = owned()
    assert raise_fence(market, 5) == FenceStands(5)
    head = market.exchange.head
    assert raise_fence(market, 5) == FenceStands(5)
    assert market.exchange.head == head
    lower = raise_fence(market, 4)
    assert isinstance(lower, Refusal)
    assert lower.code is Code.STALE_FENCE


@pytest.mark.parametrize("user_id", ["ann", "nobody", RESERVE_ID, AMM_ID])
def test_only_sub_accounts_have_a_fence(user_id: str) -> None:
    answer = raise_fence(owned(), 1, user_id)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.ACCOUNT_NOT_FOUND


def test_for_everybody_else_a_fence_means_nothing() -> None:
    owned().play("ann buys 1 YES at 20 with fence 0", "AMM cancels everything with fence 0")


# The guard


def guarded(grace_ms: int | None = 5_000, markets: tuple[str, ...] | None = None) -> Trading:
    market = Trading(ann=10_000, ben=10_000)
    market.create("N")
    market.play("ann buys 1 YES at 20 as m", "ann buys 1 YES at 20 as n in N", "ben buys 1 YES at 20 as b")
    wish = SetGuard(at=market.now, user_id="ann", grace_ms=grace_ms, markets=markets)
    assert market.do(wish).answer == GuardStands(grace_ms, markets if grace_ms is not None else None)
    return market


def fire(market: Trading, market_id: str = "M", user_id: str = "ann") -> BatchCancelled | Refusal:
    answer = market.do(FireGuard(at=market.now, user_id=user_id, market_id=market_id)).answer
    assert isinstance(answer, BatchCancelled | Refusal)
    return answer


def test_a_guard_cancels_the_users_orders_of_one_market() -> None:
    market = guarded()
    assert fire(market) == BatchCancelled("M", 1, 21, 0, 0)
    order = market.order("ann", "m")
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.GUARD)
    assert market.order("ann", "n").is_live
    assert market.order("ben", "b").is_live


def test_a_guard_covers_only_its_markets() -> None:
    market = guarded(markets=("N",))
    assert fire(market, "M") == BatchCancelled("M", 0, 0, 0, 0)
    assert fire(market, "N") == BatchCancelled("N", 1, 21, 0, 0)


def test_without_a_guard_nothing_fires() -> None:
    """Taken off in the meantime, or never set."""
    market = guarded()
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=None))
    assert fire(market) == BatchCancelled("M", 0, 0, 0, 0)
    assert fire(market, user_id="ben") == BatchCancelled("M", 0, 0, 0, 0)


def test_a_guard_leaves_a_halted_market_alone_until_it_moves_on() -> None:
    market = guarded()
    market.play("root halts")
    answer = fire(market)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MARKET_NOT_OPEN
    market.play("root resumes: looked")
    assert fire(market) == BatchCancelled("M", 1, 21, 0, 0)


def test_setting_the_same_guard_again_records_nothing() -> None:
    market = guarded(markets=("M",))
    head = market.exchange.head
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=5_000, markets=("M",)))
    market.do(SetGuard(at=market.now, user_id="ben", grace_ms=None))
    assert market.exchange.head == head
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=5_000))
    assert market.told(head) == ["GUARD_SET"]


@pytest.mark.parametrize("grace_ms", [-(10**30), -1, 600_001, 10**30])
def test_a_grace_out_of_range_is_malformed(grace_ms: int) -> None:
    market = Trading()
    wish = SetGuard(at=market.now, user_id="nobody", grace_ms=grace_ms, markets=("NOWHERE",))
    assert market.refused(wish).code is Code.MALFORMED


@pytest.mark.parametrize("grace_ms", [0, 600_000])
def test_a_grace_at_its_edges_is_good(grace_ms: int) -> None:
    guarded(grace_ms)


def test_a_guard_needs_an_account_and_markets_that_exist() -> None:
    market = Trading(ann=1)
    market.create("D", activate=False)

    def told(user_id: str, market_id: str) -> Code:
        wish = SetGuard(at=market.now, user_id=user_id, grace_ms=1, markets=("M", market_id))
        return market.refused(wish).code

    assert told("nobody", "NOWHERE") is Code.ACCOUNT_NOT_FOUND
    assert told("ann", "NOWHERE") is Code.MARKET_NOT_FOUND
    assert told("ann", "D") is Code.MARKET_NOT_FOUND
    for user_id, market_id, code in (
        ("nobody", "M", Code.ACCOUNT_NOT_FOUND),
        ("ann", "NOWHERE", Code.MARKET_NOT_FOUND),
    ):
        answer = fire(market, market_id, user_id)
        assert isinstance(answer, Refusal)
        assert answer.code is code
