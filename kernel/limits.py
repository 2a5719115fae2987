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
SUB_ACCOUNTS_MAX: Final = 3_000
"""Sub-accounts of one owner: a thousand orders that make markets, with up to three each."""
MONEY_MAX: Final = 10**18
"""Cents that all accounts may hold together. Every balance, reserve, cost sum and profit is made of them, so
none outgrows 64 bits."""

LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1
ID_MAX: Final = 64
"""Characters of the name of an account, a market or an order."""
KEY_MAX: Final = 128
"""Characters of what names a request once and for all."""
NAMES_MAX: Final = 10_000
"""Markets that one guard may name."""
TITLE_MAX: Final = 500
CATEGORY_MAX: Final = 64
CAMPAIGN_NAME_MAX: Final = 100
DESCRIPTION_MAX: Final = 10_000
WORDS_MAX: Final = 500
"""Characters of a reason, a note or the name of who acts."""
REMARK_MAX: Final = 200
"""Characters of what a worker says about an error."""
EVIDENCE_MAX: Final = 2_000
"""Characters of what an administrator has found out about money that was missed."""
TOKEN_LENGTH: Final = 16
"""Characters of what names a lease."""
COUNT_MAX: Final = 10_000
"""What a worker may say it has done in one cycle."""
NESTING_MAX: Final = 32
"""Levels of a free-form object: more than any configuration has, fewer than any parser minds."""
SMALLEST: Final = 1e-9
LARGEST: Final = 1e15
"""Of what size a number that is no integer may be in a free-form object, if it is not 0: from the one to the
other it is the same number in Python, in JSON and in PostgreSQL."""
FIRST_TIME: Final = 946_684_800_000_000
LAST_TIME: Final = 32_503_679_999_999_999
"""What a time that somebody names may be, in microseconds: the years 2000 to 2999."""
EARLIEST: Final = 1_700_000_000_000_000
"""When a journal may be opened, in microseconds: where the numbers of trades begin, in November 2023."""
LATEST: Final = 3_881_606_399_999_999
"""When the last command may be decided: at the end of 2092, half a year before those numbers are used up."""
PROPOSAL_LIFE: Final = 24 * 3600 * 1_000_000
"""Microseconds for which a proposal waits for a second administrator."""
PROPOSALS_MAX: Final = 1000
"""Proposals that may wait at once."""
PROPOSALS_MAX_EACH: Final = 100
"""Of one administrator: nobody is to take the places of the others."""
GROUPS_MAX: Final = 32
"""Order groups of one account in one market."""
FILLS_MAX: Final = 2**31 - 1
"""Shares that a group may trade within its window."""
SHORTEST_WINDOW_MS: Final = 100
LONGEST_WINDOW_MS: Final = 86_400_000
"""Of a group."""
FORGOTTEN_MAX: Final = 500
"""Orders that leave memory in one step: two milliseconds, on the plain kernel."""
BATCH_MAX: Final = 50
"""Commands of one batch: an atomic one is decided in one step."""
