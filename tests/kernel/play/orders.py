"""Placing, repeating, cancelling, replacing: what a crowd does, and what single people get wrong."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from kernel.codes import AMM_ID, CancelScope, Direction, SelfTradeMode, Side, TimeInForce
from kernel.commands import (
    BatchCancel,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    DeleteGroup,
    PlaceOrder,
    ReplaceOrder,
    ResetGroup,
    SetGroup,
    TriggerGroup,
)
from tests.kernel.members import altered
from tests.kernel.play.crowd import Crowd, act
from tests.kernel.play.ground import elsewhere
from tests.kernel.strategies import (
    ESCROW,
    MARKETS,
    Attributes,
    attributes,
    directions,
    groups,
    nonces,
    pick,
    prices,
    quantities,
    sides,
    users,
)

OTHER = {
    "market_id": st.sampled_from(sorted(MARKETS)),
    "side": sides,
    "direction": directions,
    "price": st.integers(45, 60),
    "quantity": st.integers(1, 12),
    "time_in_force": st.sampled_from([TimeInForce.GTC, TimeInForce.IOC]),
    "post_only": st.booleans(),
    "max_cost_cents": st.sampled_from([None, 100, 101]),
    "self_trade_mode": st.sampled_from(SelfTradeMode),
    "group_id": groups,
}
"""What makes one order request differ from another."""
one_change = st.one_of(
    st.just({}), st.just({}), *(st.fixed_dictionaries({name: other}) for name, other in OTHER.items())
)


class OrderRules(Crowd):
    @act(
        user_id=users,
        elsewhere=elsewhere,
        side=sides,
        direction=directions,
        price=prices,
        quantity=quantities,
        how=attributes,
        nonce=nonces,
    )
    def somebody_wants_something(
        self,
        user_id: str,
        elsewhere: int,
        side: Side,
        direction: Direction,
        price: int,
        quantity: int,
        how: Attributes,
        nonce: int,
    ) -> None:
        self.place(user_id, self.market(elsewhere), side, direction, price, quantity, how, nonce)

    @act(which=pick, change=one_change)
    def somebody_asks_again(self, which: int, change: dict[str, Any]) -> None:
        """The same request, or one that differs in one member, under the same name."""
        wish = self.wishes[-1 - which % len(self.wishes)]
        self.do(altered(wish, at=self.at, fence=self.fence(wish.user_id), **change))

    @act(which=pick)
    def somebody_uses_a_name_of_the_other_kind(self, which: int) -> None:
        """A placement asked for again as a replacement, or the other way: one namespace for both."""
        wish = self.wishes[-1 - which % len(self.wishes)]
        members = msgspec.structs.asdict(wish) | {"at": self.at, "fence": self.fence(wish.user_id)}
        if members.pop("old_order_id", None) is not None:
            self.do(PlaceOrder(**members))
        else:
            self.do(ReplaceOrder(**members, old_order_id=self.world.orders[0].order_id))

    @act(which=pick, user_id=users, own=st.booleans(), fence=st.sampled_from([0, 0, -1, 1]))
    def somebody_cancels(self, which: int, user_id: str, own: bool, fence: int) -> None:
        order = self.some_order(which)
        order_id = "no-order" if order is None or which == 47 else order.order_id
        user_id = order.user_id if order is not None and own else user_id
        self.do(CancelOrder(at=self.at, user_id=user_id, order_id=order_id, fence=self.fence(user_id, fence)))

    @act(which=pick, user_id=users, own=st.booleans(), elsewhere=elsewhere)
    def somebody_cancels_by_name(self, which: int, user_id: str, own: bool, elsewhere: int) -> None:
        order = self.some_order(which)
        self.do(
            CancelByClientId(
                at=self.at,
                user_id=order.user_id if order is not None and own else user_id,
                market_id=self.market(elsewhere),
                client_order_id="no-name" if order is None else order.client_order_id,
                fence=None if order is None else self.fence(order.user_id),
            )
        )

    @act(
        user_id=st.sampled_from([AMM_ID, AMM_ID, ESCROW, ESCROW, "ann", "nobody"]),
        which=pick,
        foreign=st.booleans(),
        how=attributes,
        change=st.fixed_dictionaries(
            {},
            optional={
                "side": sides,
                "direction": directions,
                "price": prices,
                "quantity": quantities,
                "market_id": st.sampled_from([*sorted(MARKETS), "unknown"]),
                "old_order_id": st.just("no-order"),
                "fence": st.sampled_from([None, -1, 100]),
            },
        ),
    )
    def somebody_replaces(
        self, user_id: str, which: int, foreign: bool, how: Attributes, change: dict[str, object]
    ) -> None:
        old = self.some_order(which, only=None if foreign else user_id)
        if old is not None:
            self.replace(old, user_id, how, **change)

    @act(
        user_id=st.sampled_from([AMM_ID, AMM_ID, ESCROW, "ann"]),
        elsewhere=elsewhere,
        scope=st.sampled_from(CancelScope),
        fence=st.sampled_from([0, 0, 0, -1, 1]),
    )
    def a_market_maker_pulls_its_quotes(
        self, user_id: str, elsewhere: int, scope: CancelScope, fence: int
    ) -> None:
        self.do(
            BatchCancel(
                at=self.at,
                user_id=user_id,
                market_id=self.market(elsewhere),
                scope=scope,
                fence=self.fence(user_id, fence),
            )
        )

    @act(
        user_id=users,
        elsewhere=elsewhere,
        name=st.sampled_from("gh"),
        most=st.integers(1, 30),
        window_ms=st.sampled_from([100, 1_000, 1_000, 60_000]),
        fence=st.sampled_from([0, 0, 0, -1, 1]),
    )
    def somebody_limits_a_group(
        self, user_id: str, elsewhere: int, name: str, most: int, window_ms: int, fence: int
    ) -> None:
        self.do(
            SetGroup(
                at=self.at,
                user_id=user_id,
                market_id=self.market(elsewhere),
                group_id=name,
                max_fill_quantity=most,
                window_ms=window_ms,
                fence=self.fence(user_id, fence),
            )
        )

    @act(
        kind=st.sampled_from([ResetGroup, ResetGroup, TriggerGroup, DeleteGroup]),
        which=pick,
        fence=st.sampled_from([0, 0, 0, -1, 1]),
    )
    def somebody_commands_a_group(
        self, kind: type[ResetGroup | TriggerGroup | DeleteGroup], which: int, fence: int
    ) -> None:
        groups = [*self.world.groups]
        if not groups:
            return
        user_id, market_id, name = groups[which % len(groups)]
        self.do(
            kind(
                at=self.at,
                user_id=user_id,
                market_id=market_id,
                group_id=name,
                fence=self.fence(user_id, fence),
            )
        )

    @act(
        user_id=users,
        elsewhere=elsewhere,
        side=st.none() | sides,
        direction=st.none() | directions,
        group_id=groups,
        fence=st.sampled_from([0, 0, 0, -1, 1]),
    )
    def somebody_cancels_all(
        self,
        user_id: str,
        elsewhere: int,
        side: Side | None,
        direction: Direction | None,
        group_id: str | None,
        fence: int,
    ) -> None:
        self.do(
            CancelAll(
                at=self.at,
                user_id=user_id,
                market_id=self.market(elsewhere),
                side=side,
                direction=direction,
                group_id=group_id,
                fence=self.fence(user_id, fence),
            )
        )
