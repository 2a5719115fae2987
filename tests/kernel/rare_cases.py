"""A walk through what chance seldom finds, and the list of everything that has to come up.

The walk uses the same moves as the property tests, on the market "plain", one after the other.
"""

import typing

from kernel.answers import Answer
from kernel.codes import (
    AMM_ID,
    CancelReason,
    CancelScope,
    CircuitBreakerTrigger,
    ClosingStage,
    Code,
    Direction,
    MarketStatus,
    ReferenceType,
    ResolutionResult,
    Side,
    StopMode,
    TradeScenario,
    TradingMode,
    VoidSource,
)
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    BatchCancel,
    CancelByClientId,
    CancelOrder,
    ForgetKeys,
    ForgetOrders,
    ForgetPositions,
    VoidMarket,
)
from kernel.events import AnyEvent
from kernel.making_answers import AnyMmAnswer
from kernel.making_commands import AnyMmCommand
from kernel.making_events import AnyMmEvent
from tests.kernel.play.markets import FIRST, SECOND
from tests.kernel.play.trading import Trading
from tests.kernel.rare_halts import PAUSES
from tests.kernel.rare_orders import OCCURRENCES, walk_of_orders
from tests.kernel.strategies import ESCROW, HOUR, MARKETS, NOTHING

YES, NO, BUY, SELL = Side.YES, Side.NO, Direction.BUY, Direction.SELL

HOME = 0
PLAIN, SMALL, TIMED, FREE = range(4)
"""Where administrators act, by number."""


def the_market_maker_comes_and_goes(play: Trading) -> None:
    for _ in range(2):
        play.an_administrator_starts_the_amm(elsewhere=HOME, budget=1_000, price=50, nonce=1)
    play.an_administrator_reins_in_the_amm(elsewhere=PLAIN, mode=StopMode.GRACEFUL, action="forbid")
    play.the_amm_mints(AMM_ID, HOME, 5, "k1", nonce=2)
    play.an_administrator_reins_in_the_amm(elsewhere=PLAIN, mode=StopMode.GRACEFUL, action="authorize")
    play.place(AMM_ID, "plain", YES, BUY, 2, 1)
    for _ in range(2):
        play.an_administrator_reins_in_the_amm(elsewhere=PLAIN, mode=StopMode.IMMEDIATE, action="stop")
    play.place(AMM_ID, "plain", YES, BUY, 2, 1)
    for scope in CancelScope:
        play.a_market_maker_pulls_its_quotes(AMM_ID, HOME, scope, fence=0)


def pairs_are_minted_and_burned_once(play: Trading) -> None:
    play.the_amm_mints(AMM_ID, HOME, 5, "k1", nonce=3)
    play.a_market_maker_burns(AMM_ID, HOME, 4, "k2", nonce=4, fence=0)
    for which in (0, 1):
        for more in (0, 1):
            play.somebody_repeats_a_request(which, more)
    play.do(ForgetKeys(at=play.at, before=play.world.at + 1, most=500))
    for which in (0, 1):
        for more in (0, 1):
            play.somebody_repeats_a_request(which, more)
    for number, side in enumerate(Side):  # shares on offer are not free to burn
        free = play.world.free(AMM_ID, "plain", side)
        play.place(AMM_ID, "plain", side, SELL, 99, free - 3)
        play.a_market_maker_burns(AMM_ID, HOME, 4, f"k{5 + number}", nonce=5, fence=0)
        play.a_market_maker_pulls_its_quotes(AMM_ID, HOME, CancelScope.ALL, fence=0)


def the_market_maker_meets_itself(play: Trading) -> None:
    """Once in every way there is; nobody else has an order by now that could come between."""
    for resting, arriving in (
        ((YES, SELL, 90), (YES, BUY, 90)),
        ((NO, SELL, 10), (NO, BUY, 10)),
        ((YES, BUY, 90), (NO, BUY, 10)),
        ((YES, SELL, 90), (NO, SELL, 10)),
    ):
        play.place(AMM_ID, "plain", *resting, 2)
        play.place(AMM_ID, "plain", *arriving, 2)


