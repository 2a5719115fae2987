"""Several commands at one moment: as many as are granted, and some that are not."""

from hypothesis import strategies as st

from kernel.codes import Direction, Side
from kernel.commands import AtomicBatch, Batchable, CancelByClientId, CancelOrder, PlaceOrder
from tests.kernel.play.crowd import act
from tests.kernel.play.ground import elsewhere
from tests.kernel.play.orders import OrderRules
from tests.kernel.strategies import Attributes, attributes, directions, pick, sides, users

Wish = tuple[str, int, Side, Direction, int, int, Attributes]
wishes = st.tuples(
    st.sampled_from(["place", "place", "place", "cancel", "by name", "known", "foreign"]),
    pick,
    sides,
    directions,
    st.integers(44, 56),
    st.integers(1, 9),
    attributes,
)


class BatchRules(OrderRules):
    @act(
        user_id=users,
        elsewhere=elsewhere,
        wanted=st.lists(wishes, max_size=6),
        fence=st.sampled_from([0, 0, 0, 0, -1]),
    )
    def somebody_sends_a_batch(self, user_id: str, elsewhere: int, wanted: list[Wish], fence: int) -> None:
        self.batch(user_id, self.market(elsewhere), wanted, fence)

    @act(which=pick)
    def somebody_sends_a_batch_again(self, which: int) -> None:
        batches = [each for each in self.both.commands if isinstance(each, AtomicBatch)]
        if batches:
            self.do(batches[which % len(batches)])

    def batch(self, user_id: str, market_id: str, wanted: list[Wish], fence: int = 0) -> None:
        commands = tuple(self.command(user_id, market_id, *wish, fence) for wish in wanted)
        self.do(
            AtomicBatch(
                at=self.at,
                user_id=user_id,
                market_id=market_id,
                commands=commands,
                fence=self.fence(user_id, fence),
            )
        )

    def command(
        self,
        user_id: str,
        market_id: str,
        kind: str,
        which: int,
        side: Side,
        direction: Direction,
        price: int,
        quantity: int,
        how: Attributes,
        fence: int,
    ) -> Batchable:
        held_by = self.fence(user_id, fence)
        order = self.some_order(which, only=None if kind == "foreign" else user_id)
        if order is not None and kind in ("cancel", "foreign"):
            return CancelOrder(at=self.at, user_id=user_id, order_id=order.order_id, fence=held_by)
        if order is not None and kind == "by name":
            return CancelByClientId(
                at=self.at,
                user_id=user_id,
                market_id=order.market.market_id,
                client_order_id=order.client_order_id,
                fence=held_by,
            )
        known = order is not None and kind == "known"
        return PlaceOrder(
            at=self.at,
            user_id=user_id,
            client_order_id=order.client_order_id if order is not None and known else self.new_name(),
            market_id=market_id,
            terms=self.terms(side, direction, price, quantity, how),
            nonce=self.names,
            fence=held_by,
        )
