"""What an operator may set: the one table of names, types, defaults and meanings.

Values come from the environment. This module knows how they are written and which of them are secret; it
does not know what anybody does with them.
"""

import difflib
import enum
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

T = TypeVar("T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PREFIX = "VERDICT_"
MASK = "********"
NOT_SET = "(not set)"

# Beside the program, so that `verdict serve` finds the same exchange from whichever folder it is called.
DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"

# HS256 signs with SHA-256, and a key shorter than its 32 bytes weakens the signature (RFC 7518, 3.2).
KEY_BYTES_MIN = 32

PORT_MAX = 65_535
SECONDS_MAX = 366 * 86_400

# Whoever reaches the address may try it as often as he likes.
METRICS_TOKEN_BYTES_MIN = 16

# As browsers send it: scheme, host and port, no path and no closing slash.
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


# What may stand behind the word Bearer (RFC 6750, 2.1).
BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class SettingsError(Exception):
    """The environment says something that cannot be meant; one line per mistake."""


class LogLevel(enum.StrEnum):
    """How much the server tells: everything from this level up."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


# --- How values are written. A reader gets a non-empty text and raises ValueError with what it must be. ---


def read_text(text: str) -> str:
    return text


def read_folder(text: str) -> Path:
    # Absolute from here on: nobody later depends on the folder the process happens to stand in.
    return Path(text).expanduser().absolute()


def read_port(text: str) -> int:
    if not is_whole_number(text) or int(text) > PORT_MAX:
        raise ValueError(f"must be a port, 0 to {PORT_MAX} (0 takes any free one)")
    return int(text)


def read_rate(text: str) -> int:
    if not is_whole_number(text):
        raise ValueError("must be a whole number of requests per minute (0 is unlimited)")
    return int(text)


def read_count(text: str) -> int:
    if not is_whole_number(text):
        raise ValueError("must be a whole number (0 is unlimited)")
    return int(text)


def read_seconds(text: str) -> int:
    if not is_whole_number(text) or not 1 <= int(text) <= SECONDS_MAX:
        raise ValueError(f"must be a whole number of seconds, 1 to {SECONDS_MAX}")
    return int(text)


def is_whole_number(text: str) -> bool:
    # The length keeps int() from being handed a book; isdigit alone would admit digits of other scripts.
    return text.isascii() and text.isdigit() and len(text) <= 9


def read_switch(text: str) -> bool:
    match text.lower():
        case "on" | "1" | "true" | "yes":
            return True
        case "off" | "0" | "false" | "no":
            return False
        case _:
            raise ValueError("must be on or off (1 and 0 do as well)")


def read_log_level(text: str) -> LogLevel:
    try:
        return LogLevel(text.lower())
    except ValueError:
        raise ValueError(f"must be one of {', '.join(LogLevel)}") from None


def is_long_enough(key: str) -> bool:
    """Blanks at its ends are no part of what somebody would have to guess."""
    return len(key.strip().encode()) >= KEY_BYTES_MIN


def read_key(text: str) -> str:
    if not is_long_enough(text):
        raise ValueError(f"must have at least {KEY_BYTES_MIN} bytes; `openssl rand -hex 32` makes a good one")
    return text


def read_metrics_token(text: str) -> str:
    if len(text) < METRICS_TOKEN_BYTES_MIN or not BEARER.fullmatch(text):
        raise ValueError(
            f"must have at least {METRICS_TOKEN_BYTES_MIN} letters, digits and any of -._~+/=;"
            " `openssl rand -hex 16` makes a good one"
        )
    return text


def read_database_url(text: str) -> str:
    """Accept what can be shown later without its password, so that no odd spelling leaks one."""
    try:
        parts = urlsplit(text)
        # Asking for the port makes urlsplit look at it: it raises for anything but 0 to 65535.
        well_formed = parts.scheme in ("postgresql", "postgres") and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or "@" in text.partition("://")[2].replace(parts.netloc, "", 1):
        raise ValueError(
            "must look like postgresql://user:password@host:5432/name, with / ? # and @ in a password"
            " written as %2F %3F %23 and %40"
        )
    return text


def read_networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in parts_of(text))
    except ValueError:
        raise ValueError("must be IP addresses or networks like 10.0.0.0/8, separated by commas") from None


def read_origins(text: str) -> tuple[str, ...]:
    origins = parts_of(text)
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError("must be origins like https://example.org, separated by commas")
    return origins


def parts_of(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


# --- How values are shown, in `verdict config` and wherever a Settings object is printed. ---


def show_plain(value: object) -> str:
    match value:
        case None | "" | ():
            return NOT_SET
        case bool():
            return "on" if value else "off"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def show_secret(value: str | None) -> str:
    return NOT_SET if value is None else MASK


def show_database_url(value: str | None) -> str:
    if value is None:
        return NOT_SET
    parts = urlsplit(value)
    login, at, host = parts.netloc.rpartition("@")
    user, colon, _password = login.partition(":")
    netloc = f"{user}{colon}{MASK if colon else ''}{at}{host}"
    query = [
        (key, MASK if "password" in key.lower() else text)
        for key, text in parse_qsl(parts.query, keep_blank_values=True)
    ]
    # Put together by hand: geturl() loses the empty host of postgresql:///name.
    return f"{parts.scheme}://{netloc}{parts.path}{'?' if query else ''}{urlencode(query, safe='*/:,')}"


# --- The table. ---


@attrs.frozen
class Row:
    """What the table says of one setting beside its type and default."""

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
    return attrs.field(default=default, repr=show, metadata={"row": Row(name, meaning, read, show)})


@attrs.frozen(kw_only=True)
class Settings:
    """Every setting, with its value. A name that is not here does not exist, and setting it is an error."""

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
        "for how long a service token of the market maker is",
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
    log: LogLevel = setting(
        "VERDICT_LOG", LogLevel.INFO, "debug, info, warning or error", read=read_log_level
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
        "VERDICT_RATE_AUTH", 5, "register, login, refresh: per minute and IP", read=read_rate
    )
    rate_registration: int = setting(
        "VERDICT_RATE_REGISTRATION", 60, "registrations: per minute, by everybody together", read=read_rate
    )
    rate_orders: int = setting(
        "VERDICT_RATE_ORDERS", 30, "orders placed: per minute and user", read=read_rate
    )
    rate_cancel: int = setting("VERDICT_RATE_CANCEL", 60, "cancels: per minute and user", read=read_rate)
    rate_account: int = setting(
        "VERDICT_RATE_ACCOUNT", 30, "deposits and withdrawals: per minute and user", read=read_rate
    )
    rate_query: int = setting("VERDICT_RATE_QUERY", 120, "queries: per minute and user", read=read_rate)
    rate_admin: int = setting("VERDICT_RATE_ADMIN", 10, "administration: per minute and user", read=read_rate)
    rate_guard: int = setting("VERDICT_RATE_GUARD", 10, "guards set: per minute and user", read=read_rate)
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
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(**values)


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


def table() -> Iterator[tuple[str, Row]]:
    for field in attrs.fields(Settings):
        yield field.name, field.metadata["row"]
