"""What a command may hold: how long its texts are, how large its numbers, of which years its times.

Checked before anything is decided, whoever sends the command, so that nothing is ever journaled that a table,
a feed or a rebuild could not hold. It knows no rule of the exchange: what is too much for a market or for an
account is the decisions' business.

Each member of a command is checked by its name. The commands that come by the hundred thousand are looked at
only for what they bring: what they merely name, the decision finds or refuses.
"""

import enum
import re
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, get_args

from msgspec.structs import FieldInfo, astuple, fields

from kernel.answers import Refusal
from kernel.codes import RESTING_KINDS, Direction, TimeInForce
from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    BatchCancel,
    CancelByClientId,
    CancelledSoFar,
    CancelOrder,
    Command,
    CreateMarket,
    MarketTerms,
    OrderTerms,
    OrderWish,
    PlaceOrder,
    ReplaceOrder,
    VoidBasis,
)
from kernel.ids import NONCE_BITS
from kernel.limits import (
    BATCH_MAX,
    CAMPAIGN_NAME_MAX,
    CATEGORY_MAX,
    COUNT_MAX,
    DESCRIPTION_MAX,
    EVIDENCE_MAX,
    FILLS_MAX,
    FIRST_TIME,
    FORGOTTEN_MAX,
    HIGHEST,
    ID_MAX,
    KEY_MAX,
    LARGEST,
    LAST_TIME,
    LONGEST_WINDOW_MS,
    LOWEST,
    NAMES_MAX,
    NESTING_MAX,
    REMARK_MAX,
    SHORTEST_WINDOW_MS,
    SMALLEST,
    TITLE_MAX,
    TOKEN_LENGTH,
    WORDS_MAX,
)
from kernel.making_commands import (
    CampaignTerms,
    CreateMmCampaign,
    MmCounts,
    MmLimits,
    MmPolicy,
    Observed,
    VenueRules,
)
from kernel.refusals import malformed

GTC, GTD = TimeInForce.GTC, TimeInForce.GTD

# Half a surrogate is no character: what holds one cannot be written down.
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
CONTROL_IN_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

GROUP_NAME: Final = re.compile(f"[A-Za-z0-9._-]{{1,{ID_MAX}}}")

Problem = str | None
"""What is wrong with a value, in words; None if nothing is."""
Check = Callable[[Any], Problem]
Checks = list[tuple[str, Check]]


def members_out_of_bounds(record: Any, checks: Checks) -> Refusal | None:
    for member, check in checks:
        value = getattr(record, member)
        if value is not None and (problem := check(value)) is not None:
            return malformed(member, problem)
    return None


def checked(command: Command) -> Refusal | None:
    """Member by member."""
    return members_out_of_bounds(command, CHECKS[type(command)])


def wish_out_of_bounds(command: OrderWish) -> Refusal | None:
    """Spelled out, for it is the most frequent command of all."""
    named = command.client_order_id
    if not (0 < len(named) <= ID_MAX and named.isascii() and named.isprintable() and " " not in named):
        return malformed("client_order_id", f"must be 1 to {ID_MAX} printable ASCII characters, no spaces")
    if command.nonce >> NONCE_BITS != 0:
        return malformed("nonce", NO_NONCE)
    terms = command.terms
    if (
        terms.time_in_force is not GTC
        or terms.expires_at is not None
        or terms.max_cost_cents is not None
        or terms.group_id is not None
    ) and (refusal := terms_out_of_bounds(terms)) is not None:
        return refusal
    return None if command.fence is None and command.valid_until is None else additions_out_of_bounds(command)


def terms_out_of_bounds(terms: OrderTerms) -> Refusal | None:
    """What only some orders have, each by itself and together."""
    if (trouble := misfit(terms)) is not None:
        return malformed(*trouble)
    return members_out_of_bounds(terms, ORDER_TERMS)


def misfit(terms: OrderTerms) -> tuple[str, str] | None:
    """The member that does not go with the others, if there is one, and why."""
    rests = terms.time_in_force in RESTING_KINDS
    if terms.time_in_force is GTD and terms.expires_at is None:
        return "expires_at", "must be given for a GTD order"
    if terms.time_in_force is not GTD and terms.expires_at is not None:
        return "expires_at", "must be given for a GTD order only"
    if terms.post_only and not rests:
        return "post_only", "must not be true for an IOC or FOK order"
    if terms.max_cost_cents is not None and (rests or terms.direction is not Direction.BUY):
        return "max_cost_cents", "must be given for a BUY with IOC or FOK only"
    return None


