"""What orders may ask for beside side, price and quantity: each once in every way it can end.

Nobody else has an order between 20 and 80 here.
"""

from typing import Any

from kernel.codes import Direction, SelfTradeMode, Side
from kernel.commands import DeleteGroup, ResetGroup, TriggerGroup
from tests.kernel.play.crowd import Reshape
from tests.kernel.play.trading import Trading
from tests.kernel.strategies import ESCROW, FOK, GTD, IOC, MARKETS, Attributes

YES, NO, BUY, SELL = Side.YES, Side.NO, Direction.BUY, Direction.SELL
CANCEL_MAKER, CANCEL_TAKER = SelfTradeMode.CANCEL_MAKER, SelfTradeMode.CANCEL_TAKER
HOME, IN_SMALL = 0, 56 + sorted(MARKETS).index("small")
OCCURRENCES = (
    *("accepted GTC", "accepted GTD", "accepted IOC", "accepted FOK", "accepted post-only"),
    *("accepted IOC with a cap", "accepted FOK with a cap"),
    *(f"accepted {mode}" for mode in SelfTradeMode),
    *("a maker gave way", "a maker gave way amid a sweep", "a maker in another account gave way"),
    *("an amended order kept its place", "an amended order moved", "an amended order traded"),
    *("due before a refusal", "due before an answer"),
    *("accepted in a group", "braked by FILLS", "braked by USER", "braked by LIMIT_LOWERED"),
    *("braked amid a sweep", "both groups of a fill braked", "braked, and then netted"),
    *(f"the group of a taker ended it after its ORDER_{what}" for what in ("ACCEPTED", "AMENDED")),
    *("too many orders in MARKET", "too many orders in TOTAL"),
    *("a taker gave way", "a taker gave way after a fill"),
)
"""What has to come up, beside codes and events."""


def orders_end_by_the_clock(play: Trading) -> None:
    soon = Attributes(GTD, expires_in=2_000_000)
    for price in (20, 21):
        play.place("cat", "plain", YES, BUY, price, 1, soon)
        play.time_passes(2_000_000, restart=False)
        play.place("cat", "plain", YES, BUY, price, 0 if price == 20 else 1)
    play.place("cat", "plain", YES, BUY, 20, 1, Attributes(GTD, expires_in=0))
    for price in (20, 19, 21):
        play.place("cat", "plain", YES, BUY, price, 1, soon)
    play.time_passes(2_000_000, restart=True)
    play.an_administrator_intervenes(0, "tick", None)


def orders_take_all_or_nothing(play: Trading) -> None:
    """Offers at 70: what is not there in full is not taken, what is too dear not beyond the cap."""
    play.place("cat", "plain", YES, BUY, 70, 1, Attributes(FOK))
    play.place("ben", "plain", NO, BUY, 30, 5)
    play.place("cat", "plain", YES, BUY, 70, 2, Attributes(FOK))
    play.place("cat", "plain", YES, BUY, 99, 3, Attributes(FOK, most=150))
    play.place("cat", "plain", YES, BUY, 99, 2, Attributes(FOK, most=150))
    play.place("cat", "plain", YES, BUY, 99, 3, Attributes(IOC, most=50))
    play.place("cat", "plain", YES, BUY, 70, 1, Attributes(post_only=True))
    play.place("cat", "plain", YES, BUY, 60, 1, Attributes(post_only=True))


def owners_say_who_gives_way(play: Trading) -> None:
    """One share of ben's is still offered at 70, between ann's."""
    play.place("ann", "plain", NO, BUY, 32, 1)
    play.place(ESCROW, "plain", NO, BUY, 31, 1)
    play.place("ann", "plain", NO, BUY, 29, 1)
    play.place("ann", "plain", YES, BUY, 71, 3, Attributes(self_trade_mode=CANCEL_MAKER))
    play.place("ann", "plain", NO, BUY, 29, 1, Attributes(self_trade_mode=CANCEL_TAKER))
    play.place("cat", "plain", YES, BUY, 72, 1)
    play.place("ann", "plain", NO, BUY, 29, 2, Attributes(IOC, self_trade_mode=CANCEL_TAKER))
    play.somebody_cancels_all("ann", HOME, None, None, None, fence=0)


def orders_are_amended(play: Trading) -> None:
    """Ben asks for less and keeps his place, for more and loses it, for another price and trades."""
    play.place("ben", "plain", NO, BUY, 30, 5)
    play.place("cat", "plain", YES, BUY, 70, 2)
    order = play.world.order_named("ben", f"o{play.names - 1}")
    assert order is not None
    for price, more in ((None, -1), (None, -3), (None, 2), (25, None), (None, 0)):
        play.send(play.reshaping(Reshape(0, price, more, post_only=False, by_name=more is None), order))
    play.place("cat", "plain", YES, BUY, 60, 1)
    for post_only in (True, False):
        play.send(play.reshaping(Reshape(0, 40, None, post_only, by_name=False), order))
    play.somebody_cancels_all("ben", HOME, None, None, None, fence=0)


