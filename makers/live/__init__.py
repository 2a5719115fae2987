"""The worker around the cycles: its line to the exchange, which markets it looks at, its metrics."""
