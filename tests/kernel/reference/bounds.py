"""What a request may hold at all: by class of command, as the table of bounds puts it.

Whoever trades names what exists already, or is told that it does not; of that, only what is new counts here.
"""

import math
import unicodedata
from typing import Any

from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AtomicBatch,
    BatchCancel,
    CancelByClientId,
    CancelOrder,
    Command,
    CreateMarket,
    ForgetKeys,
    ForgetOrders,
    ForgetPositions,
    OpenJournal,
    OrderTerms,
    OrderWish,
    SetGroup,
    TimedCommand,
)
from tests.kernel.reference.records import Refused

NAMES = ("user_id", "owner_id", "from_id", "to_id", "market_id", "by_id")
NUMBERS = (
    "amount",
    "before",
    "quantity",
    "fence",
    "grace_ms",
    "initial_budget",
    "initial_price",
    "last_id",
    "sound_after",
    "yes",
    "no",
    "costs",
)
TEXTS = {"idempotency_key": (1, 128), "by": (0, 500), "reason": (0, 500), "resolution_note": (0, 500)}
YEAR_2000, YEAR_3000 = 946_684_800 * 10**6, 32_503_680_000 * 10**6
JOURNALS_BEGIN = 1_700_000_000 * 10**6
YEAR_2093 = 3_881_606_400 * 10**6


def check_bounds(command: Command, at: int) -> None:
    demand(at < YEAR_2093)
    demand(at >= JOURNALS_BEGIN or not isinstance(command, OpenJournal))
    if hasattr(command, "nonce"):
        demand(0 <= command.nonce < 2**62)
    if isinstance(command, TimedCommand):
        check_number(command.valid_until)
    match command:
        case OrderWish():
            check_number(command.fence)
            demand(1 <= len(command.client_order_id) <= 64)
            demand(all(0x21 <= ord(character) <= 0x7E for character in command.client_order_id))
            check_wish(command.terms)
        case AmendOrder() | AmendByClientId():
            for number in (command.fence, command.price, command.quantity):
                check_number(number)
            demand(command.price is not None or command.quantity is not None)
        case CancelOrder() | CancelByClientId() | BatchCancel():
            check_number(command.fence)
        case AtomicBatch():
            demand(1 <= len(command.commands) <= 50)
            for each in command.commands:
                demand(each.user_id == command.user_id)
                check_bounds(each, at)
            check_members(command)
        case _:
            check_members(command)


def check_wish(terms: OrderTerms) -> None:
    rests = terms.time_in_force in ("GTC", "GTD")
    demand((terms.time_in_force == "GTD") == (terms.expires_at is not None))
    demand(terms.expires_at is None or YEAR_2000 <= terms.expires_at < YEAR_3000)
    demand(rests or not terms.post_only)
    if terms.max_cost_cents is not None:
        demand(not rests and terms.direction == "BUY")
        check_number(terms.max_cost_cents)
    check_group(terms.group_id)


def check_group(name: str | None) -> None:
    if name is not None:
        demand(1 <= len(name) <= 64)
        demand(all(each.isascii() and (each.isalnum() or each in "._-") for each in name))


def check_members(command: Command) -> None:
    for member in NAMES:
        check_text(getattr(command, member, None), 1, 64)
    for member in NUMBERS:
        check_number(getattr(command, member, None))
    for member, (least, most) in TEXTS.items():
        check_text(getattr(command, member, None), least, most)
    check_text(getattr(command, "after", None), 0, 64)
    until = getattr(command, "until", None)
    demand(until is None or YEAR_2000 <= until < YEAR_3000)
    check_group(getattr(command, "group_id", None))
    if isinstance(command, ForgetOrders | ForgetKeys | ForgetPositions):
        demand(1 <= command.most <= 500)
    if isinstance(command, SetGroup):
        demand(1 <= command.max_fill_quantity < 2**31)
        demand(100 <= command.window_ms <= 24 * 3_600_000)
    for told in getattr(command, "witnesses", ()):
        check_text(told, 0, 500)
    for market_id in getattr(command, "markets", None) or ():
        check_text(market_id, 1, 64)
    demand(len(getattr(command, "markets", None) or ()) <= 10_000)
    check_json(getattr(command, "config_override", None), 0)
    check_json(getattr(command, "context", None), 0)
    if isinstance(command, CreateMarket):
        terms = command.terms
        check_text(terms.title, 1, 500)
        check_text(terms.category, 0, 64)
        check_text(terms.description, 0, 10_000, but="\t\n\r")
        for time in (terms.trading_start_at, terms.trading_end_at, terms.resolution_date):
            demand(time is None or YEAR_2000 <= time < YEAR_3000)


def check_number(value: int | None) -> None:
    demand(value is None or abs(2 * value + 1) < 2**64)


def check_text(value: str | None, least: int, most: int, *, but: str = "") -> None:
    if value is not None:
        demand(least <= len(value) <= most)
        demand(all(unicodedata.category(c) not in ("Cc", "Cs") or c in but for c in value))


def check_json(value: Any, depth: int) -> None:
    demand(depth <= 32)
    match value:
        case None | bool():
            pass
        case int():
            check_number(value)
        case float():
            demand(1e-9 <= abs(value) <= 1e15 or (value == 0 and math.copysign(1, value) > 0))
        case str():
            check_text(value, 0, 2**31, but="\t\n\r")
        case list():
            for inner in value:
                check_json(inner, depth + 1)
        case dict():
            for key, inner in value.items():
                demand(isinstance(key, str))
                check_text(key, 0, 2**31, but="\t\n\r")
                check_json(inner, depth + 1)
        case _:
            demand(False)


def demand(holds: bool) -> None:
    if not holds:
        raise Refused(9004)