def shares_come_to_somebody_who_nets(play: Trading) -> None:
    play.shares_move(ESCROW, "ann", HOME, NO, 3, ReferenceType.MM_REFUND, "k3")
    play.shares_move(ESCROW, "cat", HOME, NO, 3, ReferenceType.MM_REFUND, "k4")
    play.somebody_repeats_a_request(0, 0)
    play.somebody_repeats_a_request(0, 1)


def somebody_who_nets_buys_the_other_side(play: Trading) -> None:
    """Ann, who holds YES, takes a part of what is there."""
    play.place("cat", "plain", YES, BUY, 60, 2)
    play.place("ann", "plain", NO, BUY, 40, 1)
    play.somebody_cancels_all("cat", HOME, None, None, None, fence=0)


def shares_come_back_from_an_offer_to_somebody_who_nets(play: Trading) -> None:
    """On offer they make no pair; the cancel sets them free, and nets."""
    an_offer_keeps_shares_from_being_netted(play, "k8")
    play.do(CancelOrder(at=play.at, user_id="ann", order_id=play.world.orders[-1].order_id))


def an_offer_keeps_shares_from_being_netted(play: Trading, key: str) -> None:
    play.place("ann", "plain", YES, SELL, 99, play.world.free("ann", "plain", YES))
    play.shares_move(ESCROW, "ann", HOME, NO, 1, ReferenceType.MM_REFUND, key)


def orders_are_replaced(play: Trading) -> None:
    play.place(AMM_ID, "plain", YES, BUY, 3, 5)
    order = play.world.orders[-1]
    play.replace(order, AMM_ID, market_id="small")
    play.replace(order, ESCROW)
    play.place("ben", "plain", NO, BUY, 97, 1)
    play.replace(order, AMM_ID, price=4)
    play.place(AMM_ID, "plain", YES, BUY, 3, 5)
    play.replace(play.world.orders[-1], AMM_ID, price=4)
    play.somebody_asks_again(0, {})
    play.somebody_asks_again(0, {"quantity": 4})


def orders_are_over(play: Trading) -> None:
    """Asked for again, cancelled again by name, replaced by who may not, and when nothing is left of them."""
    play.place("cat", "plain", YES, BUY, 3, 1)
    name = play.world.orders[-1].client_order_id
    play.somebody_asks_again(0, {})
    play.replace(play.world.orders[-1], "cat", price=4)
    play.place("cat", "plain", YES, SELL, 3, 1)
    for _ in range(2):
        cancel = CancelByClientId(at=play.at, user_id="cat", market_id="plain", client_order_id=name)
        play.do(cancel)
    play.place(AMM_ID, "plain", YES, SELL, 55, 1)
    sold = play.world.orders[-1]
    play.place("cat", "plain", YES, BUY, 55, 1)
    play.replace(sold, AMM_ID, price=56)
    play.somebody_goes_on_with_what_is_not_under_way(PLAIN)


def closed_orders_are_forgotten(play: Trading) -> None:
    """And asked for again all the same; a live one stays."""
    play.place("cat", "plain", YES, BUY, 3, 1)
    live, at = play.world.orders[-1].client_order_id, play.world.at + 1
    for most in (1, 500, 500):
        play.do(ForgetOrders(at=play.at, before=at, most=most))
    for which in (0, 1, 2):
        play.somebody_asks_again(which, {})
        play.somebody_asks_again(which, {"quantity": 9})
    for order in play.world.orders[-5:]:
        play.do(CancelOrder(at=play.at, user_id="cat", order_id=order.order_id))
    cancel = CancelByClientId(at=play.at, user_id="cat", market_id="plain", client_order_id=live)
    play.do(cancel)


def batches_are_sent(play: Trading) -> None:
    """One is granted, repeated, and refused: for a name that is known, and for another's market."""
    wanted = [("place", 0, YES, BUY, price, 1, NOTHING) for price in (2, 3)]
    play.batch("cat", "plain", wanted)
    play.somebody_sends_a_batch_again(0)
    play.batch("cat", "plain", [*wanted, ("known", 0, YES, BUY, 2, 1, NOTHING)])
    play.batch("cat", "small", [*wanted, ("cancel", 0, YES, BUY, 2, 1, NOTHING)])


