"""The exchange as a running server: its actors, and what it does by the clock and beside the loop."""
