"""Every bound on what a command may ask for that is not a market's own parameter."""

from typing import Final

VOLUME_MAX: Final = 2**31 - 1
"""Shares of one side that one account may hold, and that one market may have."""
DEPOSIT_MAX: Final = 10_000_000
CENTS_MAX: Final = 2**63 - 1
"""What the journal and the tables can hold of an amount; no smaller bound is set for it."""
FENCE_MAX: Final = 2**63 - 1
MINT_MAX: Final = 10_000_000
"""Pairs in one privileged mint or burn."""
BUDGET_MAX: Final = 2_000_000_000
"""Cents that one start of the market maker may bring."""
GRACE_MAX_MS: Final = 600_000
"""How long a guard may wait for its user to come back."""
START_KEY_PREFIX: Final = "amm_start_"
"""Idempotency keys that only the start of the market maker uses."""
RESOLVED_BY_MAX: Final = 50
"""Characters of an administrator's name that the record of a halt keeps."""
FEE_BPS_MAX: Final = 1000
