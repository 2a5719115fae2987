"""What an operator runs beside the exchange or while it stands: replay, verify, rebuild, export, accept."""
