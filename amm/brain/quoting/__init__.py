"""What anybody who keeps a ladder of orders needs: build it, compare it with what rests, keep account of it.

Whoever quotes next uses it as it is, so it imports nothing of the bot's state, messages or parameters. Of the
rest of the bot it knows only the integer arithmetic; what it needs of an order or of the parameters it says
itself (`RestingOrder`, `LadderTerms`).
"""
