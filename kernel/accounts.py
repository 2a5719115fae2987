"""What belongs to no market: accounts, cash in and out, transfers, guards."""

from typing import Final

from kernel.answers import (
    Answer,
    BalanceMoved,
    FenceStands,
    GuardStands,
    JournalStands,
    Opened,
    Refusal,
    Transferred,
)
from kernel.codes import (
    AMM_ID,
    FEES_ID,
    RESERVE_ID,
    Code,
    DepositCause,
    KeyKind,
    LedgerEntryType,
    MarketStatus,
    ReferenceType,
)
from kernel.commands import (
    AcceptJournal,
    Deposit,
    OpenAccount,
    OpenJournal,
    RaiseFence,
    SetGuard,
    TransferFunds,
    TransferShares,
    Withdraw,
)
from kernel.draft import Draft
from kernel.events import (
    JOURNAL_FORMAT,
    AccountOpened,
    FenceRaised,
    FundsDeposited,
    FundsWithdrawn,
    GuardSet,
    JournalAccepted,
    JournalOpened,
)
from kernel.fence import not_for_its_account
from kernel.limits import (
    CENTS_MAX,
    DEPOSIT_MAX,
    EARLIEST,
    FENCE_MAX,
    GRACE_MAX_MS,
    MONEY_MAX,
    SUB_ACCOUNTS_MAX,
    VOLUME_MAX,
)
from kernel.market import Account
from kernel.money import post
from kernel.moving import move_cash, move_shares
from kernel.refusals import (
    account_not_found,
    insufficient_balance,
    insufficient_shares,
    malformed,
    market_not_found,
    market_not_open,
    too_many_shares,
)


