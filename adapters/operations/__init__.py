"""The operations of the exchange as callers know them: each with its route, who may call, what it does."""
