"""The strategy as one function: terms and view in, plan out."""

from makers.quoter.changes import Plan, changes
from makers.quoter.quotes import mergeable, wanted
from makers.quoter.terms import Terms
from makers.quoter.view import View


def decide(terms: Terms, view: View) -> Plan:
    """Without a reference price nothing is wanted, so everything that rests is cancelled."""
    return changes(terms, view, mergeable(terms, view), wanted(terms, view))
