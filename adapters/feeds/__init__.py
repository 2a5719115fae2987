"""The public feeds of a market: its order book and its trades."""