def open_orders_are_bounded(play: Trading) -> None:
    """Whoever adds one in "small" may have three there, and six in all."""
    for price in (10, 11, 12, 13):
        play.place("cat", "plain", YES, BUY, price, 1)
    play.place("cat", "small", YES, BUY, 45, 1)
    play.place("cat", "plain", YES, BUY, 14, 1)
    play.place("cat", "small", YES, BUY, 45, 1)
    play.somebody_cancels_all("cat", HOME, None, None, None, fence=0)
    for _ in range(3):
        play.place("cat", "small", YES, BUY, 45, 1)
    play.somebody_cancels_all("cat", IN_SMALL, None, None, None, fence=0)


def groups_brake(play: Trading) -> None:
    """Ben's group is full, by his offers and by what he takes; it is set, lowered, reset, full, and gone."""
    first: dict[str, Any] = {"elsewhere": HOME, "name": "g", "fence": 0}
    in_group = Attributes(group_id="g")
    play.place("ben", "plain", NO, BUY, 30, 2, in_group)
    play.somebody_limits_a_group("ben", **first, most=4, window_ms=60_000)
    for price in (30, 29, 28):
        play.place("ben", "plain", NO, BUY, price, 3, in_group)
    play.place("cat", "plain", YES, BUY, 73, 4, Attributes(FOK))
    play.place("ben", "plain", NO, BUY, 30, 2, in_group)
    play.somebody_commands_a_group(ResetGroup, 0, fence=0)
    play.place("cat", "plain", YES, BUY, 70, 5)
    play.place("ben", "plain", NO, BUY, 30, 5, in_group)
    play.somebody_commands_a_group(ResetGroup, 0, fence=0)
    play.place("ben", "plain", NO, BUY, 30, 2, in_group)
    play.place("cat", "plain", YES, BUY, 70, 1)
    play.somebody_limits_a_group("ben", **first, most=1, window_ms=60_000)
    for kind in (TriggerGroup, ResetGroup, TriggerGroup, DeleteGroup):
        play.somebody_commands_a_group(kind, 0, fence=0)
    for number in range(33):
        play.somebody_limits_a_group("ben", HOME, f"g{number}", most=1, window_ms=100, fence=0)
    for who in ("ben", "cat"):
        play.somebody_cancels_all(who, HOME, None, None, None, fence=0)


def groups_meet(play: Trading) -> None:
    """Ben's brakes amid a sweep that cat's ends; both at once; one as its order moves; one frees pairs."""
    named: dict[str, Any] = {"elsewhere": HOME, "name": "h", "fence": 0}
    in_group, none = Attributes(group_id="h"), Attributes()
    play.somebody_limits_a_group("ben", **named, most=3, window_ms=60_000)
    play.somebody_limits_a_group("cat", **named, most=5, window_ms=60_000)
    for who, price, quantity, how in (
        ("ben", 30, 2, in_group),
        ("ben", 29, 2, in_group),
        ("ann", 28, 4, none),
    ):
        play.place(who, "plain", NO, BUY, price, quantity, how)
    play.place("cat", "plain", YES, BUY, 72, 9, Attributes(IOC, group_id="h"))
    for which in (0, 1):
        play.somebody_commands_a_group(ResetGroup, which, fence=0)
    play.somebody_limits_a_group("cat", **named, most=3, window_ms=60_000)
    play.place("ben", "plain", NO, BUY, 30, 4, in_group)
    play.place("cat", "plain", YES, BUY, 70, 4, in_group)
    for which in (0, 1):
        play.somebody_commands_a_group(ResetGroup, which, fence=0)
    play.place("cat", "plain", YES, BUY, 60, 9, in_group)
    order = play.world.order_named("cat", f"o{play.names}")
    assert order is not None
    play.place("ben", "plain", NO, BUY, 35, 9)
    play.send(play.reshaping(Reshape(0, 65, None, post_only=False, by_name=False), order))
    play.somebody_commands_a_group(ResetGroup, 1, fence=0)
    for who in ("ann", "ben", "cat"):
        play.somebody_cancels_all(who, HOME, None, None, None, fence=0)
    play.somebody_limits_a_group("ann", **named, most=3, window_ms=60_000)
    play.place("ann", "plain", YES, SELL, 70, play.world.free("ann", "plain", YES), in_group)
    play.place("ann", "plain", NO, BUY, 40, 1)
    play.place("cat", "plain", YES, BUY, 60, 1)
    play.somebody_commands_a_group(TriggerGroup, 2, fence=0)
    for _ in range(3):
        play.somebody_commands_a_group(DeleteGroup, 0, fence=0)


def shares_change_hands(play: Trading) -> None:
    """Ben has NO shares from what his group traded."""
    play.place("ben", "plain", NO, SELL, 40, 1)
    play.place("ann", "plain", NO, BUY, 40, 1, Attributes(IOC))


def walk_of_orders(play: Trading) -> None:
    groups_meet(play)
    groups_brake(play)
    shares_change_hands(play)
    open_orders_are_bounded(play)
    orders_are_amended(play)
    orders_end_by_the_clock(play)
    orders_take_all_or_nothing(play)
    owners_say_who_gives_way(play)
