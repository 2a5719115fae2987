"""Everything that may happen, on one ground."""

from tests.kernel.play.batches import BatchRules
from tests.kernel.play.bounds import BoundsRules
from tests.kernel.play.markets import MarketRules
from tests.kernel.play.money import MoneyRules


class Trading(BatchRules, MoneyRules, MarketRules, BoundsRules):
    """The crowd, and whoever else acts in its midst."""
