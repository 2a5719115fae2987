"""`python -m adapters.cli`, which the launcher calls."""

from adapters.cli.main import main

main()
