"""The public feeds: a market's order book and its trades, and the tickers of all markets."""
