"""Where a message broker is, as commands are told it, and what its client needs beside that."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from adapters.runtime.errors import CommandError

EXAMPLES: Final = {"nats": "nats://host:4222,host2,host3", "kafka": "kafka://host:9092,host2,host3"}
TLS: Final = {"nats": "tls"}
"""What is written instead for an encrypted connection; for Kafka that stands among its settings."""
LINE: Final = re.compile(r"\s*([a-z0-9.]+)\s*=\s*(.*?)\s*")


class Servers(click.ParamType[list[str]]):
    """nats://user:password@host:4222,host2,host3"""

    name = "servers"

    def __init__(self, *kinds: str) -> None:
        self.schemes = {*kinds, *(TLS[kind] for kind in kinds if kind in TLS)}
        self.shape = " or ".join(EXAMPLES[kind] for kind in kinds)
        if "nats" in kinds:
            self.shape += "; tls:// instead of nats:// is encrypted"

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        if isinstance(value, list):
            return value
        scheme, separator, hosts = value.partition("://")
        servers = [f"{scheme}://{host}" for host in hosts.split(",")]
        try:
            well_formed = separator and scheme in self.schemes
            well_formed = well_formed and all(
                urlsplit(one).hostname and urlsplit(one).port != 0 for one in servers
            )
        except ValueError:
            well_formed = False
        if not well_formed:
            self.fail(f"must look like {self.shape}", param, ctx)
        login, at, _ = hosts.partition(",")[0].rpartition("@")
        if login and scheme == "kafka":
            self.fail("holds a password: settings of Kafka's client stand in a file", param, ctx)
        return [one if "@" in one else one.replace("://", f"://{login}{at}", 1) for one in servers]


def kafka_settings(servers: Sequence[str], path: Path | None) -> dict[str, str]:
    """What Kafka's client is told: where the brokers are, and what a file says of how to reach them."""
    settings = {} if path is None else dict(read_settings(path))
    return settings | {"bootstrap.servers": ",".join(one.removeprefix("kafka://") for one in servers)}


def read_settings(path: Path) -> list[tuple[str, str]]:
    """Lines such as `security.protocol=SASL_SSL`; # begins a line that is none."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as trouble:
        raise CommandError(f"cannot read {path}: {trouble}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            setting = LINE.fullmatch(line)
            if setting is None:
                raise CommandError(f"{path}, line {number}: must look like security.protocol=SASL_SSL")
            found.append((setting[1], setting[2]))
    return found
