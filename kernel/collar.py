"""The price collar: nobody trades far from what the price has been, be it by a slip of the finger.

An order is refused and not cut: the answer names the band, and nothing happened that nobody asked for.
"""

from kernel.answers import Refusal
from kernel.codes import RESTING_KINDS, Code
from kernel.commands import OrderTerms
from kernel.market import Account, Market, Order
from kernel.walk import book_price, is_bid, walk


def check_collar(
    market: Market, account: Account | None, terms: OrderTerms, at: int, without: Order | None = None
) -> Refusal | None:
    """That none of its meetings is outside of the band, and that it does not come to rest beyond it.

    Beyond means on the side from which others would have to follow: else one far quote could block everybody.
    A market that has not traded yet has no band.
    """
    if market.last_trade_price is None:
        return None
    weighed, time = market.prices.recently(at, market.spot)
    reach = 2 * market.terms.collar_cents * time
    price = book_price(terms)
    too_high, too_low = 2 * price * time - weighed > reach, weighed - 2 * price * time > reach
    if terms.time_in_force in RESTING_KINDS and (too_high if is_bid(terms) else too_low):
        return outside_collar(weighed, time, reach)
    # Who names a price inside meets nobody beyond it on this side; the other side of the band remains.
    for meeting in walk(market, account, terms, terms.quantity, at, without=without):
        if abs(2 * meeting.maker.book_price * time - weighed) > reach:
            return outside_collar(weighed, time, reach)
    return None


def outside_collar(weighed: int, time: int, reach: int) -> Refusal:
    lowest = max(1, -((reach - weighed) // (2 * time)))
    highest = min(99, (weighed + reach) // (2 * time))
    return Refusal(
        Code.OUTSIDE_COLLAR,
        f"Outside the price collar: {lowest} to {highest} cents of YES",
        {
            "reference_price_cents": (weighed + time) // (2 * time),
            "lowest_cents": lowest,
            "highest_cents": highest,
        },
    )
