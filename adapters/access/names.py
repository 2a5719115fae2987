"""Names that nobody may register, in any spelling, because they would pass for the exchange itself."""

import unicodedata
from typing import Final

from adapters.access.identity import AMM_ALIAS
from kernel.codes import AUDIT_COUNTERPARTY, FEES_ID, RESERVE_ID


def folded(name: str) -> str:
    """One spelling for all names that look the same to people."""
    return unicodedata.normalize("NFKC", name).casefold()


OWN: Final = frozenset(
    map(
        folded,
        (
            AUDIT_COUNTERPARTY,
            RESERVE_ID,
            FEES_ID,
            "MM_WRITE_OFF",
            AMM_ALIAS,
            "amm_market_maker",
            "mm_worker",
        ),
    )
)
"""Names with a meaning in the exchange's own books."""
AUTHORITY: Final = frozenset({"admin", "administrator", "root", "support", "verdict"})
"""Names that suggest authority. An operator may assign them; nobody can register them."""


def is_reserved(name: str) -> bool:
    """Whether the name cannot be registered."""
    return folded(name) in OWN | AUTHORITY


def is_the_exchanges_own(name: str) -> bool:
    """Whether not even an operator may assign the name."""
    return folded(name) in OWN
