"""Accounts: opening, paying in and out, moving between sub-accounts and their users, fences and guards."""

from typing import Any

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
from tests.kernel.reference.checks import check_money, public_market
from tests.kernel.reference.clearing import net
from tests.kernel.reference.records import (
    AMM,
    FEES,
    RESERVE,
    SUB_ACCOUNTS_MAX,
    VOLUME_MAX,
    Account,
    Once,
    Refused,
)
from tests.kernel.reference.world import World

Answer = dict[str, Any]

WITHIN_OWNER = ("MM_PAYMENT", "MM_WITHDRAW", "MM_REFUND")
ACROSS_OWNERS = ("MM_VENUE_OUT", "MM_VENUE_IN", "MM_REWARD", "MM_FEE")


def holder(world: World, user_id: str) -> Account:
    """The account of somebody who can act; the system's own two cannot."""
    account = world.accounts.get(user_id)
    if account is None or user_id in (RESERVE, FEES):
        raise Refused(2002)
    return account


def open_journal(world: World, command: OpenJournal) -> Answer:
    world.record("JOURNAL_OPENED", None, format=1, started_at_ms=world.at // 1000)
    for user_id, netting in ((RESERVE, True), (FEES, True), (AMM, False)):
        new_account(world, user_id, user_id, netting)
    return {"kind": "Opened", "user_id": AMM}


def open_account(world: World, command: OpenAccount) -> Answer:
    owner_id = command.user_id if command.owner_id is None else command.owner_id
    known = world.accounts.get(command.user_id)
    if known is not None:
        if (known.owner_id, known.netting) != (owner_id, command.auto_netting):
            raise Refused(7107)
        return {"kind": "Opened", "user_id": command.user_id}
    if owner_id != command.user_id:
        if command.auto_netting:
            raise Refused(9004)
        outside_holder(world, owner_id)
        if (
            sum(a.is_sub_account and a.owner_id == owner_id for a in world.accounts.values())
            >= SUB_ACCOUNTS_MAX
        ):
            raise Refused(4002)
    new_account(world, command.user_id, owner_id, command.auto_netting)
    return {"kind": "Opened", "user_id": command.user_id}


def new_account(world: World, user_id: str, owner_id: str, netting: bool) -> None:
    world.accounts[user_id] = Account(user_id, owner_id, netting)
    world.record("ACCOUNT_OPENED", None, user_id=user_id, owner_id=owner_id, auto_netting_enabled=netting)


def outside_holder(world: World, user_id: str) -> Account:
    """Whoever may pay in from outside and out again: not a sub-account."""
    account = holder(world, user_id)
    if account.is_sub_account:
        raise Refused(2002)
    return account


def deposit(world: World, command: Deposit) -> Answer:
    if not 1 <= command.amount <= 10_000_000:
        raise Refused(9004)
    outside_holder(world, command.user_id)
    check_money(world, command.amount)
    world.pay(command.user_id, "DEPOSIT", command.amount, ("DEPOSIT", None), None)
    world.record(
        "FUNDS_DEPOSITED",
        None,
        user_id=command.user_id,
        amount_cents=command.amount,
        cause="USER",
        idempotency_key=None,
    )
    return moved(world, command.user_id, command.amount)


def withdraw(world: World, command: Withdraw) -> Answer:
    if not 1 <= command.amount < 2**63:
        raise Refused(9004)
    outside_holder(world, command.user_id)
    if command.amount > world.available(command.user_id):
        raise Refused(2001)
    world.pay(command.user_id, "WITHDRAW", -command.amount, ("WITHDRAW", None), None)
    world.record(
        "FUNDS_WITHDRAWN",
        None,
        user_id=command.user_id,
        amount_cents=command.amount,
        cause="USER",
        idempotency_key=None,
    )
    return moved(world, command.user_id, command.amount)


def moved(world: World, user_id: str, amount: int) -> Answer:
    return {
        "kind": "BalanceMoved",
        "available": world.available(user_id),
        "amount": amount,
        "ledger_id": len(world.entries),
    }


def transfer_funds(world: World, command: TransferFunds) -> Answer:
    if not 1 <= command.amount < 2**63 or command.reference_type not in WITHIN_OWNER + ACROSS_OWNERS:
        raise Refused(9004)
    request = (
        "FUNDS",
        command.from_id,
        command.to_id,
        command.amount,
        command.reference_type,
    )
    done = once(world, command, request)
    if done is not None:
        return done
    check_ends(world, command)
    if command.amount > world.available(command.from_id):
        raise Refused(2001)
    reference = (str(command.reference_type), command.idempotency_key)
    world.pay(command.from_id, "TRANSFER_PAYMENT", -command.amount, reference, None)
    world.pay(command.to_id, "TRANSFER_RECEIPT", command.amount, reference, None)
    fact = world.record(
        "FUNDS_TRANSFERRED",
        None,
        from_user_id=command.from_id,
        to_user_id=command.to_id,
        amount_cents=command.amount,
        reference_type=command.reference_type,
        idempotency_key=command.idempotency_key,
    )
    return remember(world, command, request, fact.journal_id)


def transfer_shares(world: World, command: TransferShares) -> Answer:
    if not 1 <= command.quantity < 2**31 or command.reference_type not in WITHIN_OWNER + ACROSS_OWNERS:
        raise Refused(9004)
    request = (
        "SHARES",
        command.from_id,
        command.to_id,
        command.market_id,
        command.side,
        command.quantity,
        command.reference_type,
    )
    done = once(world, command, request)
    if done is not None:
        return done
    market = public_market(world, command.market_id)
    if market.status == "HALTED":
        raise Refused(3002)
    check_ends(world, command)
    if world.free(command.from_id, command.market_id, command.side) < command.quantity:
        raise Refused(5001)
    coming = sum(
        o.remaining
        for o in world.live_orders(command.market_id)
        if (o.user_id, o.side, o.opens) == (command.to_id, command.side, True)
    )
    held = world.volume(command.to_id, command.market_id, command.side)
    if held + coming + command.quantity > VOLUME_MAX:
        raise Refused(4002)
    cost = world.released_cost(command.from_id, command.market_id, command.side, command.quantity)
    world.move(command.from_id, command.market_id, command.side, -command.quantity, -cost)
    world.move(command.to_id, command.market_id, command.side, command.quantity, cost)
    fact = world.record(
        "SHARES_TRANSFERRED",
        command.market_id,
        from_user_id=command.from_id,
        to_user_id=command.to_id,
        side=command.side,
        quantity=command.quantity,
        cost_cents=cost,
        reference_type=command.reference_type,
        idempotency_key=command.idempotency_key,
    )
    net(world, command.to_id, command.market_id)
    return remember(world, command, request, fact.journal_id)


def check_ends(world: World, command: TransferFunds | TransferShares) -> None:
    ends = [holder(world, command.from_id), holder(world, command.to_id)]
    if command.from_id == command.to_id or not any(end.is_sub_account for end in ends):
        raise Refused(1007)
    if command.reference_type in WITHIN_OWNER and ends[0].owner_id != ends[1].owner_id:
        raise Refused(1007)


def once(world: World, command: TransferFunds | TransferShares, request: tuple[Any, ...]) -> Answer | None:
    """The answer given before under this key, if there is one and it was the same request."""
    known = world.transfers.get(command.idempotency_key)
    if known is not None and known.request != request:
        raise Refused(7107)
    return None if known is None else known.answer


def remember(
    world: World, command: TransferFunds | TransferShares, request: tuple[Any, ...], journal_id: int
) -> Answer:
    answer = {"kind": "Transferred", "journal_id": journal_id}
    world.transfers[command.idempotency_key] = Once(request, answer)
    return answer


def raise_fence(world: World, command: RaiseFence) -> Answer:
    if command.fence >= 2**63:
        raise Refused(9004)
    account = holder(world, command.user_id)
    if not account.is_sub_account:
        raise Refused(2002)
    if command.fence < account.fence:
        raise Refused(7105)
    if command.fence > account.fence:
        account.fence = command.fence
        world.record("FENCE_RAISED", None, user_id=command.user_id, fence=command.fence)
    return {"kind": "FenceStands", "fence": command.fence}


def accept_journal(world: World, command: AcceptJournal) -> Answer:
    if command.last_id != len(world.facts) or not world.facts:
        raise Refused(9004)
    if command.reason == "":
        raise Refused(9004)
    world.record(
        "JOURNAL_ACCEPTED",
        None,
        last_id=command.last_id,
        reason=command.reason,
        witnesses=command.witnesses,
        by=command.by,
    )
    return {"kind": "JournalStands", "journal_id": command.last_id + 1}


def set_guard(world: World, command: SetGuard) -> Answer:
    if command.grace_ms is not None and not 0 <= command.grace_ms <= 600_000:
        raise Refused(9004)
    holder(world, command.user_id)
    for market_id in command.markets or ():
        public_market(world, market_id)
    markets = None if command.grace_ms is None else command.markets
    answer = {"kind": "GuardStands", "grace_ms": command.grace_ms, "markets": markets}
    before = world.guards.get(command.user_id)
    after = None if command.grace_ms is None else (command.grace_ms, markets)
    if before == after:
        return answer
    if after is None:
        del world.guards[command.user_id]
    else:
        world.guards[command.user_id] = after
    world.record(
        "GUARD_SET",
        None,
        user_id=command.user_id,
        grace_ms=command.grace_ms,
        markets=markets,
    )
    return answer
