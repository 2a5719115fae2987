"""The market maker: an ordinary customer of the exchange with a few privileges. It imports nothing of it."""
