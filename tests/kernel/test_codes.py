"""The enumerations and refusal codes, against the published tables: written out here a second time."""

import enum

import pytest

from kernel import codes
from kernel.codes import Code

ENUMS = {
    "MarketStatus": "DRAFT ACTIVE SUSPENDED HALTED RESOLVED SETTLED VOIDED",
    "BookType": "NATIVE_BUY NATIVE_SELL SYNTHETIC_BUY SYNTHETIC_SELL",
    "TradeScenario": "MINT TRANSFER_YES TRANSFER_NO BURN",
    "FrozenAssetType": "FUNDS YES_SHARES NO_SHARES",
    "Side": "YES NO",
    "Direction": "BUY SELL",
    "PriceType": "LIMIT",
    "TimeInForce": "GTC IOC FOK GTD",
    "SelfTradeMode": "REJECT CANCEL_MAKER CANCEL_TAKER",
    "OrderStatus": "NEW OPEN PARTIALLY_FILLED FILLED CANCELLED REJECTED",
    "LedgerEntryType": (
        "DEPOSIT WITHDRAW ORDER_FREEZE ORDER_UNFREEZE MINT_COST MINT_RESERVE_IN BURN_REVENUE "
        "BURN_RESERVE_OUT TRANSFER_PAYMENT TRANSFER_RECEIPT NETTING NETTING_RESERVE_OUT FEE FEE_REVENUE "
        "SETTLEMENT_PAYOUT SETTLEMENT_VOID"
    ),
    "ResolutionResult": "YES NO VOID",
    "AdminAction": "RESOLVE VOID SETTLE AMM_START",
    "VoidSource": "ADMIN REFERENCE",
    "CancelScope": "ALL BUY_ONLY SELL_ONLY",
    "StopMode": "GRACEFUL IMMEDIATE",
    "CancelReason": (
        "IOC_UNFILLED USER_CANCELLED MARKET_RESOLVED REPLACED REPLACE_PARTIAL_FILL BATCH_CANCELLED "
        "AMM_STOPPED GUARD EXPIRED SELF_TRADE GROUP_LIMIT MM_STOPPED"
    ),
    "CircuitBreakerTrigger": (
        "INVARIANT_RESERVE INVARIANT_COST_SUM INVARIANT_BALANCE INVARIANT_SHARES RECOVERY_FAILED "
        "NEGATIVE_BALANCE ORDERBOOK_DESYNC CLEARING_ERROR MANUAL VOLATILITY"
    ),
    "ReferenceType": (
        "ORDER TRADE MARKET DEPOSIT WITHDRAW AMM_MINT AMM_BURN "
        "MM_PAYMENT MM_WITHDRAW MM_REFUND MM_VENUE_OUT MM_VENUE_IN MM_REWARD MM_FEE "
        "MM_POOL MM_WRITE_OFF"
    ),
    "GroupState": "ACTIVE TRIGGERED DELETED",
    "GroupCause": "FILLS USER LIMIT_LOWERED",
    "AmmStatus": "RUNNING STOPPED",
    "AmmStopCause": "ADMIN MARKET_SETTLED",
    "DepositCause": "USER AMM_START VENUE",
    "StatusReason": "ADMIN TRADING_ENDED CIRCUIT_BREAKER RESOLUTION",
    "TradingMode": "NORMAL POST_ONLY CANCEL_ONLY",
    "ModeReason": "ADMIN RESTART ENDED",
}

CODES = {
    1007: "NOT_ALLOWED",  # another's order
    2001: "INSUFFICIENT_BALANCE",
    2002: "ACCOUNT_NOT_FOUND",
    3001: "MARKET_NOT_FOUND",
    3002: "MARKET_NOT_OPEN",  # status, trading window
    3003: "NOT_RESOLVABLE",
    3004: "INVALID_RESULT",
    3005: "TRANSITION_NOT_ALLOWED",
    3006: "MARKET_EXISTS",
    3007: "INVARIANTS_BROKEN",
    3008: "NOT_IN_THIS_MODE",
    3009: "NO_VOID_PRICE",  # of a market that was hardly quoted
    4001: "PRICE_OUT_OF_RANGE",
    4002: "LIMIT_EXCEEDED",  # quantity, amount, position
    4003: "SELF_TRADE",
    4004: "ORDER_NOT_FOUND",
    4005: "CLIENT_ORDER_ID_USED",
    4006: "ORDER_CLOSED",
    4007: "POST_ONLY_WOULD_TAKE",
    4008: "NOT_FILLABLE",
    4009: "EXPIRY_PASSED",
    4010: "DEADLINE_PASSED",
    4011: "OUTSIDE_COLLAR",
    4012: "TOO_MANY_ORDERS",
    4013: "NOT_ABOVE_FILLED",
    4014: "BATCH_REFUSED",
    4015: "BATCH_OTHER_MARKET",
    4016: "GROUP_NOT_FOUND",
    4017: "GROUP_TRIGGERED",
    4018: "TOO_MANY_GROUPS",
    5001: "INSUFFICIENT_SHARES",
    6001: "REPLACE_PARTLY_FILLED",
    6002: "REPLACE_NOT_FOUND",
    6003: "REPLACE_FILLED",
    6004: "REPLACE_NOT_OWN",
    6005: "REPLACE_OTHER_MARKET",
    6006: "IDEMPOTENCY_KEY_USED",
    6007: "AMM_RUNNING",
    6008: "AMM_NOT_RUNNING",
    6009: "AMM_NOT_AUTHORIZED",
    6099: "AMM_ONLY",
    7101: "MM_ORDER_NOT_FOUND",  # or another's
    7102: "NOT_IN_THIS_STATE",
    7103: "MARKET_NOT_ELIGIBLE",
    7104: "MM_LIMIT_REACHED",
    7105: "STALE_FENCE",
    7106: "PAYMENT_WRONG",
    7107: "TRANSFER_KEY_USED",
    7108: "FUNDS_LOCKED",
    7109: "REFUND_UNSAFE",
    7110: "FEATURE_DISABLED",
    7111: "CAMPAIGN_NOT_JOINABLE",
    7112: "INVALID_CONFIGURATION",
    9002: "INTERNAL",
    9003: "OVERLOADED",
    9004: "MALFORMED",
}


@pytest.mark.parametrize("name", ENUMS)
def test_an_enumeration_has_exactly_its_published_values(name: str) -> None:
    """Each is a string, equal to its name: what callers, the journal and the tables see."""
    members: type[enum.StrEnum] = getattr(codes, name)
    assert [member.value for member in members] == ENUMS[name].split()
    assert [member.name for member in members] == ENUMS[name].split()


def test_there_is_no_enumeration_besides() -> None:
    found = {
        name
        for name, value in vars(codes).items()
        if isinstance(value, type) and issubclass(value, enum.StrEnum) and value is not enum.StrEnum
    }
    assert found == set(ENUMS) | {"ClosingStage", "KeyKind"}  # which the kernel says to itself alone


def test_the_codes_are_the_published_ones() -> None:
    assert {code.value: code.name for code in Code} == CODES


def test_the_accounts_of_the_system_have_their_published_names() -> None:
    assert codes.AMM_ID == "00000000-0000-4000-a000-000000000001"
    assert (codes.RESERVE_ID, codes.FEES_ID) == ("SYSTEM_RESERVE", "PLATFORM_FEE")
    assert codes.AUDIT_COUNTERPARTY == "SYSTEM"
    assert codes.PAIR_CENTS == 100
