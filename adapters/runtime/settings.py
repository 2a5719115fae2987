"""The settings of the exchange: one table of names, types, defaults and meanings, read from the environment.

Reading is done by hand and not by cattrs: docs/decisions/0296-settings-are-read-without-cattrs.md says why.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from adapters.runtime.setting_values import (
    LogLevel,
    Network,
    between,
    read_count,
    read_database_url,
    read_folder,
    read_key,
    read_log_level,
    read_metrics_token,
    read_names,
    read_networks,
    read_origins,
    read_pause,
    read_port,
    read_rate,
    read_seconds,
    read_switch,
    read_text,
    show_database_url,
    show_plain,
    show_secret,
)

T = TypeVar("T")

PREFIX = "VERDICT_"

MARGIN_MS = 2_000
"""By how much earlier than the exchange a worker takes its lease for ended."""

# Beside the program, so that `verdict serve` finds the same exchange from whichever folder it is called.
DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"


class SettingsError(Exception):
    """The environment has settings that are wrong; one line for each mistake."""


@attrs.frozen
class Setting:
    """One setting, except for its type and default."""

    name: str
    meaning: str
    read: Callable[[str], Any]
    show: Callable[[Any], str]


def setting(
    name: str,
    default: T,
    meaning: str,
    *,
    read: Callable[[str], T],
    show: Callable[[T], str] = show_plain,
) -> T:
    # repr is the same function as show: a secret must not reach a log through a printed object either.
    return attrs.field(default=default, repr=show, metadata={"setting": Setting(name, meaning, read, show)})


@attrs.frozen(kw_only=True)
class Settings:
    """All settings and their values. Setting a name that is not here is an error."""

    host: str = setting("VERDICT_HOST", "127.0.0.1", "address to serve on", read=read_text)
    port: int = setting("VERDICT_PORT", 8000, "port to serve on; 0 takes any free one", read=read_port)
    metrics_host: str = setting(
        "VERDICT_METRICS_HOST", "127.0.0.1", "address to serve the metrics on", read=read_text
    )
    metrics_port: int = setting(
        "VERDICT_METRICS_PORT", 8001, "port to serve them on; 0 takes any free one", read=read_port
    )
    metrics_token: str | None = setting(
        "VERDICT_METRICS_TOKEN",
        None,
        "bearer token that a monitor has to show; without it everybody who reaches the address may read",
        read=read_metrics_token,
        show=show_secret,
    )
    data: Path = setting(
        "VERDICT_DATA",
        DATA_FOLDER,
        "folder of the embedded PostgreSQL, the keys and the witness",
        read=read_folder,
    )
    database_url: str | None = setting(
        "DATABASE_URL",
        None,
        "PostgreSQL to use instead of the embedded one",
        read=read_database_url,
        show=show_database_url,
    )
    jwt_secret: str | None = setting(
        "VERDICT_JWT_SECRET",
        None,
        "key that signs tokens; without it one is made and kept in the data folder",
        read=read_key,
        show=show_secret,
    )
    jwt_access_seconds: int = setting(
        "VERDICT_JWT_ACCESS_SECONDS", 1_800, "for how long an access token is good", read=read_seconds
    )
    jwt_refresh_seconds: int = setting(
        "VERDICT_JWT_REFRESH_SECONDS",
        604_800,
        "for how long a refresh token is, and so a session that nobody uses",
        read=read_seconds,
    )
    jwt_service_seconds: int = setting(
        "VERDICT_JWT_SERVICE_SECONDS",
        86_400,
        "for how long a service token of the market maker or of a worker is",
        read=read_seconds,
    )
    seal_key: str | None = setting(
        "VERDICT_SEAL_KEY",
        None,
        "key that seals the journal and its snapshots; without it one is made and kept in the data folder",
        read=read_key,
        show=show_secret,
    )
    admin_username: str = setting("VERDICT_ADMIN_USERNAME", "admin", "first administrator", read=read_text)
    admin_email: str = setting(
        "VERDICT_ADMIN_EMAIL", "admin@example.org", "the first administrator's address", read=read_text
    )
    admin_password: str | None = setting(
        "VERDICT_ADMIN_PASSWORD",
        None,
        "the first administrator's password; without it a one-time one is printed",
        read=read_text,
        show=show_secret,
    )
    sample_markets: bool = setting(
        "VERDICT_SAMPLE_MARKETS", True, "open three sample markets in an empty exchange", read=read_switch
    )
    four_eyes: bool = setting(
        "VERDICT_FOUR_EYES",
        False,
        "resolving, voiding, settling and starting the market maker take two administrators",
        read=read_switch,
    )
    restart_post_only_ms: int = setting(
        "VERDICT_RESTART_POST_ONLY_MS",
        0,
        "for how long after a start no order takes: makers come first; 0 is not at all",
        read=read_pause,
    )
    remember: int = setting(
        "VERDICT_REMEMBER",
        3_600,
        "seconds for which closed orders, what keys did, and positions in ended markets stay in memory",
        read=between(0, 31_536_000),
    )
    remember_orders: int = setting(
        "VERDICT_REMEMBER_ORDERS",
        250_000,
        "closed orders in memory at most, the newest of them, each half a KiB; and at most as many keys",
        read=between(0, 1_000_000_000),
    )
    share_port: bool = setting(
        "VERDICT_SHARE_PORT",
        False,
        "let several processes of this exchange serve on one port; the system spreads the connections",
        read=read_switch,
    )
    takeover_ms: int = setting(
        "VERDICT_TAKEOVER_MS",
        1_500,
        "milliseconds of silence after which a process that follows leads instead of the one that led",
        read=between(500, 600_000),
    )
    stale_seconds: int = setting(
        "VERDICT_STALE_SECONDS",
        5,
        "seconds after which a process that follows, and hears of no leader, answers no more reads",
        read=between(1, 600),
    )
    history_months: int = setting(
        "VERDICT_HISTORY_MONTHS",
        0,
        "months of trades and ledger that `verdict archive` leaves, besides the present one; 0: all",
        read=between(0, 1_200),
    )
    log: LogLevel = setting(
        "VERDICT_LOG", LogLevel.INFO, "debug, info, warning or error", read=read_log_level
    )
    page: bool = setting("VERDICT_PAGE", True, "serve the web page at /", read=read_switch)
    makers: bool = setting(
        "VERDICT_MAKERS", True, "run a worker of market-making orders beside the server", read=read_switch
    )
    cors_origins: tuple[str, ...] = setting(
        "VERDICT_CORS_ORIGINS", (), "web origins whose pages may call the API", read=read_origins
    )
    trusted_proxies: tuple[Network, ...] = setting(
        "VERDICT_TRUSTED_PROXIES", (), "proxies whose forwarded headers are believed", read=read_networks
    )
    connections: int = setting(
        "VERDICT_CONNECTIONS",
        4096,
        "connections at once, websockets among them; 0 is what the system allows",
        read=read_count,
    )
    connections_per_address: int = setting(
        "VERDICT_CONNECTIONS_PER_ADDRESS", 512, "of them from one address; 0 is unlimited", read=read_count
    )
    rate_limits: bool = setting(
        "VERDICT_RATE_LIMITS", True, "0 switches every limit below off", read=read_switch
    )
    rate_auth: int = setting(
        "VERDICT_RATE_AUTH", 5, "register, login, refresh without a cookie: per minute and IP", read=read_rate
    )
    rate_public: int = setting(
        "VERDICT_RATE_PUBLIC", 60, "market data without a token: per minute and IP", read=read_rate
    )
    rate_registration: int = setting(
        "VERDICT_RATE_REGISTRATION", 60, "registrations: per minute, by everybody together", read=read_rate
    )
    rate_orders: int = setting(
        "VERDICT_RATE_ORDERS", 30, "orders placed: per minute and user", read=read_rate
    )
    rate_cancel: int = setting("VERDICT_RATE_CANCEL", 60, "cancels: per minute and user", read=read_rate)
    rate_cancel_all: int = setting(
        "VERDICT_RATE_CANCEL_ALL", 10, "cancels of everything: per minute and user", read=read_rate
    )
    rate_account: int = setting(
        "VERDICT_RATE_ACCOUNT", 30, "deposits and withdrawals: per minute and user", read=read_rate
    )
    rate_query: int = setting("VERDICT_RATE_QUERY", 120, "queries: per minute and user", read=read_rate)
    rate_admin: int = setting("VERDICT_RATE_ADMIN", 10, "administration: per minute and user", read=read_rate)
    rate_guard: int = setting("VERDICT_RATE_GUARD", 10, "guards set: per minute and user", read=read_rate)
    rate_mm: int = setting(
        "VERDICT_RATE_MM", 30, "for market-making orders: per minute and user", read=read_rate
    )
    rate_amm_orders: int = setting(
        "VERDICT_RATE_AMM_ORDERS", 600, "the market maker's orders: per minute", read=read_rate
    )
    rate_amm_replace: int = setting(
        "VERDICT_RATE_AMM_REPLACE", 400, "its atomic replaces: per minute and market", read=read_rate
    )
    rate_amm_cancel: int = setting("VERDICT_RATE_AMM_CANCEL", 600, "its cancels: per minute", read=read_rate)
    rate_amm_ops: int = setting(
        "VERDICT_RATE_AMM_OPS", 60, "its mints, burns and token renewals: per minute", read=read_rate
    )
    rate_amm_query: int = setting("VERDICT_RATE_AMM_QUERY", 1200, "its queries: per minute", read=read_rate)
    rate_amm_guard: int = setting("VERDICT_RATE_AMM_GUARD", 60, "its guards: per minute", read=read_rate)
    mm_min_cash_cents: int = setting(
        "VERDICT_MM_MIN_CASH_CENTS",
        10_000,
        "cash that a market-making order takes at least, in cents",
        read=between(1, 100_000_000),
    )
    mm_min_minutes_left: int = setting(
        "VERDICT_MM_MIN_MINUTES_LEFT",
        60,
        "minutes for which a market must still trade when such an order is created",
        read=between(0, 525_600),
    )
    mm_service_fee_bps: int = setting(
        "VERDICT_MM_SERVICE_FEE_BPS",
        0,
        "fee of its cash when it is paid, in hundredths of a percent",
        read=between(0, 1_000),
    )
    mm_payment_timeout_ms: int = setting(
        "VERDICT_MM_PAYMENT_TIMEOUT_MS",
        600_000,
        "milliseconds for which it waits to be paid",
        read=between(1_000, 86_400_000),
    )
    mm_withdrawal_timeout_ms: int = setting(
        "VERDICT_MM_WITHDRAWAL_TIMEOUT_MS",
        1_800_000,
        "milliseconds that its money may take to leave for a venue elsewhere, and again to arrive",
        read=between(60_000, 604_800_000),
    )
    mm_lease_ms: int = setting(
        "VERDICT_MM_LEASE_MS",
        15_000,
        "milliseconds for which a worker has it, unless it asks for more",
        read=between(5_000, 60_000),
    )
    mm_cycle_deadline_ms: int = setting(
        "VERDICT_MM_CYCLE_DEADLINE_MS",
        10_000,
        "milliseconds after which a worker gets no more; more than 2000 below the former",
        read=between(1_000, 57_999),
    )
    mm_max_cycle_failures: int = setting(
        "VERDICT_MM_MAX_CYCLE_FAILURES",
        5,
        "cycles that fail one after the other before it is paused",
        read=between(1, 100),
    )
    mm_stale_quotes_ms: int = setting(
        "VERDICT_MM_STALE_QUOTES_MS",
        60_000,
        "milliseconds that its quotes stay when no worker comes",
        read=between(1_000, 3_600_000),
    )
    mm_suspend_pause_ms: int = setting(
        "VERDICT_MM_SUSPEND_PAUSE_MS",
        300_000,
        "milliseconds of a suspended market after which it is paused",
        read=between(0, 86_400_000),
    )
    mm_auto_refund: bool = setting(
        "VERDICT_MM_AUTO_REFUND",
        True,
        "pay everything back to its owner once its market is settled",
        read=read_switch,
    )
    mm_active_per_user: int = setting(
        "VERDICT_MM_ACTIVE_PER_USER", 20, "active market-making orders of a user", read=between(0, 100_000)
    )
    mm_active_per_user_market: int = setting(
        "VERDICT_MM_ACTIVE_PER_USER_MARKET", 5, "the same in one market", read=between(0, 100_000)
    )
    mm_active_per_market: int = setting(
        "VERDICT_MM_ACTIVE_PER_MARKET",
        200,
        "active market-making orders in one market: all that one change of its status has to look after",
        read=between(0, 100_000),
    )
    mm_orders_per_user: int = setting(
        "VERDICT_MM_ORDERS_PER_USER",
        500,
        "market-making orders of a user ever; each takes some 3 KiB of memory",
        read=between(0, 1_000_000),
    )
    mm_cycles_per_second: int = setting(
        "VERDICT_MM_CYCLES_PER_SECOND",
        200,
        "cycles a second that active orders may ask for, by their refresh intervals",
        read=between(0, 100_000),
    )
    mm_cycles_per_second_per_user: int = setting(
        "VERDICT_MM_CYCLES_PER_SECOND_PER_USER", 5, "the same of one user", read=between(0, 100_000)
    )
    mm_changes_per_hour: int = setting(
        "VERDICT_MM_CHANGES_PER_HOUR",
        120,
        "commands of its owner that one market-making order takes in an hour, beside pauses and stops",
        read=between(1, 1_000_000),
    )
    mm_withdraw_to_exchange_enabled: bool = setting(
        "VERDICT_MM_WITHDRAW_TO_EXCHANGE_ENABLED",
        False,
        "let orders have their market made at a venue elsewhere, to which their money is sent",
        read=read_switch,
    )
    mm_venues: tuple[str, ...] = setting(
        "VERDICT_MM_VENUES", (), "the venues elsewhere that are allowed, with commas", read=read_names
    )
    mm_venue_max_cents: int = setting(
        "VERDICT_MM_VENUE_MAX_CENTS",
        10_000_000,
        "cash that one order may send there",
        read=between(0, 1_000_000_000),
    )
    mm_venue_max_cents_per_day: int = setting(
        "VERDICT_MM_VENUE_MAX_CENTS_PER_DAY",
        100_000_000,
        "cash that all of them may send there on one day, by UTC",
        read=between(0, 10**15),
    )


@attrs.frozen
class Shown:
    """One line of `verdict config`."""

    name: str
    value: str
    source: str
    meaning: str


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read every setting, or raise SettingsError with all that is wrong.

    An empty value counts as not set: that is how compose and unit files write "leave it".
    """
    mistakes = [*unknown_names(environment)]
    values = {}
    for field, row in table():
        text = environment.get(row.name)
        if text:
            try:
                values[field] = row.read(text)
            except ValueError as error:
                said = "" if row.show in (show_secret, show_database_url) else f", not {text[:80]!r}"
                mistakes.append(f"{row.name} {error}{said}")
    if not mistakes:
        settings = Settings(**values)
        if settings.mm_cycle_deadline_ms < settings.mm_lease_ms - MARGIN_MS:
            return settings
        mistakes.append(
            f"VERDICT_MM_CYCLE_DEADLINE_MS must be more than {MARGIN_MS} below VERDICT_MM_LEASE_MS"
        )
    raise SettingsError("\n".join(mistakes))


def unknown_names(environment: Mapping[str, str]) -> Iterator[str]:
    # Compared without the prefix, which all but one share: that one is near VERDICT_DATABASE_URL, too.
    known = {row.name.removeprefix(PREFIX): row.name for _field, row in table()}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known.values():
            (nearest,) = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1, cutoff=0)
            yield f"{name} is not a setting; did you mean {known[nearest]}? `verdict config` lists them all"


def show_settings(environment: Mapping[str, str]) -> Iterator[Shown]:
    """Every setting as an operator may see it: secrets masked, with where its value came from."""
    settings = load_settings(environment)
    for field, row in table():
        source = "environment" if environment.get(row.name) else "default"
        yield Shown(row.name, row.show(getattr(settings, field)), source, row.meaning)


def table() -> Iterator[tuple[str, Setting]]:
    for field in attrs.fields(Settings):
        yield field.name, field.metadata["setting"]
