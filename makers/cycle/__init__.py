"""One cycle of one order: what is sent under its lease, and what the answers mean. No clock, no IO."""
