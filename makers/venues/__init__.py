"""Markets elsewhere, at which an order may quote: what each must be able to do, and what is done next.

An adapter knows one venue and nothing of this exchange. What was called, and may therefore never be called
again, stands in the exchange's journal and in no adapter.
"""
