"""How values of settings are written in the environment, and how they are shown without their secrets.

A reader gets a text that is not empty, and raises ValueError with what it must be. This module does not know
which settings there are.
"""

import enum
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MASK = "********"
NOT_SET = "(not set)"

# HS256 signs with SHA-256, and a key shorter than its 32 bytes weakens the signature (RFC 7518, 3.2).
KEY_BYTES_MIN = 32

PORT_MAX = 65_535
SECONDS_MAX = 366 * 86_400
PAUSE_MAX = 3_600_000

# Whoever reaches the address may try it as often as he likes.
METRICS_TOKEN_BYTES_MIN = 16

# As browsers send it: scheme, host and port, no path and no closing slash.
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


# What may stand behind the word Bearer (RFC 6750, 2.1).
BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class LogLevel(enum.StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


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


def read_pause(text: str) -> int:
    if not is_whole_number(text) or int(text) > PAUSE_MAX:
        raise ValueError(f"must be a whole number of milliseconds, 0 to {PAUSE_MAX}")
    return int(text)


def between(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers with these bounds."""

    def read(text: str) -> int:
        if not is_whole_number(text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number, {least} to {most}")
        return int(text)

    return read


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
    """Whether a key has enough bytes; blanks at its ends do not count."""
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
    """Accept only URLs whose password can be found, so that it can be masked whenever the URL is shown."""
    try:
        parts = urlsplit(text)
        # Asking for the port makes urlsplit look at it: it raises for anything but 0 to 65535.
        hosts = parts.netloc.rpartition("@")[2].split(",")
        well_formed = parts.scheme in ("postgresql", "postgres") and all(
            urlsplit(f"//{host}").port != 0 for host in hosts
        )
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


def read_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) for name in names):
        raise ValueError("must be names of up to 64 letters, digits, dots, underscores and hyphens")
    return names


def read_origins(text: str) -> tuple[str, ...]:
    origins = parts_of(text)
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError("must be origins like https://example.org, separated by commas")
    return origins


def parts_of(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


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
