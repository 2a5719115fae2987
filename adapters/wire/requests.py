"""What callers may send: every request body, as a type that decodes it strictly and becomes a command.

A body says what is well-formed: an integer is a JSON integer (not 65.0, "65" or true) of 64 bits, a member
that is null counts as absent, members nobody knows are ignored. What is allowed within that is the kernel's
business. REST, the command stream and the published API description share these types.
"""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from adapters.runtime.clock import Clock
from adapters.runtime.times import to_microseconds
from adapters.wire.scopes import Scope
from kernel import bounds, commands
from kernel.codes import (
    CancelScope,
    Direction,
    MarketStatus,
    SelfTradeMode,
    Side,
    StopMode,
    TimeInForce,
    TradingMode,
)
from kernel.limits import (
    BUDGET_MAX,
    CATEGORY_MAX,
    DEPOSIT_MAX,
    DESCRIPTION_MAX,
    FILLS_MAX,
    HIGHEST,
    ID_MAX,
    KEY_MAX,
    LONGEST_WINDOW_MS,
    LOWEST,
    MINT_MAX,
    SHORTEST_WINDOW_MS,
    TITLE_MAX,
    WORDS_MAX,
)

API_KEY_NAME_MAX: Final = 64
WORDS: Final[dict[str, str]] = {}
"""What each pattern requires, in words for the caller."""


def matching(pattern: str, words: str, **more: Any) -> Meta:
    """Text that matches the whole pattern: `$` alone would also match before a final newline."""
    whole = rf"^{pattern}(?!\n)$"
    WORDS[repr(whole)] = words
    return Meta(pattern=whole, **more)


Int64 = Annotated[int, Meta(ge=LOWEST, le=HIGHEST)]
Positive = Annotated[int, Meta(ge=1, le=HIGHEST)]
Text = Annotated[str, matching(r"[^\x00-\x1f\x7f-\x9f]*", "must not contain control characters")]
"""PostgreSQL's JSON cannot hold U+0000, and the others do harm in logs, tables and terminals."""
Paragraphs = Annotated[
    str,
    matching(
        r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*",
        "must not contain control characters other than line breaks and tabs",
    ),
]
MarketId = Annotated[Text, Meta(min_length=1, max_length=ID_MAX)]
NewMarketId = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "must be 1 to 64 letters, digits, dots, underscores and hyphens, the first a letter or digit",
    ),
]
PRINTABLE: Final = "must be printable ASCII characters without spaces"
ClientOrderId = Annotated[str, matching(r"[!-~]+", PRINTABLE, min_length=1, max_length=ID_MAX)]
GroupId = Annotated[
    str, matching(r"[A-Za-z0-9._-]{1,64}", "must be 1 to 64 letters, digits, dots, underscores and hyphens")
]
IdempotencyKey = Annotated[str, matching(r"[!-~]+", PRINTABLE, min_length=1, max_length=KEY_MAX)]
Reason = Annotated[Text, Meta(min_length=1, max_length=WORDS_MAX)]
Time = Annotated[datetime, Meta(tz=True)]


class TimedBody(msgspec.Struct, frozen=True, kw_only=True):
    valid_until: Time | None = None
    """If it is decided later than this, it is refused; asked again under its key or name, it is answered."""

    @property
    def deadline(self) -> int | None:
        return None if self.valid_until is None else to_microseconds(self.valid_until)


# Who somebody is


Email = Annotated[
    str,
    matching(
        r"[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+",
        "must be an address like ann@example.org",
        max_length=255,
        extra_json_schema={"format": "email"},
    ),
]
"""Kept and compared in lower case."""
NewPassword = Annotated[str, Meta(min_length=8, max_length=128)]
"""At least one upper-case letter, one lower-case letter and one digit."""


def check_email(member: str, email: str) -> Iterator[str]:
    if len(email.lower()) > 255:
        yield f"{member}: must have at most 255 characters"


def check_password(member: str, password: str) -> Iterator[str]:
    if not (
        any(c.isupper() for c in password)
        and any(c.islower() for c in password)
        and any(c.isdigit() for c in password)
    ):
        yield f"{member}: needs an upper-case letter, a lower-case letter and a digit"


def refuse(problems: Iterable[str]) -> None:
    """Raise what the decoder makes a refusal of, if there is any problem."""
    if found := "\n".join(problems):
        raise ValueError(found)