def guards_fire(play: Trading) -> None:
    play.somebody_sets_a_guard("cat", 5_000, None)
    play.place("cat", "plain", YES, BUY, 3, 1)
    play.a_guard_fires("cat", 63, HOME)


def limits_are_met(play: Trading) -> None:
    """Ben holds nothing in "small", where 17 are allowed, at 45 or more in YES and in NO."""
    for quantity in (9, 9, 8):
        play.place("ben", "small", YES, BUY, 46, quantity)
    play.place("ben", "small", NO, BUY, 56, 1)
    play.place("ben", "small", NO, BUY, 53, 1)
    play.place("cat", "small", NO, BUY, 54, 1)
    for _ in range(4):  # three orders may be open there
        play.place("cat", "small", NO, BUY, 46, 1)


def a_window_opens_and_closes(play: Trading) -> None:
    opening, closing = MARKETS["timed"].trading_start_at, MARKETS["timed"].trading_end_at
    assert opening is not None
    assert closing is not None
    for at in (opening - 1, opening, closing - 1, closing):
        play.at = at
        play.place("ben", "timed", YES, BUY, 46, 1)
        play.place("cat", "timed", NO, BUY, 54, 1)
        play.place("cat", "timed", YES, BUY, 80, 1)
        play.an_administrator_intervenes(TIMED, "tick", None)


def people_get_it_wrong(play: Trading) -> None:
    play.somebody_pays_in_or_takes_out("ann", 10_000_000, out=True, everything=False)
    play.somebody_pays_in_or_takes_out("ann", 0, out=True, everything=True)
    play.somebody_pays_in_or_takes_out("nobody", 1, out=False, everything=False)
    play.a_fence_is_raised(ESCROW, 4)
    play.somebody_cancels(0, ESCROW, own=False, fence=-1)
    play.somebody_cancels(47, "ann", own=False, fence=0)
    play.place("ann", "plain", YES, BUY, 100, 1)
    play.place("ann", "plain", YES, BUY, 50, 0)
    play.place("ann", "unknown", YES, BUY, 50, 1)
    play.replace(play.world.orders[-1], AMM_ID, old_order_id="no-order")
    play.do(BatchCancel(at=play.at, user_id=AMM_ID, market_id="plain", valid_until=play.at - 1))


def markets_stop_and_go_on(play: Trading) -> None:
    active, suspended = MarketStatus.ACTIVE, MarketStatus.SUSPENDED
    for action in ("suspend", "halt", "halt"):
        play.an_administrator_intervenes(PLAIN, action, "why")
    play.an_administrator_resumes(0, HOME, suspended, None, "adm")
    play.an_administrator_resumes(0, HOME, suspended, "looked", "adm")
    play.an_administrator_resumes(0, HOME, active, None, "adm")
    play.a_check_finds_a_fault(PLAIN, CircuitBreakerTrigger.INVARIANT_SHARES)
    play.an_administrator_resumes(0, HOME, active, "looked", "adm", "before")
    play.an_administrator_resumes(0, HOME, active, "looked", "adm", "now")
    play.an_administrator_intervenes(SMALL, "suspend", None)
    play.an_administrator_intervenes(FREE, "activate", None)
    play.an_administrator_intervenes(FREE, "halt", None)
    play.an_administrator_creates_a_market("plain", {})


def only_cancels_are_taken(play: Trading) -> None:
    cancel_only = TradingMode.CANCEL_ONLY
    play.an_administrator_sets_a_mode(PLAIN, cancel_only, None, "adm")
    play.place("ann", "plain", YES, BUY, 50, 1)
    play.the_amm_mints(AMM_ID, HOME, 1, "k9", nonce=6)
    play.an_administrator_sets_a_mode(PLAIN, cancel_only, 1, "adm")
    play.time_passes(1, restart=False)
    play.an_administrator_intervenes(PLAIN, "tick", None)


