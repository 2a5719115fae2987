"""Every operation that callers have: its route, who may call it, and what it does."""
