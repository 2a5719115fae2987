"""The market maker as a process: streams, REST, Redis, its own HTTP server, and which markets run.

It turns what the exchange and people say into inputs of the brain and carries out the brain's commands. It
knows the exchange's public API and nothing of its code, and decides no price.
"""