class RegisterBody(msgspec.Struct, frozen=True, kw_only=True):
    username: Annotated[
        str, matching(r"[A-Za-z0-9_]{3,64}", "must be 3 to 64 letters, digits and underscores")
    ]
    email: Email
    password: NewPassword

    def __post_init__(self) -> None:
        refuse([*check_email("email", self.email), *check_password("password", self.password)])


class LoginBody(msgspec.Struct, frozen=True, kw_only=True):
    username: Text
    password: str
    cookie: bool = False
    """Have the browser keep the refresh token as a cookie that no script can read."""


class RefreshBody(msgspec.Struct, frozen=True, kw_only=True):
    refresh_token: str | None = None
    """Where it is absent, the cookie of a login that asked for one is taken."""


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True):
    current_password: str
    new_password: NewPassword
    revoke_api_keys: bool | None = None
    """True if it is absent: whoever changes a password in fear wants everybody out."""
    cookie: bool | None = None
    """As in a login; false if it is absent."""

    def __post_init__(self) -> None:
        refuse(check_password("new_password", self.new_password))


class LogOutAllBody(msgspec.Struct, frozen=True, kw_only=True):
    revoke_api_keys: bool | None = None
    """False if it is absent."""


class EmailBody(msgspec.Struct, frozen=True, kw_only=True):
    current_password: str
    new_email: Email

    def __post_init__(self) -> None:
        refuse(check_email("new_email", self.new_email))


class ApiKeyBody(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[Text, Meta(min_length=1, max_length=API_KEY_NAME_MAX)]
    """No other active key of the user has it."""
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]
    """Each at most once."""
    expires_at: Time | None = None
    """In the future; a key without it lives until it is revoked."""

    def __post_init__(self) -> None:
        if len(set(self.scopes)) < len(self.scopes):
            raise ValueError("scopes: names one twice")


# Cash


class DepositBody(msgspec.Struct, frozen=True, kw_only=True):
    amount_cents: Annotated[int, Meta(ge=1, le=DEPOSIT_MAX)]

    def to_command(self, user_id: str, clock: Clock) -> commands.Deposit:
        return commands.Deposit(at=clock.now(), user_id=user_id, amount=self.amount_cents)


class WithdrawBody(msgspec.Struct, frozen=True, kw_only=True):
    amount_cents: Positive

    def to_command(self, user_id: str, clock: Clock) -> commands.Withdraw:
        return commands.Withdraw(at=clock.now(), user_id=user_id, amount=self.amount_cents)


# Orders