def additions_out_of_bounds(
    command: OrderWish | CancelOrder | CancelByClientId | BatchCancel,
) -> Refusal | None:
    """What only some of these commands carry."""
    if command.fence is None and command.valid_until is None:
        return None
    for member, value in (("fence", command.fence), ("valid_until", command.valid_until)):
        if value is not None and (problem := integer(value)) is not None:
            return malformed(member, problem)
    return None


def amend_out_of_bounds(command: AmendOrder | AmendByClientId) -> Refusal | None:
    if command.price is None and command.quantity is None:
        return malformed("price", "must be given, or quantity, or both")
    return members_out_of_bounds(command, AMENDED)


def batch_out_of_bounds(command: BatchCancel) -> Refusal | None:
    if command.so_far is not None and (problem := sums(command.so_far)) is not None:
        return malformed("so_far", problem)
    return additions_out_of_bounds(command)


def atomic_out_of_bounds(command: AtomicBatch) -> Refusal | None:
    if not 1 <= len(command.commands) <= BATCH_MAX:
        return malformed("commands", f"must be 1 to {BATCH_MAX}")
    for index, each in enumerate(command.commands):
        if each.user_id != command.user_id:
            return malformed(f"commands[{index}].user_id", "must be that of the batch")
        if (refusal := OUT_OF_BOUNDS[type(each)](each)) is not None:
            return refusal
    return checked(command)


def market_out_of_bounds(command: CreateMarket) -> Refusal | None:
    return checked(command) or members_out_of_bounds(command.terms, TERMS)


def campaign_out_of_bounds(command: CreateMmCampaign) -> Refusal | None:
    return checked(command) or members_out_of_bounds(command.terms, CAMPAIGN_TERMS)


# What a member may hold


def integer(value: int) -> Problem:
    return None if LOWEST <= value <= HIGHEST else "must fit 64 bits"


def nonce(value: int) -> Problem:
    return None if value >> NONCE_BITS == 0 else NO_NONCE


def time(value: int) -> Problem:
    return None if FIRST_TIME <= value <= LAST_TIME else "must be of the years 2000 to 2999"


def text(value: str, least: int, most: int) -> Problem:
    if not least <= len(value) <= most:
        return f"must have {least} to {most} characters"
    return None if CONTROL.search(value) is None else "must not contain control characters"


def name(value: str) -> Problem:
    return text(value, 1, ID_MAX)


def holder(value: str) -> Problem:
    return text(value, 0, ID_MAX)


def names(values: tuple[str, ...]) -> Problem:
    if len(values) > NAMES_MAX:
        return f"must have at most {NAMES_MAX} names"
    return next(filter(None, map(name, values)), None)


def reports(values: tuple[str, ...]) -> Problem:
    return next(filter(None, map(words, values)), None)


def group(value: str) -> Problem:
    if GROUP_NAME.fullmatch(value) is None:
        return f"must be 1 to {ID_MAX} letters, digits, dots, underscores and hyphens"
    return None


def most_filled(value: int) -> Problem:
    return None if 1 <= value <= FILLS_MAX else f"must be 1 to {FILLS_MAX}"


def forgotten(value: int) -> Problem:
    return None if 1 <= value <= FORGOTTEN_MAX else f"must be 1 to {FORGOTTEN_MAX}"


def window(value: int) -> Problem:
    if SHORTEST_WINDOW_MS <= value <= LONGEST_WINDOW_MS:
        return None
    return f"must be {SHORTEST_WINDOW_MS} to {LONGEST_WINDOW_MS}"


def key(value: str) -> Problem:
    return text(value, 1, KEY_MAX)


def words(value: str) -> Problem:
    return text(value, 0, WORDS_MAX)


def title(value: str) -> Problem:
    return text(value, 1, TITLE_MAX)


def campaign_name(value: str) -> Problem:
    return text(value, 1, CAMPAIGN_NAME_MAX)


def category(value: str) -> Problem:
    return text(value, 0, CATEGORY_MAX)


