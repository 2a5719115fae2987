"""Which servers a database URL names: one, or several of which only one takes writes."""

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

DEFAULT_PORT: Final = 5432
SPELLED: Final = re.compile(r"(?:\[(?P<address>[^\]]+)\]|(?P<name>[^:]*))(?::(?P<port>\d+))?")


@attrs.frozen
class Host:
    """A server by its name or address, or by the folder of its socket."""

    name: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


def hosts(url: str) -> list[Host]:
    """In the order of the URL, which is ours to try; ValueError if they cannot be read."""
    parts = urlsplit(url)
    if spelled := parts.netloc.rpartition("@")[2]:
        return [_host(one) for one in spelled.split(",")]
    query = parse_qs(parts.query)
    names = query.get("host", ["localhost"])[-1].split(",")
    ports = [int(port) for port in query.get("port", [str(DEFAULT_PORT)])[-1].split(",")]
    if len(ports) == 1:
        ports *= len(names)
    return [Host(name, port) for name, port in zip(names, ports, strict=True)]


def place(url: str) -> str:
    """The servers and the database of a URL, without the password in it."""
    try:
        return ",".join(map(str, hosts(url))) + urlsplit(url).path
    except ValueError:
        return "a URL without a valid port"


def _host(spelled: str) -> Host:
    found = SPELLED.fullmatch(spelled)
    if found is None:
        raise ValueError(spelled)
    return Host(unquote(found["address"] or found["name"]), int(found["port"] or DEFAULT_PORT))