class PlaceBody(TimedBody, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    market_id: MarketId
    side: Side
    direction: Direction
    price_cents: Int64
    quantity: Int64
    time_in_force: TimeInForce | None = None
    """GTC (default), IOC, FOK or GTD."""
    expires_at: Time | None = None
    """From when on it trades no more; with GTD, and with nothing else."""
    post_only: bool | None = None
    """Refuse it rather than let it take."""
    max_cost_cents: Int64 | None = None
    """The most it may cost, fees included; for a BUY with IOC or FOK."""
    self_trade_mode: SelfTradeMode | None = None
    """Where it would meet an order of the same owner: REJECT it (default), CANCEL_MAKER, or CANCEL_TAKER."""
    group_id: GroupId | None = None
    """The group of orders whose limit holds for it."""

    def __post_init__(self) -> None:
        if (
            self.time_in_force is TimeInForce.GTD
            or self.expires_at is not None
            or self.post_only
            or self.max_cost_cents is not None
        ) and (trouble := bounds.misfit(self.terms)) is not None:
            raise ValueError(": ".join(trouble))

    @property
    def terms(self) -> commands.OrderTerms:
        return commands.OrderTerms(
            self.side,
            self.direction,
            self.price_cents,
            self.quantity,
            self.time_in_force or TimeInForce.GTC,
            None if self.expires_at is None else to_microseconds(self.expires_at),
            post_only=self.post_only is True,
            max_cost_cents=self.max_cost_cents,
            self_trade_mode=self.self_trade_mode or SelfTradeMode.REJECT,
            group_id=self.group_id,
        )

    def to_command(self, user_id: str, clock: Clock) -> commands.PlaceOrder:
        return commands.PlaceOrder(
            at=clock.now(),
            user_id=user_id,
            client_order_id=self.client_order_id,
            market_id=self.market_id,
            terms=self.terms,
            nonce=clock.nonce(),
            valid_until=self.deadline,
        )


class ReplaceBody(msgspec.Struct, frozen=True, kw_only=True):
    old_order_id: Text
    """One that is no UUID names no order."""
    new_order: PlaceBody

    @property
    def old_id(self) -> str:
        """The old order's id as ids are spelled here; clients may use capitals or leave out hyphens."""
        try:
            return str(msgspec.convert(self.old_order_id, uuid.UUID))
        except msgspec.ValidationError:
            return self.old_order_id

    def to_command(self, user_id: str, clock: Clock) -> commands.ReplaceOrder:
        new = self.new_order
        return commands.ReplaceOrder(
            at=clock.now(),
            user_id=user_id,
            old_order_id=self.old_id,
            client_order_id=new.client_order_id,
            market_id=new.market_id,
            terms=new.terms,
            nonce=clock.nonce(),
            valid_until=new.deadline,
        )


class AmendBody(TimedBody, frozen=True, kw_only=True):
    price_cents: Int64 | None = None
    """Of the order's own side; unchanged if absent."""
    quantity: Int64 | None = None
    """The new total, with what is filled of it already; unchanged if absent."""
    post_only: bool | None = None
    """Whether to refuse the amend rather than let the order take in it."""

    def __post_init__(self) -> None:
        if self.price_cents is None and self.quantity is None:
            raise ValueError("price_cents: must be given, or quantity, or both")

    def members(self, user_id: str, clock: Clock) -> dict[str, Any]:
        """What the command has of it, whatever it names the order by."""
        return {
            "at": clock.now(),
            "user_id": user_id,
            "price": self.price_cents,
            "quantity": self.quantity,
            "post_only": self.post_only is True,
            "valid_until": self.deadline,
        }


class CancelBody(TimedBody, frozen=True, kw_only=True):
    """Which order, the path says."""


class CancelByNameBody(TimedBody, frozen=True, kw_only=True):
    market_id: MarketId
    client_order_id: ClientOrderId

    def to_command(self, user_id: str, clock: Clock) -> commands.CancelByClientId:
        return commands.CancelByClientId(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            client_order_id=self.client_order_id,
            valid_until=self.deadline,
        )


class BatchCancelBody(TimedBody, frozen=True, kw_only=True):
    market_id: MarketId
    cancel_scope: CancelScope | None = None
    """ALL (default), BUY_ONLY or SELL_ONLY, by the direction the user gave."""

    def to_command(self, user_id: str, clock: Clock) -> commands.BatchCancel:
        return commands.BatchCancel(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            scope=self.cancel_scope or CancelScope.ALL,
            valid_until=self.deadline,
        )


class CancelAllBody(TimedBody, frozen=True, kw_only=True):
    market_id: MarketId | None = None
    """Without it, every market in which one has live orders."""
    side: Side | None = None
    direction: Direction | None = None
    """Of these orders only, as the user named side and direction; together they narrow."""
    group_id: GroupId | None = None
    """Of this group only, which is of the market that is named."""

    def __post_init__(self) -> None:
        if self.group_id is not None and self.market_id is None:
            raise ValueError("market_id: is required with group_id")

    def in_market(self, market_id: str, user_id: str, clock: Clock) -> commands.CancelAll:
        return commands.CancelAll(
            at=clock.now(),
            user_id=user_id,
            market_id=market_id,
            side=self.side,
            direction=self.direction,
            group_id=self.group_id,
            valid_until=self.deadline,
        )


# Order groups


class GroupBody(TimedBody, frozen=True, kw_only=True):
    market_id: MarketId
    group_id: GroupId

    def members(self, user_id: str, clock: Clock) -> dict[str, Any]:
        return {
            "at": clock.now(),
            "user_id": user_id,
            "market_id": self.market_id,
            "group_id": self.group_id,
            "valid_until": self.deadline,
        }


class SetGroupBody(GroupBody, frozen=True, kw_only=True):
    max_fill_quantity: Annotated[int, Meta(ge=1, le=FILLS_MAX)]
    """The shares that its orders may trade within the window."""
    window_ms: Annotated[int, Meta(ge=SHORTEST_WINDOW_MS, le=LONGEST_WINDOW_MS)]

    def to_command(self, user_id: str, clock: Clock) -> commands.SetGroup:
        return commands.SetGroup(
            **self.members(user_id, clock),
            max_fill_quantity=self.max_fill_quantity,
            window_ms=self.window_ms,
        )


class ResetGroupBody(GroupBody, frozen=True, kw_only=True):
    def to_command(self, user_id: str, clock: Clock) -> commands.ResetGroup:
        return commands.ResetGroup(**self.members(user_id, clock))


class TriggerGroupBody(GroupBody, frozen=True, kw_only=True):
    def to_command(self, user_id: str, clock: Clock) -> commands.TriggerGroup:
        return commands.TriggerGroup(**self.members(user_id, clock))


class DeleteGroupBody(GroupBody, frozen=True, kw_only=True):
    def to_command(self, user_id: str, clock: Clock) -> commands.DeleteGroup:
        return commands.DeleteGroup(**self.members(user_id, clock))


# The market maker


class PairsBody(TimedBody, frozen=True, kw_only=True):
    market_id: MarketId
    quantity: Annotated[int, Meta(ge=1, le=MINT_MAX)]
    idempotency_key: IdempotencyKey


class MintBody(PairsBody, frozen=True, kw_only=True):
    def to_command(self, user_id: str, clock: Clock) -> commands.MintShares:
        return commands.MintShares(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            quantity=self.quantity,
            idempotency_key=self.idempotency_key,
            nonce=clock.nonce(),
            valid_until=self.deadline,
        )


class BurnBody(PairsBody, frozen=True, kw_only=True):
    def to_command(self, user_id: str, clock: Clock) -> commands.BurnShares:
        return commands.BurnShares(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            quantity=self.quantity,
            idempotency_key=self.idempotency_key,
            nonce=clock.nonce(),
            valid_until=self.deadline,
        )


class StartAmmBody(msgspec.Struct, frozen=True, kw_only=True):
    market_id: MarketId
    initial_budget_cents: Annotated[int, Meta(ge=1, le=BUDGET_MAX)]
    initial_price_cents: Annotated[int, Meta(ge=1, le=99)]
    config_override: dict[str, Any] | None = None
    """Kept and handed to the bot unread."""

    def __post_init__(self) -> None:
        if (problem := bounds.free_form(self.config_override)) is not None:
            raise ValueError(f"config_override: {problem}")

    def to_command(self, by: str, clock: Clock) -> commands.StartAmm:
        return commands.StartAmm(
            at=clock.now(),
            market_id=self.market_id,
            initial_budget=self.initial_budget_cents,
            initial_price=self.initial_price_cents,
            config_override=self.config_override or {},
            nonce=clock.nonce(),
            by=by,
        )


class StopAmmBody(msgspec.Struct, frozen=True, kw_only=True):
    market_id: MarketId
    stop_mode: StopMode | None = None
    """GRACEFUL (default) or IMMEDIATE: tells the bot whether to finish its cycle."""

    def to_command(self, by: str, clock: Clock) -> commands.StopAmm:
        return commands.StopAmm(
            at=clock.now(), market_id=self.market_id, stop_mode=self.stop_mode or StopMode.GRACEFUL, by=by
        )


# Administration; the market is in the path


class CreateMarketBody(msgspec.Struct, frozen=True, kw_only=True):
    id: NewMarketId
    title: Annotated[Text, Meta(min_length=1, max_length=TITLE_MAX)]
    description: Annotated[Paragraphs, Meta(max_length=DESCRIPTION_MAX)] | None = None
    category: Annotated[Text, Meta(max_length=CATEGORY_MAX)] | None = None
    min_price_cents: Int64 | None = None
    max_price_cents: Int64 | None = None
    max_order_quantity: Int64 | None = None
    max_position_per_user: Int64 | None = None
    max_order_amount_cents: Int64 | None = None
    maker_fee_bps: Int64 | None = None
    taker_fee_bps: Int64 | None = None
    trading_start_at: Time | None = None
    trading_end_at: Time | None = None
    resolution_date: Time | None = None
    void_window_ms: Int64 | None = None
    collar_cents: Int64 | None = None
    collar_window_ms: Int64 | None = None
    halt_move_cents: Int64 | None = None
    halt_window_ms: Int64 | None = None
    halt_pause_ms: Int64 | None = None
    amm_authorized: bool | None = None
    max_open_orders: Int64 | None = None
    max_open_orders_total: Int64 | None = None
    max_open_orders_amm: Int64 | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{name}: {problem}"
            for name in TERM_TIMES
            if (value := getattr(self, name)) is not None
            and (problem := bounds.time(to_microseconds(value))) is not None
        ]
        if problems:
            raise ValueError("\n".join(problems))

    def to_command(self, by: str, clock: Clock) -> commands.CreateMarket:
        given = {name: value for name in TERMS if (value := getattr(self, name)) is not None}
        given |= {name: to_microseconds(given[name]) for name in TERM_TIMES if name in given}
        authorized = self.amm_authorized
        return commands.CreateMarket(
            at=clock.now(),
            market_id=self.id,
            terms=commands.MarketTerms(**given),
            amm_authorized=True if authorized is None else authorized,
            by=by,
        )


