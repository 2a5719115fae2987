"""From what people write to one checked `Config`: defaults < file < its market section < start < override.

Layers are merged key by key, the result is checked as a whole, and all that is wrong is said at once. A key
that nobody knows is an error that names the nearest one that exists.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Any

import attrs

from amm.brain.arithmetic import ONE, Cents
from amm.brain.config import Change, Config, Kind, Parameter, TransportMode
from amm.brain.config_checks import POLLED_QUOTE_MS, violations

SECTIONS = {
    field.name.rstrip("_"): field.type
    for field in attrs.fields(Config)
    if field.type is not None and attrs.has(field.type)
}


def _parameters() -> dict[str, Parameter]:
    found = {f.name: f.metadata["parameter"] for f in attrs.fields(Config) if "parameter" in f.metadata}
    for section, kind in SECTIONS.items():
        found |= {f"{section}.{f.name}": f.metadata["parameter"] for f in attrs.fields(kind)}
    return found


PARAMETERS = _parameters()

ALIASES = {
    "gamma_short": "as.gamma_short",
    "gamma_mid": "as.gamma_mid",
    "gamma_long": "as.gamma_long",
    "time_smoothing_kappa": "as.time_smoothing_kappa",
    "base_spread_cents": "stabilization.spread",
    "max_spread_cents": "as.max_half_spread",
    "max_inventory_per_side": "inv.position_limit",
    "position_limit": "inv.position_limit",
    "budget_limit_cents": "inv.budget_limit_cents",
    "max_loss_daily_cents": "defense.daily_loss_limit",
    "lvr_velocity_threshold": "lvr.velocity_kill_ratio",
    "lvr_cooldown_ms": "lvr.post_fill_delay_ms",
    "oracle_stale_ms": "oracle.max_oracle_lag_ms",
    "oracle_deviation_cents": "oracle.min_deviation_threshold_cents",
    "oracle_gap_cents": "oracle.gap_threshold_cents",
    "defense.inventory_warning_threshold": "defense.inventory_warning",
    "defense.inventory_danger_threshold": "defense.inventory_danger",
}
"""Short names that the start command's override may use, and two longer ones of the same meaning."""

LOCKED_KEYS = (
    "market_id",
    "amm_user_id",
    "initial_funding_cents",
    "initial_budget_cents",
    "initial_price_cents",
)


SHARED_KEYS = frozenset(
    {
        "limits.amm_rate_limit",
        "limits.replace_rate_limit",
        "limits.cancel_rate_limit",
        "limits.max_in_flight",
        "sync.dead_man_ms",
        "sync.transport",
        "sync.trade_poll_interval_ms",
    }
)
"""What belongs to the account and its one connection: no market can have its own."""


class ConfigInvalidError(Exception):
    """The configuration as a whole is refused; the running one stays."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@attrs.frozen
class Layer:
    """One source of values, nested or with dotted keys, and the name by which complaints call it."""

    name: str
    values: Mapping[str, Any]
    is_shared: bool = True
    """Whether it holds for all markets of the process."""


@attrs.frozen
class ConfigFile:
    """A TOML file: values for every market, and `[market."ID".*]` sections for single ones."""

    defaults: Mapping[str, Any]
    markets: Mapping[str, Mapping[str, Any]]

    def layers(self, market_id: str) -> list[Layer]:
        return [
            Layer("file", self.defaults),
            self.section(market_id),
        ]

    def section(self, market_id: str) -> Layer:
        return Layer(f"file, market {market_id}", self.markets.get(market_id, {}), is_shared=False)


@attrs.frozen
class Start:
    """What the administrator's start command and the market fix before any parameter is read."""

    market_id: str
    initial_budget_cents: Cents
    initial_price_cents: Cents
    maker_fee_bps: int


def read_toml(text: str) -> ConfigFile:
    """Parse a configuration file. Decimals stay decimal: 0.1 means one tenth, exactly."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalidError([f"not valid TOML: {error}"]) from error
    markets = table.pop("market", {})
    if not isinstance(markets, dict) or not all(isinstance(section, dict) for section in markets.values()):
        raise ConfigInvalidError(['market must hold one section for each market: [market."ID".pricing]'])
    return ConfigFile(table, markets)


def build(start: Start, layers: Sequence[Layer], version: int = 1) -> Config:
    """Merge, convert and check. Raise `ConfigInvalidError` with every problem there is."""
    problems = list(_start_problems(start))
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= _read_layer(layer, problems)
    values = {**derived(start.initial_budget_cents, merged), **merged}
    config = _assemble(start, values, version)
    problems += violations(config, start.maker_fee_bps)
    if problems:
        raise ConfigInvalidError(problems)
    return config


def check_file(file: ConfigFile) -> None:
    """Raise `ConfigInvalidError` for what is wrong whatever the market: unknown keys, values out of range."""
    problems: list[str] = []
    _read_layer(Layer("file", file.defaults), problems)
    for market_id in file.markets:
        _read_layer(file.section(market_id), problems)
    if problems:
        raise ConfigInvalidError(problems)


def shared(file: ConfigFile, key: str) -> Any:
    """Return what holds for all markets together, and so is read from the file's defaults."""
    assert key in SHARED_KEYS
    section, _, name = key.partition(".")
    default = getattr(attrs.fields(SECTIONS[section]), name).default
    return _read_layer(Layer("file", file.defaults), []).get(key, default)


