"""The file of scenarios: what is wrong in it is said, all of it, and nothing is guessed."""

import pytest

from amm.lab.scenario import CALM, SCENARIOS, Move, read_scenarios


def test_a_scenario_says_only_what_is_special_about_it() -> None:
    (one,) = read_scenarios(
        '[jumpy]\nsays = "news"\njumps = [{ at = 1, size = 2 }]\nkilled = { at = 3, size = 4 }'
    ).values()
    assert (one.name, one.jumps, one.killed) == ("jumpy", (Move(1, 2),), Move(3, 4))
    assert (one.hours, one.arrival_ms, one.whales) == (CALM.hours, CALM.arrival_ms, ())


def test_what_is_wrong_with_scenarios_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="jumpy") as caught:
        read_scenarios("""
            [jumpy]
            says = "news"
            hours = 1.5
            jumps = [{ at = 1, size = true }]
            hour = 3
            [slow]
            says = "little"
            rival = 1
        """)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert "jumpy.hours: must be a whole number, not 1.5" in lines
    assert "jumpy.jumps.0.size: must be a whole number, not True" in lines
    assert any(line.startswith("jumpy: ") and "hour" in line for line in lines)
    assert "slow.rival: must be true or false, not 1" in lines


def test_every_scenario_bears_its_name() -> None:
    assert all(name == one.name for name, one in SCENARIOS.items())
