"""Only the brain writes to a market's state: the live program and the laboratory send it inputs.

The source is read, not run: an assignment to anything below a name or an attribute called `state` counts, and
so does calling what changes a collection there.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

AMM = Path(__file__).resolve().parents[2] / "amm"
CHANGING = {
    *("append", "appendleft", "extend", "insert", "pop", "popleft", "popitem", "remove", "clear"),
    *("add", "discard", "update", "setdefault", "subtract", "sort", "reverse"),
}


def writes(source: str) -> Iterator[int]:
    """Line numbers at which a state is written to."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                written = [part for target in targets for part in parts(target)]
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                written = [target]
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in CHANGING:
                written = [ast.Attribute(owner, method)]
            case _:
                continue
        if any(is_below_state(part) for part in written):
            yield node.lineno


def parts(target: ast.expr) -> Iterator[ast.AST]:
    match target:
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from parts(element)
        case ast.Starred(value=value):
            yield from parts(value)
        case _:
            yield target


def is_below_state(node: ast.AST) -> bool:
    """Whether it is reached through a state: `run.state.orders` is, `run.state` itself is not."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
        if isinstance(node, ast.Name) and node.id == "state":
            return True
        if isinstance(node, ast.Attribute) and node.attr == "state":
            return True
    return False


@pytest.mark.parametrize("room", ["live", "lab"])
def test_the_rooms_around_the_brain_write_nothing_into_a_state(room: str) -> None:
    found = {
        f"{path.name}:{line}" for path in (AMM / room).rglob("*.py") for line in writes(path.read_text())
    }
    assert found == set()


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("state.day = day", True),
        ("self.state.prices.anchor, rest = 1, 2", True),
        ("run.state.orders.live.clear()", True),
        ("state.counts['fills'] += 1", True),
        ("del state.orders.live[order_id]", True),
        ("run.state.orders.live[order_id].booked = 3", True),
        ("self.state = open_market()", False),
        ("self._noted[state.market_id] = state", False),
        ("names.append(state.market_id)", False),
        ("last = state.cycle.last_ms", False),
    ],
)
def test_a_write_is_seen_whatever_its_form(source: str, seen: bool) -> None:
    assert bool(list(writes(source))) is seen
