"""Everything that may happen, on one ground."""

from tests.kernel.play.bounds import BoundsRules
from tests.kernel.play.markets import MarketRules
from tests.kernel.play.money import MoneyRules
from tests.kernel.play.orders import OrderRules


class Trading(OrderRules, MoneyRules, MarketRules, BoundsRules):
    """The crowd, and whoever else acts in its midst."""
