"""Accounts: how they open, cash in and out, and the sub-accounts of one beneficial owner."""

import pytest

from kernel.answers import BalanceMoved, BatchCancelled, Burned, Opened, Refusal, Replaced
from kernel.codes import AMM_ID, FEES_ID, RESERVE_ID, Code
from kernel.commands import CancelOrder, OpenAccount, OpenJournal
from kernel.events import AccountOpened, JournalOpened
from kernel.exchange import Exchange
from tests.kernel.trading import Trading, ledger, owned

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
