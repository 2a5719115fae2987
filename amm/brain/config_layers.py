"""From what people write to one checked `Config`: defaults < file < its market section < start < override.

Layers are merged key by key, the result is checked as a whole, and all that is wrong is said at once. A key
that nobody knows is an error that names the nearest one that exists.

cattrs reads each layer's values and collects what is wrong with them. By hand remains what it cannot know:
that a layer may write its keys nested, dotted or by an alias, which keys it may not name, and what follows
from the funding where nothing is given.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import attrs
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from amm.brain.arithmetic import Cents
from amm.brain.config import Config, TransportMode
from amm.brain.config_checks import POLLED_QUOTE_MS, violations
from amm.brain.parameter import Change, Parameter
from amm.brain.structuring import faults

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


CONVERTER = Converter()


def _partial(kind: type, sections: Mapping[str, type]) -> type[Any]:
    """Make a class like `kind`, any key of which may be missing, and have it read as its parameters say."""
    fields, hooks = {}, {}
    for field in attrs.fields(kind):
        if (parameter := field.metadata.get("parameter")) is not None:
            fields[field.name] = attrs.field(default=None)
            hooks[field.name] = override(struct_hook=parameter.structure)
        elif (name := field.name.rstrip("_")) in sections:
            section = _partial(sections[name], {})
            fields[field.name] = attrs.field(factory=section, type=section)
            hooks[field.name] = override(rename=name)
    partial = attrs.make_class(f"Partial{kind.__name__}", fields)
    read: Any = make_dict_structure_fn
    CONVERTER.register_structure_hook(partial, read(partial, CONVERTER, **hooks))
    return partial


PARTIAL_CONFIG = _partial(Config, SECTIONS)
"""What one layer may hold."""

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
    given: dict[str, Any] = {}
    for layer in layers:
        given |= _read_layer(layer, problems)
    config = _assemble(start, derived(start.initial_budget_cents, given) | given, version)
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


def value_of(config: Any, key: str) -> Any:
    """Return what a configuration, or a layer that was read, has under this key."""
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
    """Return the layer's good values in stored units; append a line for each bad one, in their order."""
    found: dict[str, tuple[str, Any]] = {}
    wrong: dict[str, str] = {}
    for written, raw in _flatten(layer.values):
        key = ALIASES.get(written, written)
        if key in LOCKED_KEYS:
            wrong[written] = f"{written} is fixed by the start command"
        elif key not in PARAMETERS:
            wrong[written] = f"{written} is not a parameter{_nearest(written)}"
        elif key in SHARED_KEYS and not layer.is_shared:
            wrong[written] = f"{written} holds for all markets; it belongs outside of any"
        elif key in found:
            wrong[written] = f"{key} is given twice"
        else:
            found[key] = written, raw
    try:
        CONVERTER.structure(_nested({key: raw for key, (_, raw) in found.items()}), PARTIAL_CONFIG)
    except ClassValidationError as trouble:
        for key, fault in faults(trouble):
            written = found.pop(key)[0]
            wrong[written] = f"{written} {fault}"
    in_order = [written for written, _ in _flatten(layer.values)]
    problems += [f"{layer.name}: {wrong[written]}" for written in sorted(wrong, key=in_order.index)]
    read = CONVERTER.structure(_nested({key: raw for key, (_, raw) in found.items()}), PARTIAL_CONFIG)
    return {key: value_of(read, key) for key in found}


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by section, and those of no section beside them."""
    nested: dict[str, Any] = {section: {} for section in SECTIONS}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        (nested[section] if section else nested)[name] = value
    return nested


def _assemble(start: Start, values: Mapping[str, Any], version: int) -> Config:
    nested = _nested(values)
    parts: dict[str, Any] = {
        "as_" if name == "as" else name: kind(**nested.pop(name)) for name, kind in SECTIONS.items()
    }
    return Config(
        market_id=start.market_id,
        initial_funding_cents=start.initial_budget_cents,
        initial_price_cents=start.initial_price_cents,
        version=version,
        **nested,
        **parts,
    )


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
