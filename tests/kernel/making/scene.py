"""Where the tests of market-making orders take place."""

from tests.kernel.making.desk import Desk
from tests.kernel.trading import Trading


def some_market(**words: int) -> Desk:
    """Ann and ben have money; ben's quotes stand at 48 and 53, as in the examples that are published."""
    market = Trading(ann=1_000_000, ben=1_000_000, maker_fee_bps=10, taker_fee_bps=20, **words)
    market.play("ben buys 5 YES at 48", "ben buys 5 NO at 47")
    return Desk(market)
