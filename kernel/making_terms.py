"""What an order may ask for: each member of its terms by its range, and what does not go together.

And the fingerprint of what is pinned: strategy, terms and policy as they were when it was created.
"""

import hashlib
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kernel.answers import Refusal
from kernel.codes import Code
from kernel.making_commands import INTERNAL, CreateMmOrder, MmTerms
from kernel.market import Market

STRATEGY: Final = "quoter.1"
"""The strategy that new orders are pinned to, with its version."""
CASH_MAX: Final = 1_000_000_000
SHARES_MAX: Final = 25_000

RANGES: Final = {
    "bid_half_spread_cents": (1, 30),
    "ask_half_spread_cents": (1, 30),
    "order_qty": (1, 10_000),
    "levels": (1, 5),
    "level_step_cents": (1, 10),
    "amount_change_per_layer": (0, 10_000),
    "refresh_interval_ms": (1_000, 300_000),
    "refresh_tolerance_cents": (0, 5),
    "qty_tolerance_pct": (0, 100),
    "floor_price_cents": (1, 99),
    "ceiling_price_cents": (1, 99),
    "max_position_per_side": (1, 25_000),
    "auto_merge_min_pairs": (0, 10_000),
}
"""What a member of the terms may be, where it does not depend on another."""

LOSS_PART: Final = 5
"""Unless the owner says otherwise, an order may lose one part of so many."""


def resolved(terms: MmTerms, required_cash_cents: int) -> MmTerms:
    """The terms with what the request left open."""
    if terms.max_loss_cents is not None:
        return terms
    return replace(terms, max_loss_cents=required_cash_cents // LOSS_PART)


def check_configuration(command: CreateMmOrder, market: Market | None) -> Refusal | None:
    """Everything that is wrong with it, at once."""
    problems: dict[str, str] = {}
    terms = command.terms
    for name, (low, high) in RANGES.items():
        if not low <= getattr(terms, name) <= high:
            problems[name] = f"must be {low} to {high}"
    if "floor_price_cents" not in problems and terms.floor_price_cents >= terms.ceiling_price_cents:
        problems["floor_price_cents"] = "must be below ceiling_price_cents"
    if market is not None and "order_qty" not in problems:
        most = market.terms.max_order_quantity
        if terms.order_qty > most:
            problems["order_qty"] = f"must be at most the market's {most}"
    least = max(1, command.policy.min_cash_cents)
    if not least <= command.required_cash_cents <= CASH_MAX:
        problems["required_cash_cents"] = f"must be {least} to {CASH_MAX}"
    elif terms.max_loss_cents is not None and not 1 <= terms.max_loss_cents <= command.required_cash_cents:
        problems["max_loss_cents"] = f"must be 1 to {command.required_cash_cents}"
    for name in ("required_yes_shares", "required_no_shares"):
        if not 0 <= getattr(command, name) <= SHARES_MAX:
            problems[name] = f"must be 0 to {SHARES_MAX}"
    if command.venue != INTERNAL:
        rules = command.venue_rules
        if command.venue not in rules.names:
            problems["venue"] = "is not allowed"
        if "required_cash_cents" not in problems and command.required_cash_cents > rules.max_cents:
            problems["required_cash_cents"] = f"must be at most {rules.max_cents} for a venue elsewhere"
    return invalid_configuration(problems) if problems else None


def invalid_configuration(problems: dict[str, str]) -> Refusal:
    field, problem = next(iter(problems.items()))
    errors = [{"field": field, "problem": problem} for field, problem in problems.items()]
    return Refusal(
        Code.INVALID_CONFIGURATION, f"Invalid configuration: {field} {problem}", {"errors": errors}
    )


encode: Final = msgspec.json.Encoder(order="sorted").encode


def fingerprint(pinned: dict[str, Any]) -> str:
    """SHA-256 of its JSON with the keys sorted and no spaces."""
    return hashlib.sha256(encode(pinned)).hexdigest()
