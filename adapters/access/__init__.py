"""Who is calling and what may that caller do: addresses, tokens, passwords, keys, rate limits.

It knows the wire's codes, not what is asked.
"""
