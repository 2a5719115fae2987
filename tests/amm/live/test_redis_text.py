"""What Redis holds is text that anybody may have written: it becomes values, or every fault is named."""

import pytest
from cattrs import ClassValidationError

from amm.brain.arithmetic import CENT
from amm.brain.structuring import faults
from amm.live.redis_text import FROM_REDIS, EarlierTurn, WrittenOverride, strings

TURN = {
    "start_count": "2",
    "decided_at_ms": "1795176000000",
    "layer1_anchor_cents": "52.5",
    "layer3_posterior_cents": "120",
}


def test_what_was_written_is_read_again() -> None:
    turn = FROM_REDIS.structure(TURN, EarlierTurn)
    assert turn == EarlierTurn(2, 1_795_176_000_000, 52 * CENT + CENT // 2, 99 * CENT)
    written = strings({"override_json": {"as": {"gamma_mid": 1.5}}, "override_expires_ms": 7, "nobody": None})
    assert written["nobody"] == ""
    del written["nobody"]
    assert FROM_REDIS.structure(written, WrittenOverride) == WrittenOverride({"as": {"gamma_mid": 1.5}}, 7)
    empty = {"override_json": "", "override_expires_ms": ""}
    assert FROM_REDIS.structure(empty, WrittenOverride) == WrittenOverride({}, None)


@pytest.mark.parametrize("price", ["", "NaN", "Infinity", "fifty"])
def test_what_is_no_price_is_refused_by_name(price: str) -> None:
    with pytest.raises(ClassValidationError) as caught:
        FROM_REDIS.structure(TURN | {"layer1_anchor_cents": price}, EarlierTurn)
    assert [place for place, _ in faults(caught.value)] == ["layer1_anchor_cents"]


def test_everything_wrong_with_an_override_is_said_with_its_name() -> None:
    with pytest.raises(ClassValidationError) as caught:
        FROM_REDIS.structure({"override_json": "[1]", "override_expires_ms": "soon"}, WrittenOverride)
    assert [place for place, _ in faults(caught.value)] == ["override_json", "override_expires_ms"]
