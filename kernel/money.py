"""Money: the one door to every balance."""

from kernel.codes import LedgerEntryType
from kernel.draft import Draft
from kernel.events import Posting
from kernel.market import Account


def post(
    draft: Draft,
    account: Account,
    entry_type: LedgerEntryType,
    amount: int,
    frozen: int = 0,
    order_id: str | None = None,
) -> None:
    """The only door through which a balance changes.

    Change and record are one act, so ledger and balances cannot disagree; a second door is how one day
    they would. `amount` is the change of the available balance, `frozen` that of what is set aside; an entry
    of 0 is not written.

    No argument is named where it is called most: Python takes longer for those, several times a command.
    """
    if amount == 0:
        return
    available_after = account.available + amount
    frozen_after = account.frozen + frozen
    assert available_after >= 0, f"{account.id}: {entry_type} of {amount} leaves {available_after} available"
    assert frozen_after >= 0, f"{account.id}: {entry_type} of {amount} leaves {frozen_after} frozen"
    account.available = available_after
    account.frozen = frozen_after
    account.version += 1
    draft.imbalance += amount + frozen
    draft.postings.append(Posting(account.id, entry_type, amount, available_after, frozen_after, order_id))