def paragraphs(value: str) -> Problem:
    if len(value) > DESCRIPTION_MAX:
        return f"must have at most {DESCRIPTION_MAX} characters"
    return None if CONTROL_IN_LINES.search(value) is None else NO_CONTROL_BUT_LINES


def free_form(value: Any, level: int = 0) -> Problem:
    """Whatever JSON can hold, as far as it is the same in Python, in the journal and in PostgreSQL."""
    if level > NESTING_MAX:
        return f"must not be nested deeper than {NESTING_MAX} levels"
    problem: Problem = None
    if isinstance(value, str):
        problem = None if CONTROL_IN_LINES.search(value) is None else NO_CONTROL_BUT_LINES
    elif isinstance(value, dict):
        for member, inner in value.items():
            if not isinstance(member, str):
                return "must be JSON"
            problem = problem or free_form(member, level) or free_form(inner, level + 1)
    elif isinstance(value, list):
        for inner in value:
            problem = problem or free_form(inner, level + 1)
    elif isinstance(value, float):
        problem = fraction(value)
    elif isinstance(value, int):  # true and false among them
        problem = None if integer(value) is None else "must hold integers of 64 bits only"
    elif value is not None:
        problem = "must be JSON"
    return problem


def fraction(value: float) -> Problem:
    """PostgreSQL knows no minus zero, and writes a very large number so that it is read as another."""
    if SMALLEST <= abs(value) <= LARGEST or (value == 0 and str(value) == "0.0"):
        return None
    return "must hold no numbers but integers, 0 and those of a size from 1e-9 to 1e15"


def sums(value: CancelledSoFar) -> Problem:
    return next((problem for member in astuple(value) if (problem := integer(member)) is not None), None)


def basis(value: VoidBasis) -> Problem:
    return next(filter(None, map(integer, astuple(value.reference))), None)


def header_key(value: str) -> Problem:
    if 0 < len(value) <= ID_MAX and value.isascii() and value.isprintable() and " " not in value:
        return None
    return f"must be 1 to {ID_MAX} printable ASCII characters, no spaces"


