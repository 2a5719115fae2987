"""Every enumeration and every refusal code of the exchange, once.

The values are what callers, the journal and the tables see; a test holds them to the published tables.
"""

import enum
from typing import Final

AMM_ID: Final = "00000000-0000-4000-a000-000000000001"
"""The one privileged market maker."""
RESERVE_ID: Final = "SYSTEM_RESERVE"
"""Every market's reserve, in one account."""
FEES_ID: Final = "PLATFORM_FEE"
"""All fees ever taken."""
WRITE_OFF_ID: Final = "MM_WRITE_OFF"
"""What market-making orders lost at venues elsewhere, once two administrators say so."""
AUDIT_COUNTERPARTY: Final = "SYSTEM"
"""No account: the other party of a privileged mint or burn in the list of trades."""

PAIR_CENTS: Final = 100
"""What a YES and a NO share of one market are worth together, always."""


class MarketStatus(enum.StrEnum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    HALTED = "HALTED"
    RESOLVED = "RESOLVED"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"


class ClosingStage(enum.StrEnum):
    """How far a market has come that is closed in portions."""

    CANCEL = "CANCEL"
    CHECK = "CHECK"
    NET = "NET"
    """Only in journals of older versions: they turned pairs into cash before a void market was paid."""
    PAY = "PAY"


class Side(enum.StrEnum):
    """Which share of the pair, in the user's own view."""

    YES = "YES"
    NO = "NO"


class Direction(enum.StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class BookType(enum.StrEnum):
    """How a user's wish enters the one book, which is quoted in YES."""

    NATIVE_BUY = "NATIVE_BUY"  # buys YES
    NATIVE_SELL = "NATIVE_SELL"  # sells YES
    SYNTHETIC_BUY = "SYNTHETIC_BUY"  # sells NO
    SYNTHETIC_SELL = "SYNTHETIC_SELL"  # buys NO


class TradeScenario(enum.StrEnum):
    MINT = "MINT"
    TRANSFER_YES = "TRANSFER_YES"
    TRANSFER_NO = "TRANSFER_NO"
    BURN = "BURN"


class FrozenAssetType(enum.StrEnum):
    FUNDS = "FUNDS"
    YES_SHARES = "YES_SHARES"
    NO_SHARES = "NO_SHARES"


class PriceType(enum.StrEnum):
    LIMIT = "LIMIT"


class TimeInForce(enum.StrEnum):
    """What becomes of the part of an order that finds nobody."""

    GTC = "GTC"  # rests until it is cancelled
    IOC = "IOC"  # is gone at once
    FOK = "FOK"  # there is none: all of it trades at once, or the order is refused
    GTD = "GTD"  # rests until a stated time


RESTING_KINDS: Final = (TimeInForce.GTC, TimeInForce.GTD)
"""Those that may rest."""


class SelfTradeMode(enum.StrEnum):
    """Which order gives way where an arriving one would meet another of its owner."""

    REJECT = "REJECT"  # the arriving one is refused
    CANCEL_MAKER = "CANCEL_MAKER"
    CANCEL_TAKER = "CANCEL_TAKER"


class OrderStatus(enum.StrEnum):
    NEW = "NEW"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class LedgerEntryType(enum.StrEnum):
    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    ORDER_FREEZE = "ORDER_FREEZE"
    ORDER_UNFREEZE = "ORDER_UNFREEZE"
    MINT_COST = "MINT_COST"
    MINT_RESERVE_IN = "MINT_RESERVE_IN"
    BURN_REVENUE = "BURN_REVENUE"
    BURN_RESERVE_OUT = "BURN_RESERVE_OUT"
    TRANSFER_PAYMENT = "TRANSFER_PAYMENT"
    TRANSFER_RECEIPT = "TRANSFER_RECEIPT"
    NETTING = "NETTING"
    NETTING_RESERVE_OUT = "NETTING_RESERVE_OUT"
    FEE = "FEE"
    FEE_REVENUE = "FEE_REVENUE"
    SETTLEMENT_PAYOUT = "SETTLEMENT_PAYOUT"
    SETTLEMENT_VOID = "SETTLEMENT_VOID"


class ReferenceType(enum.StrEnum):
    """What a ledger entry refers to."""

    ORDER = "ORDER"
    TRADE = "TRADE"
    MARKET = "MARKET"
    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    AMM_MINT = "AMM_MINT"
    AMM_BURN = "AMM_BURN"
    # Between accounts of one beneficial owner, and what pays or charges them:
    MM_PAYMENT = "MM_PAYMENT"
    MM_WITHDRAW = "MM_WITHDRAW"
    MM_REFUND = "MM_REFUND"
    MM_VENUE_OUT = "MM_VENUE_OUT"
    MM_VENUE_IN = "MM_VENUE_IN"
    MM_REWARD = "MM_REWARD"
    MM_FEE = "MM_FEE"
    MM_POOL = "MM_POOL"
    MM_WRITE_OFF = "MM_WRITE_OFF"


class KeyKind(enum.StrEnum):
    """What an idempotency key names a request for; the same key may stand once for each."""

    MINT = "MINT"
    BURN = "BURN"
    TRANSFER = "TRANSFER"


class ResolutionResult(enum.StrEnum):
    YES = "YES"
    NO = "NO"
    VOID = "VOID"


class VoidSource(enum.StrEnum):
    """Who said what a void market pays."""

    ADMIN = "ADMIN"
    REFERENCE = "REFERENCE"


class CancelScope(enum.StrEnum):
    ALL = "ALL"
    BUY_ONLY = "BUY_ONLY"
    SELL_ONLY = "SELL_ONLY"


class StopMode(enum.StrEnum):
    GRACEFUL = "GRACEFUL"
    IMMEDIATE = "IMMEDIATE"


class AmmStatus(enum.StrEnum):
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class AmmStopCause(enum.StrEnum):
    ADMIN = "ADMIN"
    MARKET_SETTLED = "MARKET_SETTLED"


class AdminAction(enum.StrEnum):
    """What may need a second administrator."""

    RESOLVE = "RESOLVE"
    VOID = "VOID"
    SETTLE = "SETTLE"
    AMM_START = "AMM_START"


class DepositCause(enum.StrEnum):
    USER = "USER"
    AMM_START = "AMM_START"
    VENUE = "VENUE"


class CancelReason(enum.StrEnum):
    IOC_UNFILLED = "IOC_UNFILLED"
    USER_CANCELLED = "USER_CANCELLED"
    MARKET_RESOLVED = "MARKET_RESOLVED"
    REPLACED = "REPLACED"
    REPLACE_PARTIAL_FILL = "REPLACE_PARTIAL_FILL"
    BATCH_CANCELLED = "BATCH_CANCELLED"
    AMM_STOPPED = "AMM_STOPPED"
    GUARD = "GUARD"
    EXPIRED = "EXPIRED"
    SELF_TRADE = "SELF_TRADE"
    GROUP_LIMIT = "GROUP_LIMIT"
    MM_STOPPED = "MM_STOPPED"


class StatusReason(enum.StrEnum):
    """Why a market changed its status; an administrator's words may follow after a colon."""

    ADMIN = "ADMIN"
    TRADING_ENDED = "TRADING_ENDED"
    CIRCUIT_BREAKER = "CIRCUIT_BREAKER"
    RESOLUTION = "RESOLUTION"


class TradingMode(enum.StrEnum):
    """What a market takes while it is ACTIVE."""

    NORMAL = "NORMAL"
    POST_ONLY = "POST_ONLY"
    CANCEL_ONLY = "CANCEL_ONLY"


class GroupState(enum.StrEnum):
    """Whether a group takes orders. The last is told once, of a group that is gone."""

    ACTIVE = "ACTIVE"
    TRIGGERED = "TRIGGERED"
    DELETED = "DELETED"


class GroupCause(enum.StrEnum):
    """Why a group was triggered."""

    FILLS = "FILLS"
    USER = "USER"
    LIMIT_LOWERED = "LIMIT_LOWERED"


class ModeReason(enum.StrEnum):
    """Why a market changed its trading mode; an administrator's words may follow after a colon."""

    ADMIN = "ADMIN"
    RESTART = "RESTART"
    ENDED = "ENDED"


class CircuitBreakerTrigger(enum.StrEnum):
    INVARIANT_RESERVE = "INVARIANT_RESERVE"
    INVARIANT_COST_SUM = "INVARIANT_COST_SUM"
    INVARIANT_BALANCE = "INVARIANT_BALANCE"
    INVARIANT_SHARES = "INVARIANT_SHARES"
    RECOVERY_FAILED = "RECOVERY_FAILED"
    NEGATIVE_BALANCE = "NEGATIVE_BALANCE"
    ORDERBOOK_DESYNC = "ORDERBOOK_DESYNC"
    CLEARING_ERROR = "CLEARING_ERROR"
    MANUAL = "MANUAL"
    VOLATILITY = "VOLATILITY"
    """No fault: trades moved too far too fast."""


class Code(enum.IntEnum):
    """Why the exchange says no. Only codes a kernel decision can give; transport has its own besides."""

    NOT_ALLOWED = 1007
    INSUFFICIENT_BALANCE = 2001
    ACCOUNT_NOT_FOUND = 2002
    MARKET_NOT_FOUND = 3001
    MARKET_NOT_OPEN = 3002
    NOT_RESOLVABLE = 3003
    INVALID_RESULT = 3004
    TRANSITION_NOT_ALLOWED = 3005
    MARKET_EXISTS = 3006
    INVARIANTS_BROKEN = 3007
    NOT_IN_THIS_MODE = 3008
    NO_VOID_PRICE = 3009
    PRICE_OUT_OF_RANGE = 4001
    LIMIT_EXCEEDED = 4002
    SELF_TRADE = 4003
    ORDER_NOT_FOUND = 4004
    CLIENT_ORDER_ID_USED = 4005
    ORDER_CLOSED = 4006
    POST_ONLY_WOULD_TAKE = 4007
    NOT_FILLABLE = 4008
    EXPIRY_PASSED = 4009
    DEADLINE_PASSED = 4010
    OUTSIDE_COLLAR = 4011
    TOO_MANY_ORDERS = 4012
    NOT_ABOVE_FILLED = 4013
    BATCH_REFUSED = 4014
    BATCH_OTHER_MARKET = 4015
    GROUP_NOT_FOUND = 4016
    GROUP_TRIGGERED = 4017
    TOO_MANY_GROUPS = 4018
    INSUFFICIENT_SHARES = 5001
    REPLACE_PARTLY_FILLED = 6001
    REPLACE_NOT_FOUND = 6002
    REPLACE_FILLED = 6003
    REPLACE_NOT_OWN = 6004
    REPLACE_OTHER_MARKET = 6005
    IDEMPOTENCY_KEY_USED = 6006
    AMM_RUNNING = 6007
    AMM_NOT_RUNNING = 6008
    AMM_NOT_AUTHORIZED = 6009
    AMM_ONLY = 6099
    MM_ORDER_NOT_FOUND = 7101
    NOT_IN_THIS_STATE = 7102
    MARKET_NOT_ELIGIBLE = 7103
    MM_LIMIT_REACHED = 7104
    STALE_FENCE = 7105
    PAYMENT_WRONG = 7106
    TRANSFER_KEY_USED = 7107
    FUNDS_LOCKED = 7108
    REFUND_UNSAFE = 7109
    FEATURE_DISABLED = 7110
    CAMPAIGN_NOT_JOINABLE = 7111
    INVALID_CONFIGURATION = 7112
    INTERNAL = 9002
    OVERLOADED = 9003
    MALFORMED = 9004
