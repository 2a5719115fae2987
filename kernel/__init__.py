"""The exchange as a library: give it commands, get outcomes.

    from kernel.commands import Deposit, OpenAccount, OpenJournal
    from kernel.exchange import Exchange

    exchange = Exchange()
    exchange.execute(OpenJournal(at=now))
    exchange.execute(OpenAccount(at=now, user_id="ann"))
    outcome = exchange.execute(Deposit(at=now, user_id="ann", amount=5_000))

An outcome holds the answer (`answers`: a refusal is one, too) and the facts that came of the command
(`events`); `exchange.apply` replays facts. What may be asked for stands in `commands`; names and codes stand
in `codes`. `actors` runs an exchange that many use at once, with a journal behind it (`journal`).

A time is microseconds since 1970, an amount is whole cents. What the exchange needs from the world, the time
and random bits, arrives in the command.
"""
