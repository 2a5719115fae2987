"""The two formulas of money: the fee on a value, and the cost that leaves with shares."""


def fee(value: int, bps: int) -> int:
    """The fee on a value: rounded up, nothing on nothing."""
    return (value * bps + 9999) // 10000


def released_cost(cost_sum: int, volume: int, quantity: int) -> int:
    """The part of a cost sum that leaves with `quantity` of `volume` shares.

    Rounded down, and the whole rest with the last share: no cent of cost outlives its shares.
    """
    return cost_sum if quantity == volume else cost_sum * quantity // volume
