"""A market-making order in the laboratory: the same strategy and cycles, against the kernel."""
