"""Every decision checks everything, then changes everything, and says in the same words where the one ends.

Read from the source: what stands above the line changes nothing, and what stands below it refuses nothing.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel import refusals
from kernel.exchange import DECISIONS

LINE = "# Nothing above has changed anything. Nothing below can refuse."
KERNEL = Path(__file__).resolve().parents[2] / "kernel"

ELSEWHERE = {
    "cancel_order": "cancel_own",
    "cancel_by_client_id": "cancel_own",
    "amend_order": "amend_own",
    "amend_by_client_id": "amend_own",
    "resolve_market": "resolve",
    "void_market": "resolve",
}
"""Decisions that only find out what is meant, and the function that decides it then."""
IN_PORTIONS = {"close_market"}
"""It goes on with what was decided, and each of its stages either looks or changes."""
PUTS_BACK = {"atomic_batch"}
"""Whether it refuses shows when it has changed something already, which it puts back then."""
CHANGES = {
    *("post", "record", "cross_border", "take_postings", "pay_in", "open_one", "open_account", "open_market"),
    *("cancel", "cancel_some", "accept", "trade_and_rest", "mint_pairs", "record_stop", "confirm", "settle"),
    *("forget", "amend", "delist", "trigger", "reset", "drop_group", "set_group"),
    *("change_status", "trip", "net", "begin_closing", "resolve_breakers", "propose", "position", "take"),
}
"""What changes something; but for the two that record a fault and refuse, which are no change asked for."""
REFUSES = {"Refusal", "refuse", *(name for name, _ in inspect.getmembers(refusals, inspect.isroutine))}
ALSO_ABOVE = {"replace_order": {"cancel"}}
"""The one refusal that changes something: a partly filled order is cancelled, and nothing is placed."""

PLACES = sorted(
    {
        (decision.__module__.rpartition(".")[2], ELSEWHERE.get(decision.__name__, decision.__name__))
        for decision in DECISIONS.values()
        if decision.__name__ not in IN_PORTIONS | PUTS_BACK
    }
    | {("proposals", "wait_for_second")}
)


@pytest.mark.parametrize(("module", "name"), PLACES)
def test_a_decision_checks_everything_and_then_changes_everything(module: str, name: str) -> None:
    text = (KERNEL / f"{module}.py").read_text()
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    (function,) = [node for node in functions if node.name == name]
    lines = text.splitlines()[: function.end_lineno]
    places = [number for number, line in enumerate(lines, 1) if line.strip() == LINE]
    (line,) = [number for number in places if number > function.lineno]
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    above = [node for node in nodes if getattr(node, "lineno", line) < line]
    below = [node for node in nodes if getattr(node, "lineno", 0) > line]
    assert CHANGES & set(called(above)) <= ALSO_ABOVE.get(name, set())
    assert not [node for node in above if isinstance(node, ast.Attribute | ast.Subscript) and stored(node)]
    assert not REFUSES & set(called(below))
    assert not [each for each in called(below) if each.startswith("check_")]


def called(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                yield name


def stored(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def test_every_decision_that_changes_is_looked_at() -> None:
    """But for those that are one function under several names, there are as many as decisions."""
    names = {decision.__name__ for decision in DECISIONS.values()} - set(ELSEWHERE)
    names -= IN_PORTIONS | PUTS_BACK
    assert {name for _, name in PLACES} == names | set(ELSEWHERE.values()) | {"wait_for_second"}
