"""Redis holds only text, which anybody may have written: how it becomes values, and values become text."""

from decimal import Decimal
from typing import Any

import attrs
import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from amm.brain.arithmetic import CENT, Ms, Uc, clamp


@attrs.frozen
class EarlierTurn:
    """What the next process needs of a market's last turn; the names are those in Redis."""

    start_count: int
    decided_at_ms: Ms
    layer1_anchor_cents: Uc
    layer3_posterior_cents: Uc


@attrs.frozen
class WrittenOverride:
    """Changed keys, and until when; the names are those in Redis."""

    override_json: dict[str, Any]
    override_expires_ms: Ms | None


def read_price(text: str, _type: object = None) -> Uc:
    """Read cents. Raise ValueError, OverflowError or what Decimal raises for what is no number."""
    return clamp(int(Decimal(text) * CENT), CENT, 99 * CENT)


def _converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(
        EarlierTurn,
        make_dict_structure_fn(
            EarlierTurn,
            converter,
            layer1_anchor_cents=override(struct_hook=read_price),
            layer3_posterior_cents=override(struct_hook=read_price),
        ),
    )
    converter.register_structure_hook(
        WrittenOverride,
        make_dict_structure_fn(
            WrittenOverride,
            converter,
            override_json=override(
                struct_hook=lambda text, _: msgspec.json.decode(text or "{}", type=dict[str, Any])
            ),
            override_expires_ms=override(struct_hook=lambda text, _: int(text) if text else None),
        ),
    )
    return converter


FROM_REDIS = _converter()


def strings(values: dict[str, Any]) -> dict[str, str]:
    """All values in Redis are strings: nothing is empty, lists are JSON."""
    return {
        name: ""
        if value is None
        else value
        if isinstance(value, str)
        else msgspec.json.encode(value).decode()
        for name, value in values.items()
    }
