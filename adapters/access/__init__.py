"""Who is calling, and how often they may: addresses, tokens, passwords, keys, rate limits.

It knows the codes of refusals, not the operations.
"""