def cancels_go_in_portions(play: Trading) -> None:
    for _ in range(2):
        for price in (2, 3, 4):
            play.place(AMM_ID, "plain", YES, BUY, price, 1)
            play.place("cat", "plain", YES, BUY, price, 1)
        play.a_market_maker_pulls_its_quotes(AMM_ID, HOME, CancelScope.ALL, fence=0)
        guards_fire(play)
        for price in (2, 3, 4):
            play.place("cat", "plain", YES, BUY, price, 1)
        play.somebody_cancels_all("cat", HOME, YES, BUY, None, fence=0)
        play.an_administrator_starts_the_amm(elsewhere=HOME, budget=1_000, price=50, nonce=1)
        for price in (2, 3, 4):
            play.place(AMM_ID, "plain", YES, BUY, price, 1)
        play.an_administrator_reins_in_the_amm(elsewhere=PLAIN, mode=StopMode.IMMEDIATE, action="stop")


def administrators_watch_each_other(play: Trading) -> None:
    """A first, the same again, another wish in its place; and what a second carries out."""
    for asker, settle in ((FIRST, False), (FIRST, False), (SECOND, True), (FIRST, False)):
        play.an_administrator_ends_a_market(TIMED, "NO", settle, None, "resolve", asker)
    for asker, budget in ((FIRST, 250), (FIRST, 251), (SECOND, 251)):
        play.an_administrator_starts_the_amm(HOME, budget, 50, nonce=7, asker=asker)
    play.an_administrator_reins_in_the_amm(elsewhere=PLAIN, mode=StopMode.GRACEFUL, action="stop")
    for action in ("resolve", "void"):
        play.an_administrator_ends_a_market(PLAIN, "NO", True, None, action, {"by_id": "ann"})


def a_quoted_market_is_voided_at_what_it_was_worth(play: Trading) -> None:
    """Two sides stood for an hour, and nobody names a price."""
    play.an_administrator_creates_a_market("new", {"min_price_cents": 1})
    play.do(ActivateMarket(at=play.at, market_id="new", by="adm"))
    play.place("cat", "new", YES, BUY, 50, 1)
    play.place("ben", "new", NO, BUY, 50, 3)
    play.place("cat", "new", YES, BUY, 40, 1)
    play.time_passes(HOUR, restart=True)
    play.do(VoidMarket(at=play.at, market_id="new", by="adm"))


def markets_end(play: Trading, result: str) -> None:
    play.an_administrator_ends_a_market(SMALL, "NO", False, None, "resolve")
    play.an_administrator_settles(0, HOME, {"by_id": "ben"})
    play.place("ann", "plain", YES, SELL, 99, play.world.free("ann", "plain", YES))
    play.shares_move(ESCROW, "ann", HOME, NO, 1, ReferenceType.MM_REFUND, "k2")
    play.an_administrator_ends_a_market(FREE, "NO", True, None, "resolve")
    play.an_administrator_ends_a_market(TIMED, "VOID", True, None, "void", price=None)
    play.an_administrator_ends_a_market(TIMED, "VOID", True, "a mistake", "void")
    play.an_administrator_settles(0, HOME)
    an_offer_keeps_shares_from_being_netted(play, "k7")
    play.an_administrator_ends_a_market(PLAIN, "perhaps", True, None, "resolve")
    play.an_administrator_ends_a_market(PLAIN, result, True, None, "resolve")
    play.an_administrator_ends_a_market(PLAIN, result, True, None, "resolve")
    play.an_administrator_settles(0, HOME)
    for market_id, later in (("plain", 0), ("plain", 1), ("plain", 1), ("timed", 1), ("unknown", 1)):
        before = play.world.facts[-1].at + later
        play.do(ForgetPositions(at=play.at, market_id=market_id, before=before, most=2))
    for user_id in ("ann", "ben"):
        play.place(user_id, "plain", YES, BUY, 50, 1)
    play.shares_move(ESCROW, "ann", HOME, NO, 1, ReferenceType.MM_REFUND, "k9")


