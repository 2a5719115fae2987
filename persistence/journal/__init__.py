"""The journal: what has happened, filed before anybody is told of it; and how the exchange starts from it.

Its rows are chained, sealed and witnessed, so that nobody can change one unnoticed.
"""
