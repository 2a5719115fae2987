"""What a connection is subscribed to: topics, in which markets, and of its own user or of everybody."""

import enum
from collections.abc import Collection, Sequence

import attrs

from adapters.access.identity import Principal
from adapters.wire.status import Fault, RefusedError
from adapters.wire.topics import FOR_WORKERS, OF_WORKERS, PRIVILEGED, Topic, TopicEvent
from kernel.codes import Code
from kernel.limits import ID_MAX


class Scope(enum.StrEnum):
    OWN = "own"
    MARKET = "market"


@attrs.define
class Interest:
    """The subscription to one topic: in all markets, and in single markets besides."""

    everywhere: Scope | None = None
    own: set[str] = attrs.field(factory=set)
    """Single markets in which the user's own events are wanted."""
    wide: set[str] = attrs.field(factory=set)
    """Single markets in which everybody's events are wanted."""

    @property
    def is_wide(self) -> bool:
        return bool(self.wide) or self.everywhere is Scope.MARKET

    def covers(self, market_id: str, *, is_own: bool) -> bool:
        if market_id in self.wide or self.everywhere is Scope.MARKET:
            return True
        return is_own and (self.everywhere is not None or market_id in self.own)

    def add(self, markets: frozenset[str], scope: Scope) -> None:
        """Subscribe in these markets, replacing what was wanted in them before."""
        self.own -= markets
        self.wide -= markets
        (self.own if scope is Scope.OWN else self.wide).update(markets)

    def remove(self, markets: frozenset[str]) -> None:
        self.own -= markets
        self.wide -= markets


@attrs.define
class Interests:
    """All subscriptions of one connection.

    A frame may hold hundreds of changes, so no change takes longer the more there is, or the more it repeats.
    """

    topics: dict[Topic, Interest] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self.topics)

    @property
    def is_wide(self) -> bool:
        """Whether other users' events are wanted in any market."""
        return any(interest.is_wide for interest in self.topics.values())

    def add(self, topics: Collection[Topic], markets: Sequence[str] | None, scope: Scope) -> None:
        named = frozenset(markets or ())
        for topic in topics:
            interest = self.topics.setdefault(topic, Interest())
            if markets is None:
                interest.everywhere = scope
            else:
                interest.add(named, scope)

    def remove(self, topics: Collection[Topic], markets: Sequence[str] | None) -> None:
        """Unsubscribe from topics, altogether if no markets are given."""
        if markets is not None and any(self._is_everywhere(topic) for topic in topics):
            raise bad_subscription("subscribed to all markets; unsubscribe without naming any")
        named = frozenset(markets or ())
        for topic in topics:
            interest = self.topics.get(topic)
            if interest is None:
                continue
            interest.remove(named)
            if markets is None or not (interest.own or interest.wide):
                del self.topics[topic]

    def _is_everywhere(self, topic: Topic) -> bool:
        interest = self.topics.get(topic)
        return interest is not None and interest.everywhere is not None

    def cover(self, event: TopicEvent, user_id: str) -> bool:
        interest = self.topics.get(event.topic)
        if interest is None:
            return False
        owners = event.owners
        return interest.covers(event.payload.market_id, is_own=not owners or user_id in owners)


def read_topics(names: Sequence[str], principal: Principal) -> set[Topic]:
    if not names:
        raise bad_subscription("topics must name at least one")
    known = {topic.value for topic in Topic}
    if unknown := next((name for name in names if name not in known), None):
        raise bad_subscription(f"unknown topic {cut(unknown)}; known: {', '.join(Topic)}")
    topics = {Topic(name) for name in set(names)}
    if topics & PRIVILEGED and not is_privileged(principal):
        raise RefusedError(Code.NOT_ALLOWED, "amm_events are for the market maker and administrators")
    if topics & OF_WORKERS and not principal.is_worker:
        raise RefusedError(Code.NOT_ALLOWED, "mm_work_events are for workers of market-making orders")
    if principal.is_worker and not topics <= FOR_WORKERS:
        raise RefusedError(Code.NOT_ALLOWED, f"Workers hear of {', '.join(sorted(FOR_WORKERS))}")
    return topics


def read_scope(name: str | None, principal: Principal) -> Scope:
    if name is None or name == Scope.OWN:
        return Scope.OWN
    if name != Scope.MARKET:
        raise bad_subscription(f"unknown scope {cut(name)}; known: {', '.join(Scope)}")
    if not is_privileged(principal):
        raise RefusedError(Code.NOT_ALLOWED, "scope market is for the market maker and administrators")
    return Scope.MARKET


def is_privileged(principal: Principal) -> bool:
    """Whether the principal may receive other users' events."""
    return principal.is_amm or principal.is_admin


def cut(name: str) -> str:
    """An unknown name, cut to a useful length: it may be as long as a frame."""
    return repr(name if len(name) <= ID_MAX else f"{name[:ID_MAX]}...")


def bad_subscription(problem: str) -> RefusedError:
    return RefusedError(Fault.BAD_SUBSCRIPTION, f"Bad subscription: {problem}")
