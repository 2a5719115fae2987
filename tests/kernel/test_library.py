"""The kernel as a library: the example on its first page runs."""

import textwrap

import kernel
from kernel.answers import BalanceMoved, Outcome

NOW = 1_795_176_000_000_000


def test_the_example_on_the_first_page_runs() -> None:
    assert kernel.__doc__ is not None
    example = kernel.__doc__[kernel.__doc__.index("    from ") : kernel.__doc__.index("An outcome holds")]
    names: dict[str, object] = {"now": NOW}
    exec(textwrap.dedent(example), names)
    outcome = names["outcome"]
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.answer, BalanceMoved)
    assert outcome.answer.available == 5_000
