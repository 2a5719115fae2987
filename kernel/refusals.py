"""The refusals that more than one decision gives: what was wrong, and by how much."""

from kernel.answers import Refusal
from kernel.codes import Code, MarketStatus, Side
from kernel.limits import VOLUME_MAX
from kernel.market import Market


def market_not_found(market_id: str) -> Refusal:
    return Refusal(Code.MARKET_NOT_FOUND, f"Market not found: {market_id}")


def market_not_open(market: Market) -> Refusal:
    if market.status is MarketStatus.ACTIVE:
        return Refusal(Code.MARKET_NOT_OPEN, "Market is outside its trading window")
    return Refusal(Code.MARKET_NOT_OPEN, f"Market does not accept this while it is {market.status}")


def not_in_this_mode(market: Market) -> Refusal:
    return Refusal(
        Code.NOT_IN_THIS_MODE,
        f"Market does not accept this in the mode {market.trading_mode}",
        {"trading_mode": market.trading_mode},
    )


def too_many_orders(scope: str, limit: int, open_orders: int) -> Refusal:
    """In this market, or in all of them."""
    return Refusal(
        Code.TOO_MANY_ORDERS,
        f"Too many open orders: {open_orders}, allowed {limit}",
        {"scope": scope, "limit": limit, "open_orders": open_orders},
    )


def group_not_found(group_id: str) -> Refusal:
    return Refusal(Code.GROUP_NOT_FOUND, f"Order group not found: {group_id}")


def account_not_found(user_id: str) -> Refusal:
    return Refusal(Code.ACCOUNT_NOT_FOUND, f"No account for {user_id}")


def insufficient_balance(required: int, available: int) -> Refusal:
    return Refusal(
        Code.INSUFFICIENT_BALANCE,
        f"Insufficient balance: required {required} cents, available {available} cents",
    )


def insufficient_shares(side: Side, required: int, free: int) -> Refusal:
    return Refusal(
        Code.INSUFFICIENT_SHARES, f"Not enough free {side} shares: required {required}, free {free}"
    )


def too_many_shares(most: int, quantity: int) -> Refusal:
    return Refusal(
        Code.LIMIT_EXCEEDED, f"Too many shares: {most} held, {quantity} more, allowed {VOLUME_MAX}"
    )


def amm_only() -> Refusal:
    return Refusal(Code.AMM_ONLY, "Only for the market maker")


def malformed(field: str, problem: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        f"Malformed request: {field} {problem}",
        {"errors": [{"field": field, "problem": problem}]},
    )


def too_late() -> Refusal:
    return malformed("at", "must be a time whose trades can be numbered: up to the year 2092")
