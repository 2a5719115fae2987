"""Several exchanges with markets of their own, and cash that moves between them: a simulation."""