def open_journal(draft: Draft, command: OpenJournal) -> Answer | Refusal:
    """The first facts of all: the journal, and the accounts that every market needs."""
    assert draft.state.head == 0, "the journal is open already"
    if draft.at < EARLIEST:
        return malformed("at", "must be a time whose trades can be numbered: from November 2023 on")
    # Nothing above has changed anything. Nothing below can refuse.
    draft.record(None, JournalOpened(format=JOURNAL_FORMAT, started_at_ms=draft.at // 1000))
    for user_id in (RESERVE_ID, FEES_ID):
        open_one(draft, user_id, user_id, auto_netting=True)
    return open_one(draft, AMM_ID, AMM_ID, auto_netting=False)


def open_account(draft: Draft, command: OpenAccount) -> Answer | Refusal:
    """Asking again for the same account is answered like the first time: whoever registers may retry."""
    owner_id = command.owner_id or command.user_id
    account = draft.state.accounts.get(command.user_id)
    if account is not None:
        if account.owner_id != owner_id or account.auto_netting != command.auto_netting:
            return Refusal(Code.TRANSFER_KEY_USED, f"Account {command.user_id} exists with other properties")
        return Opened(account.id)
    if owner_id != command.user_id and (refusal := check_sub_account(draft, command, owner_id)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    return open_one(draft, command.user_id, owner_id, auto_netting=command.auto_netting)


def check_sub_account(draft: Draft, command: OpenAccount, owner_id: str) -> Refusal | None:
    if command.auto_netting:
        return malformed("auto_netting", "must be off: a sub-account keeps what it is given")
    owner = draft.state.traders.get(owner_id)
    if owner is None or owner.is_escrow:
        return account_not_found(owner_id)
    if len(draft.state.sub_accounts.get(owner_id, ())) == SUB_ACCOUNTS_MAX:
        return Refusal(
            Code.LIMIT_EXCEEDED, f"{owner_id} has {SUB_ACCOUNTS_MAX} sub-accounts, which is the most"
        )
    return None


def open_one(draft: Draft, user_id: str, owner_id: str, *, auto_netting: bool) -> Opened:
    draft.state.open_account(Account(user_id, owner_id, auto_netting, draft.at))
    draft.record(None, AccountOpened(user_id=user_id, owner_id=owner_id, auto_netting_enabled=auto_netting))
    return Opened(user_id)


def deposit(draft: Draft, command: Deposit) -> Answer | Refusal:
    account = draft.state.traders.get(command.user_id)
    if not 1 <= command.amount <= DEPOSIT_MAX:
        return malformed("amount_cents", f"must be 1 to {DEPOSIT_MAX}")
    if account is None or account.is_escrow:
        return account_not_found(command.user_id)
    if (refusal := check_money(draft, command.amount)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    ledger_id = pay_in(draft, account, command.amount, DepositCause.USER)
    return BalanceMoved(account.available, command.amount, ledger_id)


def check_money(draft: Draft, amount: int) -> Refusal | None:
    """May so much more enter the exchange?"""
    if draft.state.external + amount <= MONEY_MAX:
        return None
    return Refusal(Code.LIMIT_EXCEEDED, f"The exchange holds {MONEY_MAX} cents at most")


def pay_in(draft: Draft, account: Account, amount: int, cause: DepositCause, key: str | None = None) -> int:
    """Money enters the exchange; returns the ledger entry."""
    post(draft, account, LedgerEntryType.DEPOSIT, amount)
    draft.cross_border(amount)
    account.net_deposits += amount
    ledger_id, postings = draft.take_postings()
    draft.record(
        None,
        FundsDeposited(
            user_id=account.id,
            amount_cents=amount,
            cause=cause,
            idempotency_key=key,
            ledger_id=ledger_id,
            postings=postings,
        ),
    )
    return ledger_id


def pay_out(draft: Draft, account: Account, amount: int, cause: DepositCause, key: str | None = None) -> int:
    """Money leaves the exchange; returns the ledger entry."""
    post(draft, account, LedgerEntryType.WITHDRAW, -amount)
    draft.cross_border(-amount)
    account.net_deposits -= amount
    ledger_id, postings = draft.take_postings()
    draft.record(
        None,
        FundsWithdrawn(
            user_id=account.id,
            amount_cents=amount,
            cause=cause,
            idempotency_key=key,
            ledger_id=ledger_id,
            postings=postings,
        ),
    )
    return ledger_id


def book_difference(draft: Draft, account: Account, difference: int, key: str) -> None:
    """A venue elsewhere has returned more than was sent there, or less."""
    if difference > 0:
        pay_in(draft, account, difference, DepositCause.VENUE, key)
    elif difference < 0:
        pay_out(draft, account, -difference, DepositCause.VENUE, key)


def withdraw(draft: Draft, command: Withdraw) -> Answer | Refusal:
    account = draft.state.traders.get(command.user_id)
    if not 1 <= command.amount <= CENTS_MAX:
        return malformed("amount_cents", "must be 1 or more")
    if account is None or account.is_escrow:
        return account_not_found(command.user_id)
    if command.amount > account.available:
        return insufficient_balance(command.amount, account.available)
    # Nothing above has changed anything. Nothing below can refuse.
    ledger_id = pay_out(draft, account, command.amount, DepositCause.USER)
    return BalanceMoved(account.available, command.amount, ledger_id)


# Transfers: within the exchange, between an owner's accounts or with those that reward and charge them


WITHIN_OWNER: Final = (ReferenceType.MM_PAYMENT, ReferenceType.MM_WITHDRAW, ReferenceType.MM_REFUND)
"""What pays a sub-account and pays back: between accounts of one beneficial owner only."""
ACROSS_OWNERS: Final = (
    ReferenceType.MM_VENUE_OUT,
    ReferenceType.MM_VENUE_IN,
    ReferenceType.MM_REWARD,
    ReferenceType.MM_FEE,
)
"""What venues, campaigns and fees move: their accounts are nobody's of the trading users."""


def transfer_funds(draft: Draft, command: TransferFunds) -> Answer | Refusal:
    if not 1 <= command.amount <= CENTS_MAX:
        return malformed("amount", "must be 1 or more")
    if (answer := check_kind(command) or transferred_before(draft, command)) is not None:
        return answer
    pair = both_ends(draft, command)
    if isinstance(pair, Refusal):
        return pair
    giver, taker = pair
    if command.amount > giver.available:
        return insufficient_balance(command.amount, giver.available)
    # Nothing above has changed anything. Nothing below can refuse.
    fact = move_cash(draft, giver, taker, command.amount, command.reference_type, command.idempotency_key)
    return Transferred(fact.id)


def transfer_shares(draft: Draft, command: TransferShares) -> Answer | Refusal:
    """Free shares change their account; their cost goes with them and nothing is realized."""
    state = draft.state
    if not 1 <= command.quantity <= VOLUME_MAX:
        return malformed("quantity", f"must be 1 to {VOLUME_MAX}")
    if (answer := check_kind(command) or transferred_before(draft, command)) is not None:
        return answer
    market = state.markets.get(command.market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    if market.status is MarketStatus.HALTED or market.closing is not None:
        return market_not_open(market)
    pair = both_ends(draft, command)
    if isinstance(pair, Refusal):
        return pair
    giver, taker = pair
    held = market.positions.get(giver.id)
    free = held.holding(command.side).free if held is not None else 0
    if command.quantity > free:
        return insufficient_shares(command.side, command.quantity, free)
    most = market.most_of(taker, command.side)
    if most + command.quantity > VOLUME_MAX:
        return too_many_shares(most, command.quantity)
    # Nothing above has changed anything. Nothing below can refuse.
    fact = move_shares(
        draft,
        market,
        giver,
        taker,
        command.side,
        command.quantity,
        command.reference_type,
        command.idempotency_key,
    )
    return Transferred(fact.id)


def check_kind(command: TransferFunds | TransferShares) -> Refusal | None:
    if command.reference_type in WITHIN_OWNER or command.reference_type in ACROSS_OWNERS:
        return None
    return malformed("reference_type", "must be that of a transfer")


def both_ends(draft: Draft, command: TransferFunds | TransferShares) -> tuple[Account, Account] | Refusal:
    """Both accounts exist and are two; at least one is a sub-account, or cash could wander between users.

    Nor may it wander through a sub-account: what one owner paid in goes back to the same owner.
    """
    giver, taker = draft.state.traders.get(command.from_id), draft.state.traders.get(command.to_id)
    if giver is None:
        return account_not_found(command.from_id)
    if taker is None:
        return account_not_found(command.to_id)
    if giver.leash is not None or taker.leash is not None:
        return not_for_its_account()
    if giver is taker or not (giver.is_escrow or taker.is_escrow):
        return Refusal(Code.NOT_ALLOWED, "A transfer leads from or to a sub-account")
    if command.reference_type in WITHIN_OWNER and giver.owner_id != taker.owner_id:
        return Refusal(Code.NOT_ALLOWED, f"{command.reference_type} stays with one beneficial owner")
    return giver, taker


def transferred_before(draft: Draft, command: TransferFunds | TransferShares) -> Answer | Refusal | None:
    """A key moves something once: the same request again is answered, another refused."""
    earlier = draft.state.keys.get(KeyKind.TRANSFER, command.idempotency_key)
    if earlier is None:
        return None
    same = (earlier.user_id, earlier.to_user_id, earlier.reference_type) == (
        command.from_id,
        command.to_id,
        command.reference_type,
    )
    match command:
        case TransferFunds(amount=amount):
            same = same and (earlier.side, earlier.quantity) == (None, amount)
        case TransferShares(market_id=market_id, side=side, quantity=quantity):
            moved = earlier.market_id, earlier.side, earlier.quantity
            same = same and moved == (market_id, side, quantity)
    if same:
        return Transferred(earlier.journal_id)
    return Refusal(Code.TRANSFER_KEY_USED, f"Key {command.idempotency_key} was used with a different request")


def raise_fence(draft: Draft, command: RaiseFence) -> Answer | Refusal:
    """The fence only grows: raising it to where it stands is done already, lowering it comes too late."""
    if command.fence > FENCE_MAX:
        return malformed("fence", f"must be at most {FENCE_MAX}")
    account = draft.state.accounts.get(command.user_id)
    if account is None or not account.is_escrow:
        return account_not_found(command.user_id)
    if account.leash is not None:
        return not_for_its_account()
    if command.fence < account.fence:
        return Refusal(Code.STALE_FENCE, f"Stale fence: the account's is {account.fence}")
    # Nothing above has changed anything. Nothing below can refuse.
    if command.fence > account.fence:
        account.fence = command.fence
        draft.record(None, FenceRaised(user_id=account.id, fence=command.fence))
    return FenceStands(account.fence)


def accept_journal(draft: Draft, command: AcceptJournal) -> Answer | Refusal:
    """An operator's word, kept where everything else is: that rows behind this one are gone on purpose."""
    head = draft.state.head
    if head == 0 or command.last_id != head:
        return malformed("last_id", f"must be where the journal ends: {head}")
    if not command.reason:
        return malformed("reason", "must be told")
    # Nothing above has changed anything. Nothing below can refuse.
    draft.record(None, JournalAccepted(head, command.reason, command.witnesses, command.by))
    return JournalStands(draft.state.head)


def set_guard(draft: Draft, command: SetGuard) -> Answer | Refusal:
    state = draft.state
    if command.grace_ms is not None and not 0 <= command.grace_ms <= GRACE_MAX_MS:
        return malformed("grace_ms", f"must be 0 to {GRACE_MAX_MS}, or null")
    account = state.traders.get(command.user_id)
    if account is None:
        return account_not_found(command.user_id)
    if account.leash is not None:
        return not_for_its_account()
    for market_id in command.markets or ():
        market = state.markets.get(market_id)
        if market is None or market.status is MarketStatus.DRAFT:
            return market_not_found(market_id)
    # Nothing above has changed anything. Nothing below can refuse.
    guard = state.guards.get(command.user_id)
    standing = (guard.grace_ms, guard.markets) if guard is not None else (None, None)
    wished = (command.grace_ms, command.markets if command.grace_ms is not None else None)
    if standing != wished:
        state.guard(command.user_id, *wished)
        draft.record(None, GuardSet(user_id=command.user_id, grace_ms=wished[0], markets=wished[1]))
    return GuardStands(*wished)
