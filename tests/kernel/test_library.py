"""The kernel as a library: the example on its first page runs."""

import ast
import textwrap
from pathlib import Path

from kernel.answers import BalanceMoved, Outcome

NOW = 1_795_176_000_000_000
FIRST_PAGE = Path(__file__).resolve().parents[2] / "kernel" / "__init__.py"


def test_the_example_on_the_first_page_runs() -> None:
    """Read from the file: a compiled package has no docstring."""
    page = ast.get_docstring(ast.parse(FIRST_PAGE.read_text()))
    assert page is not None
    example = page[page.index("    from ") : page.index("An outcome holds")]
    names: dict[str, object] = {"now": NOW}
    exec(textwrap.dedent(example), names)
    outcome = names["outcome"]
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.answer, BalanceMoved)
    assert outcome.answer.available == 5_000