def amend(start: Start, layers: Sequence[Layer], running: Config) -> Config:
    """Build the next version for a running market: what needs a restart may not differ from what runs."""
    config = build(start, layers, running.version + 1)
    problems = [
        f"{key} cannot change while the market runs"
        for key, parameter in PARAMETERS.items()
        if parameter.change is Change.COLD and value_of(config, key) != value_of(running, key)
    ]
    if problems:
        raise ConfigInvalidError(problems)
    return config


def value_of(config: Config, key: str) -> Any:
    section, _, name = key.rpartition(".")
    if not section:
        return getattr(config, name)
    return getattr(getattr(config, "as_" if section == "as" else section), name)


def derived(funding: Cents, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults that follow from the funding, and from the loss limit where that is given."""
    pairs = max(1, funding // 200)
    polled = given.get("sync.transport") is TransportMode.POLL
    limit = given.get("defense.daily_loss_limit", min(100_000, funding // 5))
    return {
        "q_reference": pairs,
        "defense.daily_loss_limit": limit,
        "defense.max_net_position": pairs,
        "rollback.pnl_rollback_threshold": limit // 2,
        "inv.position_limit": max(5_000, 2 * pairs),
        "inv.budget_limit_cents": max(500_000, funding),
    } | ({"quote_interval_ms": POLLED_QUOTE_MS} if polled else {})


def _start_problems(start: Start) -> Iterator[str]:
    if start.initial_budget_cents < 200:
        yield f"initial_funding_cents: {start.initial_budget_cents} does not pay one pair; the least is 200"
    if not 1 <= start.initial_price_cents <= 99:
        yield f"initial_price_cents: {start.initial_price_cents} is not within 1..99"


def _read_layer(layer: Layer, problems: list[str]) -> dict[str, Any]:
    """Return the layer's good values in stored units; append a line for each bad one."""
    values: dict[str, Any] = {}
    for written, raw in _flatten(layer.values):
        key = ALIASES.get(written, written)
        if key in LOCKED_KEYS:
            problems.append(f"{layer.name}: {written} is fixed by the start command")
        elif (parameter := PARAMETERS.get(key)) is None:
            problems.append(f"{layer.name}: {written} is not a parameter{_nearest(written)}")
        elif key in SHARED_KEYS and not layer.is_shared:
            problems.append(f"{layer.name}: {written} holds for all markets; it belongs outside of any")
        elif key in values:
            problems.append(f"{layer.name}: {key} is given twice")
        else:
            try:
                values[key] = convert(parameter, raw)
            except ValueError as error:
                problems.append(f"{layer.name}: {written} {error}")
    return values


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the full dotted names of their keys."""
    return {ALIASES.get(written, written): raw for written, raw in _flatten(values)}


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nearest(written: str) -> str:
    close = get_close_matches(written, [*PARAMETERS, *ALIASES], n=1, cutoff=0.5)
    if not close:
        # The section may be missing or wrong while the name itself is right.
        name = written.rpartition(".")[2]
        close = [key for key in PARAMETERS if key.rpartition(".")[2] == name][:1]
    return f"; did you mean {close[0]}?" if close else ""


def convert(parameter: Parameter, raw: object) -> int | bool | str | Enum:
    """Return `raw` in stored units, or raise ValueError with what is wrong about it."""
    match parameter.kind:
        case Kind.FLAG:
            if not isinstance(raw, bool):
                raise ValueError(f"must be true or false, not {raw!r}")
            return raw
        case Kind.CHOICE:
            assert parameter.choices is not None
            words = [member.value for member in parameter.choices]
            if raw not in words:
                raise ValueError(f"must be one of {', '.join(words)}, not {raw!r}")
            return parameter.choices(raw)
        case Kind.ADDRESS:
            if not isinstance(raw, str) or not raw.startswith(("http://", "https://")):
                raise ValueError(f"must be an http or https address, not {raw!r}")
            return raw
        case Kind.WHOLE:
            # A boolean is not an integer, and 2.0 is not one either.
            if not isinstance(raw, int) or isinstance(raw, bool):
                raise ValueError(f"must be a whole number, not {_shown(raw)}")
            return _within(parameter, raw, raw)
        case Kind.RATIO:
            return _within(parameter, _ppm(raw), raw)


def _ppm(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise ValueError(f"must be a number, not {_shown(raw)}")
    # A float comes only from the JSON of a start command; its shortest form is what was written there.
    exact = (raw if isinstance(raw, Decimal) else Decimal(str(raw))) * ONE
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise ValueError(f"has more than six decimals: {_shown(raw)}")
    return int(exact)


def _within(parameter: Parameter, value: int, raw: object) -> int:
    unit = ONE if parameter.kind is Kind.RATIO else 1
    if parameter.low is not None and value < parameter.low:
        raise ValueError(f"must be at least {Decimal(parameter.low) / unit}, not {_shown(raw)}")
    if parameter.high is not None and value > parameter.high:
        raise ValueError(f"must be at most {Decimal(parameter.high) / unit}, not {_shown(raw)}")
    return value


def _shown(raw: object) -> str:
    return str(raw) if isinstance(raw, Decimal) else repr(raw)


def _assemble(start: Start, values: Mapping[str, Any], version: int) -> Config:
    def section(name: str) -> dict[str, Any]:
        return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{name}.")}

    parts: dict[str, Any] = {
        "as_" if name == "as" else name: kind(**section(name)) for name, kind in SECTIONS.items()
    }
    return Config(
        market_id=start.market_id,
        initial_funding_cents=start.initial_budget_cents,
        initial_price_cents=start.initial_price_cents,
        version=version,
        **{key: value for key, value in values.items() if "." not in key},
        **parts,
    )
