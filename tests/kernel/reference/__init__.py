"""The exchange a second time: slow, obvious, and written from its rules alone.

It keeps lists of what happened and recomputes everything else from them whenever it is asked: a balance is
the sum of its ledger entries, a frozen balance the sum over live orders, a position the sum of share
movements, the book a sort. Nothing here imports a decision of the kernel; the two share the words only.
"""
