"""The fence, which keeps late workers out; and the guard, which cancels for whoever stays away."""

import pytest

from kernel.answers import BatchCancelled, FenceStands, GuardStands, Refusal
from kernel.codes import AMM_ID, RESERVE_ID, CancelReason, Code, OrderStatus
from kernel.commands import FireGuard, RaiseFence, SetGuard
from tests.kernel.trading import Trading, owned

# The fence


def raise_fence(market: Trading, fence: int, user_id: str = "mm:1") -> FenceStands | Refusal:
    answer = market.do(RaiseFence(at=market.now, user_id=user_id, fence=fence)).answer
    assert isinstance(answer, FenceStands | Refusal)
    return answer


FENCED = [
    "mm:1 buys 1 YES at 20",
    "mm:1 replaces a, buying 1 YES at 21",
    "mm:1 cancels a",
    "mm:1 cancels everything",
    "mm:1 burns 1",
]


@pytest.mark.parametrize("line", FENCED)
def test_a_command_behind_the_fence_comes_too_late(line: str) -> None:
    """The worker that lost its lease cannot move anything; nor does a command without a number."""
    market = owned()
    market.play("mm:1 buys 1 YES at 20 as a with fence 0")
    raise_fence(market, 5)
    assert market.refused(line).code is Code.STALE_FENCE
    assert market.refused(f"{line} with fence 4").code is Code.STALE_FENCE


@pytest.mark.parametrize("line", FENCED[:4])
@pytest.mark.parametrize("fence", [5, 6])
def test_a_command_with_the_newest_number_is_obeyed(line: str, fence: int) -> None:
    market = owned()
    market.play("mm:1 buys 1 YES at 20 as a with fence 0")
    raise_fence(market, 5)
    market.play(f"{line} with fence {fence}")


def test_the_fence_only_rises() -> None:
    market = owned()
    assert raise_fence(market, 5) == FenceStands(5)
    head = market.exchange.head
    assert raise_fence(market, 5) == FenceStands(5)
    assert market.exchange.head == head
    lower = raise_fence(market, 4)
    assert isinstance(lower, Refusal)
    assert lower.code is Code.STALE_FENCE


@pytest.mark.parametrize("user_id", ["ann", "nobody", RESERVE_ID, AMM_ID])
def test_only_sub_accounts_have_a_fence(user_id: str) -> None:
    answer = raise_fence(owned(), 1, user_id)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.ACCOUNT_NOT_FOUND


def test_for_everybody_else_a_fence_means_nothing() -> None:
    owned().play("ann buys 1 YES at 20 with fence 0", "AMM cancels everything with fence 0")


# The guard


def guarded(grace_ms: int | None = 5_000, markets: tuple[str, ...] | None = None) -> Trading:
    market = Trading(ann=10_000, ben=10_000)
    market.create("N")
    market.play("ann buys 1 YES at 20 as m", "ann buys 1 YES at 20 as n in N", "ben buys 1 YES at 20 as b")
    wish = SetGuard(at=market.now, user_id="ann", grace_ms=grace_ms, markets=markets)
    assert market.do(wish).answer == GuardStands(grace_ms, markets if grace_ms is not None else None)
    return market


def fire(market: Trading, market_id: str = "M", user_id: str = "ann") -> BatchCancelled | Refusal:
    answer = market.do(FireGuard(at=market.now, user_id=user_id, market_id=market_id)).answer
    assert isinstance(answer, BatchCancelled | Refusal)
    return answer


def test_a_guard_cancels_the_users_orders_of_one_market() -> None:
    market = guarded()
    assert fire(market) == BatchCancelled("M", 1, 21, 0, 0)
    order = market.order("ann", "m")
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.GUARD)
    assert market.order("ann", "n").is_live
    assert market.order("ben", "b").is_live


def test_a_guard_covers_only_its_markets() -> None:
    market = guarded(markets=("N",))
    assert fire(market, "M") == BatchCancelled("M", 0, 0, 0, 0)
    assert fire(market, "N") == BatchCancelled("N", 1, 21, 0, 0)


def test_without_a_guard_nothing_fires() -> None:
    """Taken off in the meantime, or never set."""
    market = guarded()
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=None))
    assert fire(market) == BatchCancelled("M", 0, 0, 0, 0)
    assert fire(market, user_id="ben") == BatchCancelled("M", 0, 0, 0, 0)


def test_a_guard_leaves_a_halted_market_alone_until_it_moves_on() -> None:
    market = guarded()
    market.play("root halts")
    answer = fire(market)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.MARKET_NOT_OPEN
    market.play("root resumes: looked")
    assert fire(market) == BatchCancelled("M", 1, 21, 0, 0)


def test_setting_the_same_guard_again_records_nothing() -> None:
    market = guarded(markets=("M",))
    head = market.exchange.head
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=5_000, markets=("M",)))
    market.do(SetGuard(at=market.now, user_id="ben", grace_ms=None))
    assert market.exchange.head == head
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=5_000))
    assert market.told(head) == ["GUARD_SET"]


@pytest.mark.parametrize("grace_ms", [-(10**30), -1, 600_001, 10**30])
def test_a_grace_out_of_range_is_malformed(grace_ms: int) -> None:
    market = Trading()
    wish = SetGuard(at=market.now, user_id="nobody", grace_ms=grace_ms, markets=("NOWHERE",))
    assert market.refused(wish).code is Code.MALFORMED


@pytest.mark.parametrize("grace_ms", [0, 600_000])
def test_a_grace_at_its_edges_is_good(grace_ms: int) -> None:
    guarded(grace_ms)


def test_a_guard_needs_an_account_and_markets_that_exist() -> None:
    market = Trading(ann=1)
    market.create("D", activate=False)

    def told(user_id: str, market_id: str) -> Code:
        wish = SetGuard(at=market.now, user_id=user_id, grace_ms=1, markets=("M", market_id))
        return market.refused(wish).code

    assert told("nobody", "NOWHERE") is Code.ACCOUNT_NOT_FOUND
    assert told("ann", "NOWHERE") is Code.MARKET_NOT_FOUND
    assert told("ann", "D") is Code.MARKET_NOT_FOUND
    for user_id, market_id, code in (
        ("nobody", "M", Code.ACCOUNT_NOT_FOUND),
        ("ann", "NOWHERE", Code.MARKET_NOT_FOUND),
    ):
        answer = fire(market, market_id, user_id)
        assert isinstance(answer, Refusal)
        assert answer.code is code
