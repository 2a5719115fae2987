"""What one connection wants to hear of: topics, in all markets or in some, its own affairs or everybody's."""

import enum
from collections.abc import Sequence

import attrs

from adapters.identity import Principal
from adapters.status import Fault, RefusedError
from adapters.topics import Topic, TopicEvent
from kernel.codes import Code


class Scope(enum.StrEnum):
    OWN = "own"
    MARKET = "market"


@attrs.define
class Interest:
    """One topic: what is wanted everywhere, and what in single markets besides."""

    everywhere: Scope | None = None
    markets: dict[str, Scope] = attrs.field(factory=dict)

    def covers(self, market_id: str, *, is_own: bool) -> bool:
        here = self.markets.get(market_id)
        if here is None and self.everywhere is None:
            return False
        return is_own or here is Scope.MARKET or self.everywhere is Scope.MARKET


@attrs.define
class Interests:
    """All of a connection's topics."""

    topics: dict[Topic, Interest] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self.topics)

    @property
    def is_wide(self) -> bool:
        """Whether other users' affairs are wanted, anywhere."""
        return any(
            Scope.MARKET in (interest.everywhere, *interest.markets.values())
            for interest in self.topics.values()
        )

    def add(self, topics: Sequence[Topic], markets: Sequence[str] | None, scope: Scope) -> None:
        for topic in topics:
            interest = self.topics.setdefault(topic, Interest())
            if markets is None:
                interest.everywhere = scope
            else:
                interest.markets.update(dict.fromkeys(markets, scope))

    def remove(self, topics: Sequence[Topic], markets: Sequence[str] | None) -> None:
        """Without markets a topic goes altogether; single markets go where single markets were asked for."""
        if markets is not None and any(self._is_everywhere(topic) for topic in topics):
            raise bad_subscription("subscribed to all markets; unsubscribe without naming any")
        for topic in topics:
            interest = self.topics.get(topic)
            if interest is None:
                continue
            for market_id in markets or ():
                interest.markets.pop(market_id, None)
            if markets is None or not interest.markets:
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


def read_topics(names: Sequence[str], principal: Principal) -> list[Topic]:
    if not names:
        raise bad_subscription("topics must name at least one")
    known = {topic.value for topic in Topic}
    if unknown := next((name for name in names if name not in known), None):
        raise bad_subscription(f"unknown topic {unknown!r}; known: {', '.join(Topic)}")
    topics = [Topic(name) for name in names]
    if Topic.AMM in topics and not is_privileged(principal):
        raise RefusedError(Code.NOT_ALLOWED, "amm_events are for the market maker and administrators")
    return topics


def read_scope(name: str | None, principal: Principal) -> Scope:
    if name is None or name == Scope.OWN:
        return Scope.OWN
    if name != Scope.MARKET:
        raise bad_subscription(f"unknown scope {name!r}; known: {', '.join(Scope)}")
    if not is_privileged(principal):
        raise RefusedError(Code.NOT_ALLOWED, "scope market is for the market maker and administrators")
    return Scope.MARKET


def is_privileged(principal: Principal) -> bool:
    """May hear of other users' affairs."""
    return principal.is_amm or principal.is_admin


def bad_subscription(problem: str) -> RefusedError:
    return RefusedError(Fault.BAD_SUBSCRIPTION, f"Bad subscription: {problem}")