def walk(play: Trading, result: str) -> None:
    play.open_the_exchange(home="plain")
    the_market_maker_comes_and_goes(play)
    pairs_are_minted_and_burned_once(play)
    the_market_maker_meets_itself(play)
    shares_come_to_somebody_who_nets(play)
    somebody_who_nets_buys_the_other_side(play)
    shares_come_back_from_an_offer_to_somebody_who_nets(play)
    orders_are_replaced(play)
    orders_are_over(play)
    walk_of_orders(play)
    closed_orders_are_forgotten(play)
    batches_are_sent(play)
    guards_fire(play)
    people_get_it_wrong(play)
    limits_are_met(play)
    only_cancels_are_taken(play)
    markets_stop_and_go_on(play)
    a_window_opens_and_closes(play)
    administrators_watch_each_other(play)
    play.the_journal_is_accepted(0, "a backup")
    play.time_passes(1, restart=True)
    play.the_journal_is_accepted(0, "a backup")
    play.both.portion = 2
    cancels_go_in_portions(play)
    a_quoted_market_is_voided_at_what_it_was_worth(play)
    markets_end(play, result)


REPEATED = ("Placed", "Replaced", "Minted", "Burned", "Batched")
ELSEWHERE = (Code.INTERNAL, Code.OVERLOADED, Code.BATCH_OTHER_MARKET)
"""One needs an exchange that is broken, one comes from the actors, one stands in a batch's refusal only."""
STAGES = [stage for stage in ClosingStage if stage is not ClosingStage.NET]
"""That one is only in journals of older versions."""
NETTINGS = (
    "PlaceOrder after ORDER_MATCHED",
    "PlaceOrder after ORDER_PARTIALLY_FILLED",
    "CancelOrder after ORDER_CANCELLED",
    "TransferShares after SHARES_TRANSFERRED",
    "ResolveMarket after ORDER_CANCELLED",
)
"""None follows an expiry: whoever nets has no pair when the order comes, and selling brings none."""
TRANSITIONS = (
    "DRAFT -> ACTIVE",
    "ACTIVE -> SUSPENDED",
    "SUSPENDED -> ACTIVE",
    "ACTIVE -> HALTED",
    "SUSPENDED -> HALTED",
    "HALTED -> ACTIVE",
    "HALTED -> SUSPENDED",
    "ACTIVE -> RESOLVED",
    "SUSPENDED -> RESOLVED",
    "HALTED -> RESOLVED",
)
EVENTS = [kind.__struct_config__.tag for kind in typing.get_args(AnyEvent)]
OF_MAKING = {
    *(kind.__name__ for kind in (*typing.get_args(AnyMmCommand), *typing.get_args(AnyMmAnswer))),
    *(kind.__struct_config__.tag for kind in typing.get_args(AnyMmEvent)),
    CancelReason.MM_STOPPED,
    *(code for code in Code if 7101 <= code <= 7112 and code not in (7105, 7107)),
}
"""What only market-making orders bring: the model does not know them, they have one of their own."""
EVERYTHING = (
    *(f"asked {kind.__name__}" for kind in typing.get_args(AnyCommand) if kind.__name__ not in OF_MAKING),
    *(f"answer {kind.__name__}" for kind in typing.get_args(Answer) if kind.__name__ not in OF_MAKING),
    *(f"midway in {stage}" for stage in (*STAGES, "BatchCancel", "CancelAll", "FireGuard", "StopAmm")),
    *(f"repeated {name}" for name in REPEATED),
    *(f"code {code.value}" for code in Code if code not in ELSEWHERE and code not in OF_MAKING),
    *(f"event {name}" for name in EVENTS if name not in OF_MAKING),
    *(f"trade {scenario} with {whom}" for scenario in TradeScenario for whom in ("another", "itself")),
    *(f"cancelled {reason}" for reason in CancelReason if reason not in OF_MAKING),
    *(f"netting by {how}" for how in NETTINGS),
    *(f"paid out {result}" for result in ResolutionResult),
    *TRANSITIONS,
    "restored",
    *OCCURRENCES,
    *PAUSES,
    *(f"voided at the price of {source}" for source in VoidSource),
    *(f"{asked} refused with 1007" for asked in ("ResolveMarket", "VoidMarket", "SettleMarket")),
)
"""By the names under which `SideBySide` counts what comes up."""