def setting(value: MmPolicy | MmLimits) -> Problem:
    """Of whoever runs the exchange: numbers that nothing is below."""
    amounts = (getattr(value, name) for name in value.__struct_fields__)
    return None if all(0 <= amount <= HIGHEST // 1000 for amount in amounts) else "must hold no such number"


def venue_rules(value: VenueRules) -> Problem:
    if not all(0 <= amount <= HIGHEST for amount in (value.max_cents, value.max_cents_per_day)):
        return "must hold no such number"
    return names(value.names)


def observed(value: Observed) -> Problem:
    return next(filter(None, map(integer, astuple(value))), None)


def evidence(value: str) -> Problem:
    if not 1 <= len(value) <= EVIDENCE_MAX:
        return f"must have 1 to {EVIDENCE_MAX} characters"
    return None if CONTROL_IN_LINES.search(value) is None else NO_CONTROL_BUT_LINES


def token(value: str) -> Problem:
    return text(value, TOKEN_LENGTH, TOKEN_LENGTH)


def remark(value: str) -> Problem:
    return text(value, 0, REMARK_MAX)


def counts(value: MmCounts) -> Problem:
    if all(0 <= count <= COUNT_MAX for count in astuple(value)):
        return None
    return f"must hold counts of 0 to {COUNT_MAX}"


def anything(value: Any) -> Problem:
    """Whatever it is, there is a refusal for it."""
    return None


def is_bounded_by_type(field: FieldInfo) -> bool:
    """An enumeration, or true or false; or null."""
    kinds = get_args(field.type) or (field.type,)
    return all(isinstance(kind, type) and issubclass(kind, bool | enum.Enum | NoneType) for kind in kinds)


NO_NONCE: Final = f"must be {NONCE_BITS} random bits"
NO_CONTROL_BUT_LINES: Final = "must not contain control characters other than line breaks and tabs"

MEMBERS: Final[dict[str, Check]] = {
    **dict.fromkeys(("user_id", "owner_id", "from_id", "to_id", "market_id", "order_id"), name),
    "by_id": name,
    **dict.fromkeys(("old_order_id", "client_order_id"), name),
    "markets": names,
    "witnesses": reports,
    "after": holder,
    "idempotency_key": key,
    **dict.fromkeys(("by", "reason", "resolution_note"), words),
    **dict.fromkeys(("amount", "quantity", "price", "initial_budget", "initial_price"), integer),
    "before": integer,
    "most": forgotten,
    **dict.fromkeys(("fence", "grace_ms", "last_id", "sound_after", "yes", "no", "costs"), integer),
    "valid_until": integer,
    "so_far": sums,
    "nonce": nonce,
    **dict.fromkeys(("config_override", "context"), free_form),
    "result": anything,
    # Of an order:
    "expires_at": time,
    "max_cost_cents": integer,
    "group_id": group,
    "max_fill_quantity": most_filled,
    "window_ms": window,
    # Of a market:
    "title": title,
    "category": category,
    "description": paragraphs,
    **dict.fromkeys(("min_price_cents", "max_price_cents", "maker_fee_bps", "taker_fee_bps"), integer),
    **dict.fromkeys(("max_order_quantity", "max_position_per_user", "max_order_amount_cents"), integer),
    "until": time,
    **dict.fromkeys(("max_open_orders", "max_open_orders_total", "max_open_orders_amm"), integer),
    **dict.fromkeys(("void_window_ms", "void_price_cents", "collar_cents", "collar_window_ms"), integer),
    **dict.fromkeys(("halt_move_cents", "halt_window_ms", "halt_pause_ms"), integer),
    "void_basis": basis,
    **dict.fromkeys(("trading_start_at", "trading_end_at", "resolution_date"), time),
    # Of a market-making order; its terms are held against their ranges all at once.
    **dict.fromkeys(("required_cash_cents", "required_yes_shares", "required_no_shares"), integer),
    **dict.fromkeys(("venue", "campaign_id", "worker_id"), name),
    "key": header_key,
    **dict.fromkeys(("policy", "limits"), setting),
    **dict.fromkeys(("amount_cents", "yes_shares", "no_shares", "limit"), integer),
    **dict.fromkeys(("strategies", "venues"), names),
    "venue_rules": venue_rules,
    "tx_id": key,
    **dict.fromkeys(("attempt", "equity_cents"), integer),
    "observed": observed,
    "evidence": evidence,
    "token": token,
    "counts": counts,
    "error": remark,
    # Of a campaign:
    "name": campaign_name,
    **dict.fromkeys(("starts_at", "ends_at"), time),
    **dict.fromkeys(("reward_pool_cents", "min_cash_cents"), integer),
    **dict.fromkeys(("max_half_spread_cents", "max_participants"), integer),
    "external_ref": key,
}
"""By its name, what a member of a command may hold. One that is not here cannot be added to a command, unless
its type is bound enough."""


def checks_of(kind: type[Any]) -> Checks:
    return [
        (field.name, MEMBERS[field.name])
        for field in fields(kind)
        if field.name not in CHECKED_ELSEWHERE and not is_bounded_by_type(field)
    ]


CHECKED_ELSEWHERE: Final = ("at", "terms", "commands", "past")
"""The time when it is compared with the exchange's own; the terms of a market or a campaign, and those of an
order that not every order has, member by member; what a batch holds, command by command; what was found of
the past when it was none yet. An order's price and quantity the decision holds against the market's."""
CHECKS: Final[dict[type[Command], Checks]] = {kind: checks_of(kind) for kind in get_args(AnyCommand)}
TERMS: Final = checks_of(MarketTerms)
CAMPAIGN_TERMS: Final = checks_of(CampaignTerms)
ORDER_TERMS: Final = [check for check in checks_of(OrderTerms) if check[0] not in ("price", "quantity")]
AMENDED: Final[Checks] = [(member, integer) for member in ("price", "quantity", "fence", "valid_until")]

OUT_OF_BOUNDS: Final[dict[type[Command], Callable[[Any], Refusal | None]]] = {
    **dict.fromkeys(CHECKS, checked),
    PlaceOrder: wish_out_of_bounds,
    ReplaceOrder: wish_out_of_bounds,
    CancelOrder: additions_out_of_bounds,
    CancelByClientId: additions_out_of_bounds,
    AmendOrder: amend_out_of_bounds,
    AmendByClientId: amend_out_of_bounds,
    BatchCancel: batch_out_of_bounds,
    AtomicBatch: atomic_out_of_bounds,
    CreateMarket: market_out_of_bounds,
    CreateMmCampaign: campaign_out_of_bounds,
}
"""What a command holds that cannot be kept, if anything."""
