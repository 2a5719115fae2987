"""Names that nobody may register, in whatever spelling: whoever has one would be taken for the exchange."""

import unicodedata
from typing import Final

from adapters.access.identity import AMM_ALIAS
from kernel.codes import AUDIT_COUNTERPARTY, FEES_ID, RESERVE_ID


def folded(name: str) -> str:
    """The one spelling of all that people cannot tell apart, or do not."""
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
"""What means something in the exchange's own books."""
AUTHORITY: Final = frozenset({"admin", "administrator", "root", "support", "verdict"})
"""Whom people believe. An operator may give such a name to somebody; nobody takes it."""


def is_reserved(name: str) -> bool:
    """Whether the name cannot be registered."""
    return folded(name) in OWN | AUTHORITY


def is_the_exchanges_own(name: str) -> bool:
    """Whether not even the operator gives it away."""
    return folded(name) in OWN
