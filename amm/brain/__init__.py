"""What the market maker decides: prices, quotes, defences, and the state they are decided from.

Nothing here does IO, reads a clock or draws a random number: the caller brings what has happened and what
time it is, and carries out what is decided. So the live program and the laboratory run the same code.
"""
