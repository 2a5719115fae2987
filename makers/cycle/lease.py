"""The right to run one cycle of one order, and everything that the cycle is decided from."""

from amm.brain.arithmetic import Ms
from makers.quoter.terms import Terms
from makers.quoter.view import View

INTERNAL = "internal"
"""The venue that is the exchange itself."""


class Lease(View, frozen=True, kw_only=True):
    order_id: str
    account: str
    """The order's own: all that is sent is for it."""
    cycle_no: int
    fence: int
    """What every command carries. Once another lease was given, or the order was paused, it is too low."""
    token: str
    lease_ms: Ms
    strategy: str
    terms: Terms
    venue: str = INTERNAL
    """Where it quotes. Elsewhere the rest of the view is what that venue shows."""

    def client_order_id(self, number: int) -> str:
        """With the fence in it, no later lease ever meets a name of this one."""
        return f"mm_{self.order_id.replace('-', '')}_{self.fence}_{number}"

    def burn_key(self, number: int) -> str:
        return f"mmb:{self.order_id}:{self.fence}:{number}"
