"""Public feeds of a market: its book, kept by whoever listens."""
