"""What one market-making order should do now: a function of its terms and of one view of its market.

No clock, no chance, no IO, and nothing is remembered between two cycles: whoever decides next, on whatever
machine, decides the same. Integers throughout.
"""