TERMS: Final = [field.name for field in msgspec.structs.fields(commands.MarketTerms)]
TERM_TIMES: Final = ("trading_start_at", "trading_end_at", "resolution_date")


class EmptyBody(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is asked for; what is sent all the same must be an object."""


class SuspendBody(msgspec.Struct, frozen=True, kw_only=True):
    reason: Annotated[Text, Meta(max_length=WORDS_MAX)] | None = None


class HaltBody(msgspec.Struct, frozen=True, kw_only=True):
    reason: Reason


class ResumeBody(msgspec.Struct, frozen=True, kw_only=True):
    target_status: Literal["ACTIVE", "SUSPENDED"] | None = None
    resolution_note: Annotated[Text, Meta(max_length=WORDS_MAX)] | None = None
    """Required to resume from a halt."""

    def to_command(self, market_id: str, by: str, clock: Clock) -> commands.ResumeMarket:
        return commands.ResumeMarket(
            at=clock.now(),
            market_id=market_id,
            target_status=MarketStatus(self.target_status or "ACTIVE"),
            resolution_note=self.resolution_note,
            by=by,
        )


class ModeBody(msgspec.Struct, frozen=True, kw_only=True):
    mode: TradingMode
    until: Time | None = None
    """When it ends by itself; not with NORMAL."""
    reason: Annotated[Text, Meta(max_length=WORDS_MAX)] | None = None

    def to_command(self, market_id: str, by: str, clock: Clock) -> commands.SetMarketMode:
        return commands.SetMarketMode(
            at=clock.now(),
            market_id=market_id,
            mode=self.mode,
            until=None if self.until is None else to_microseconds(self.until),
            reason=self.reason,
            by=by,
        )


class ResolveBody(msgspec.Struct, frozen=True, kw_only=True):
    resolution_result: str
    """YES, NO or VOID. Another string has a refusal of its own."""
    settle: bool | None = None
    void_price_cents: Int64 | None = None
    """With VOID: what a YES share is paid; the market's reference price, if absent."""

    def to_command(self, market_id: str, by: str, clock: Clock) -> commands.ResolveMarket:
        return commands.ResolveMarket(
            at=clock.now(),
            market_id=market_id,
            result=self.resolution_result,
            settle=self.settle is not False,
            void_price_cents=self.void_price_cents,
            by=by,
        )


class VoidBody(msgspec.Struct, frozen=True, kw_only=True):
    reason: Annotated[Text, Meta(max_length=WORDS_MAX)] | None = None
    void_price_cents: Int64 | None = None
    """What a YES share is paid; the market's reference price, if absent."""

    def to_command(self, market_id: str, by: str, clock: Clock) -> commands.VoidMarket:
        return commands.VoidMarket(
            at=clock.now(),
            market_id=market_id,
            reason=self.reason,
            void_price_cents=self.void_price_cents,
            by=by,
        )


class AuthorizationBody(msgspec.Struct, frozen=True, kw_only=True):
    authorized: bool


class ActiveBody(msgspec.Struct, frozen=True, kw_only=True):
    is_active: bool


class RoleBody(msgspec.Struct, frozen=True, kw_only=True):
    account_type: Literal["USER", "ADMIN"]
