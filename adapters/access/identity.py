"""Who is calling: turns a token or an API key into a principal, or a refusal, with the users' tables.

What a token permits is decided by the tables as they are now, never by the token alone. The tables are
cached, and read again whenever somebody changes them, in this process or another. So a request costs no
query, and an open connection is closed when its token becomes invalid.

The cache must never be old. Changes arrive as notifications from the database, and the listener is queried
all the time to prove that it works. The cache counts only for a short time after the last query that was
answered. If the listener is lost or silent, every request reads the tables, and open connections are checked
by polling.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs
import structlog
import trio

from adapters.access.api_keys import PREFIX, KeyOwners, KeyUses, hash_of_key
from adapters.access.tables import ApiKeys, ChangeListener, Standing, Users
from adapters.access.tokens import SERVICES, Claims, TokenError, Tokens, TokenType
from adapters.runtime.clock import Clock
from adapters.runtime.times import to_datetime
from adapters.wire.scopes import Scope, scopes_of
from adapters.wire.status import Fault, RefusedError
from adapters.wire.user_responses import WORKER_ID, AccountType
from kernel.codes import AMM_ID

log = structlog.get_logger(__name__)

AMM_ALIAS: Final = "AMM_SYSTEM_001"
"""What the market maker may call itself in a header; it is stored nowhere."""
REMEMBERED: Final = 50_000
"""Users in the cache; when there are more, it is emptied."""

# A change must take effect within a second: TRUSTED, POLL and a query fit into one.
CHECK_EVERY: Final = 0.25
"""Seconds between two queries that prove the listener works."""
CHECK_AGAIN: Final = 0.01
"""Seconds to the next query if this process changed users while one was under way."""
TRUSTED: Final = 0.6
"""Seconds after a query for which the cache counts as current."""
POLL: Final = 0.2
"""Seconds between two reads of the tables while there is no working listener."""
SILENCE: Final = 5.0
"""Seconds after which a listener that does not answer is given up."""
RETRY: Final = 0.5
"""Seconds before the next one is opened."""
FILE_USES: Final = 1.0
"""Seconds between two times that the uses of API keys are filed."""
EVERYBODY: Final = ""
"""Among the ids of changed users: all of them."""


PEOPLE: Final = frozenset({AccountType.USER, AccountType.ADMIN})


@attrs.frozen
class Principal:
    """Who is calling, as of this request."""

    user_id: str
    username: str
    account_type: AccountType
    """With an API key always that of an ordinary user."""
    credential: Claims | bytes
    """What the token says, of which user and role are not taken; or the hash of the API key."""
    expires_at: float
    """When the token or key ends, in seconds since the Unix epoch."""
    scopes: tuple[Scope, ...] | None = None
    """What the API key opens; None with a token."""

    @property
    def claims(self) -> Claims:
        """What the token says, where no API key is let in."""
        assert isinstance(self.credential, Claims)
        return self.credential

    @property
    def has_service_token(self) -> bool:
        return self.scopes is None and self.claims.type is TokenType.SERVICE

    @property
    def is_person(self) -> bool:
        """Whether it can have a password, an address and API keys of its own."""
        return self.account_type in PEOPLE

    @property
    def is_amm(self) -> bool:
        return self.user_id == AMM_ID

    @property
    def is_worker(self) -> bool:
        return self.user_id == WORKER_ID

    @property
    def is_admin(self) -> bool:
        return self.account_type is AccountType.ADMIN


@attrs.define(eq=False)
class WatchedToken:
    """The token of an open connection, checked again whenever it may have become invalid."""

    principal: Principal
    """As of the last check."""
    on_invalid: Callable[[str], None]
    """Called once when the token has become invalid, with the reason."""


@attrs.define(eq=False)
class Lookup:
    """A query that is under way."""

    overtaken: set[str] = attrs.field(factory=set)
    """Users who have changed since it began: for them the answer may be old."""


class Identities:
    """Turns tokens into principals, and closes connections whose tokens have become invalid."""

    def __init__(
        self,
        tokens: Tokens,
        users: Users,
        api_keys: ApiKeys,
        clock: Clock,
        unavailable: tuple[type[Exception], ...],
    ) -> None:
        self._tokens = tokens
        self._users = users
        self._api_keys = api_keys
        self._owners = KeyOwners(api_keys)
        self._uses = KeyUses()
        self._clock = clock
        self._unavailable = unavailable
        """The exceptions raised while the database cannot be reached."""
        self._known: dict[str, Standing] = {}
        self._lookups: set[Lookup] = set()
        self._complete_at = -TRUSTED
        """When the listener's last answered query began: all changes before that are known."""
        self._watched: dict[str, set[WatchedToken]] = {}
        """Tokens of open connections, by user."""

    @property
    def is_current(self) -> bool:
        """Whether the cache can be relied on."""
        return trio.current_time() - self._complete_at < TRUSTED

    # Requests

    async def authenticate_header(self, authorization: str | None, amm_name: str | None = None) -> Principal:
        """The principal of an Authorization header; raises RefusedError if there is none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise not_authenticated("a bearer token is needed")
        return await self.authenticate(token, amm_name)

    async def authenticate(self, token: str, amm_name: str | None = None) -> Principal:
        """The principal of a token or API key; raises RefusedError if it is not valid."""
        if token.startswith(PREFIX):
            return await self._authenticate_key(token)
        try:
            claims = self._tokens.read(token, TokenType.ACCESS, TokenType.SERVICE)
        except TokenError as trouble:
            raise not_authenticated(str(trouble)) from None
        standing = self._known.get(claims.sub) if self.is_current else None
        if standing is None:
            standing = await self._look_up(claims.sub)
        principal = self._judge(claims, standing)
        names = (AMM_ALIAS, AMM_ID) if principal.is_amm else ()
        if principal.has_service_token and amm_name is not None and amm_name not in names:
            raise not_authenticated("X-AMM-System-Id names somebody else")
        return principal

    async def _authenticate_key(self, key: str) -> Principal:
        key_hash = hash_of_key(key)
        if key_hash is None:
            raise unknown_key()
        owner = self._owners.known(key_hash)
        standing = self._known.get(owner) if owner is not None and self.is_current else None
        if standing is None:
            # Of a key that was unknown until now the cache may not have heard either.
            owner = owner or await self._owners.ask(key_hash)
            if owner is None:
                raise unknown_key()
            standing = await self._look_up(owner)
        principal = self._judge(key_hash, standing)
        self._uses.note(key_hash, self._clock.wall())
        return principal

    def note_use(self, principal: Principal) -> None:
        """An API key was used, on a connection that it had opened before."""
        if isinstance(principal.credential, bytes):
            self._uses.note(principal.credential, self._clock.wall())

    async def _look_up(self, user_id: str) -> Standing | None:
        while True:
            with self._looking_up() as lookup:
                standing = (await self._users.standings([user_id])).get(user_id)
            if lookup.overtaken.isdisjoint((user_id, EVERYBODY)):
                break
        if standing is not None and self.is_current:
            self._remember(user_id, standing)
        return standing

    def _remember(self, user_id: str, standing: Standing) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[user_id] = standing

    def _judge(self, credential: Claims | bytes, standing: Standing | None) -> Principal:
        """The principal of a token or key, given its user's standing; raises if it is not valid."""
        if standing is None:
            raise not_authenticated("the token is of no user")
        if not standing.user.is_active:
            raise disabled()
        if isinstance(credential, bytes):
            return self._judge_key(credential, standing)
        return self._judge_token(credential, standing)

    def _judge_key(self, key_hash: bytes, standing: Standing) -> Principal:
        user, key = standing.user, standing.keys.get(key_hash)
        if key is None or AccountType(user.account_type) not in PEOPLE:
            raise unknown_key()
        ends_at = math.inf
        if key.expires_at is not None:
            ends_at = key.expires_at.timestamp()
            if key.expires_at <= to_datetime(self._clock.wall()):
                raise not_authenticated("the API key has expired")
        return Principal(user.id, user.username, AccountType.USER, key_hash, ends_at, scopes_of(key.scopes))

    def _judge_token(self, claims: Claims, standing: Standing) -> Principal:
        user = standing.user
        if claims.gen != user.token_generation:
            raise not_authenticated("the token is from before a change of its user: log in again")
        if claims.sid is not None and claims.sid not in standing.sessions:
            raise not_authenticated("the session has ended: log in again")
        ends_at = claims.exp
        if claims.type is TokenType.SERVICE and (end := standing.ended_tokens.get(claims.hash)):
            ends_at = min(ends_at, int(end.timestamp()))
            if ends_at <= self._clock.seconds():
                raise not_authenticated("the token was renewed, and has ended")
        return Principal(user.id, user.username, AccountType(user.account_type), claims, ends_at)

    # The cache

    def forget(self, *user_ids: str) -> None:
        """Drop these users from the cache: something about them has changed."""
        for lookup in self._lookups:
            lookup.overtaken.update(user_ids)
        if EVERYBODY in user_ids:
            self._known.clear()
        else:
            for user_id in user_ids:
                self._known.pop(user_id, None)

    @contextlib.contextmanager
    def _looking_up(self) -> Iterator[Lookup]:
        lookup = Lookup()
        self._lookups.add(lookup)
        try:
            yield lookup
        finally:
            self._lookups.discard(lookup)

    # Open connections

    def watch(self, principal: Principal, on_invalid: Callable[[str], None]) -> WatchedToken:
        """Check the token of a connection that was just opened, until `unwatch`."""
        watched = WatchedToken(principal, on_invalid)
        self._watched.setdefault(principal.user_id, set()).add(watched)
        return watched

    def unwatch(self, watched: WatchedToken) -> None:
        of_user = self._watched.get(watched.principal.user_id, set())
        of_user.discard(watched)
        if not of_user:
            self._watched.pop(watched.principal.user_id, None)

    async def run(self) -> None:
        """Follow changes and let them take effect, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            nursery.start_soon(self._poll)
            nursery.start_soon(self._end_renewed)
            nursery.start_soon(self._file_uses)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._users.listening() as listener:
                    await self._follow(listener)
            except self._unavailable as trouble:
                log.warning("cannot hear of changes to users", why=str(trouble))
            except trio.TooSlowError:
                log.warning("cannot hear of changes to users", why="the database does not answer")
            await trio.sleep(RETRY)

    async def _follow(self, listener: ChangeListener) -> None:
        """Follow one listener until it fails. Anything may have changed before it was opened."""
        changed = frozenset({EVERYBODY})
        while True:
            self.forget(*changed)
            asked_at = trio.current_time()
            with self._looking_up() as lookup, trio.fail_after(SILENCE):
                # Also if nobody is connected: an answer proves that the listener works.
                asked = self._connected(changed)
                standings = await listener.standings(asked)
            self._complete_at = asked_at
            # Requests to this process change users, too. However often they do, the changes of others must
            # take effect meanwhile: so only users overtaken by a change are looked up again.
            again = frozenset(asked) & lookup.overtaken
            self._apply(standings, [one for one in asked if one not in again])
            changed = again | await listener.heard(CHECK_AGAIN if again else CHECK_EVERY)

    async def _poll(self) -> None:
        """Check the connected users by polling while no listener works."""
        everybody = frozenset({EVERYBODY})
        while True:
            await trio.sleep(POLL)
            if self.is_current or not self._watched:
                continue
            try:
                with trio.move_on_after(SILENCE):
                    asked = self._connected(everybody)
                    self._apply(await self._users.standings(asked), asked)
            except self._unavailable:
                pass  # nobody can have been changed in a database that is away

    def _connected(self, changed: frozenset[str]) -> list[str]:
        return (
            list(self._watched) if EVERYBODY in changed else [one for one in changed if one in self._watched]
        )

    def _apply(self, standings: Mapping[str, Standing], asked: Iterable[str]) -> None:
        """Check the connections of the users that were asked for; others were checked when they connected."""
        for user_id in asked:
            self._judge_connections(user_id, standings.get(user_id))

    def _judge_connections(self, user_id: str, standing: Standing | None) -> None:
        for watched in list(self._watched.get(user_id, ())):
            try:
                watched.principal = self._judge(watched.principal.credential, standing)
            except RefusedError as refusal:
                self.unwatch(watched)
                watched.on_invalid(refusal.message)

    async def _end_renewed(self) -> None:
        """Close connections of service tokens that were renewed, when these end early."""
        while True:
            await trio.sleep(POLL)
            now = self._clock.seconds()
            for watched in [each for user_id in SERVICES for each in self._watched.get(user_id, ())]:
                if watched.principal.expires_at <= now:
                    self.unwatch(watched)
                    watched.on_invalid("the token was renewed, and has ended")

    async def _file_uses(self) -> None:
        while True:
            await trio.sleep(FILE_USES)
            if used := self._uses.take():
                with contextlib.suppress(*self._unavailable):  # the next minute's use is noted again
                    await self._api_keys.record_uses({key: to_datetime(at) for key, at in used.items()})


def unknown_key() -> RefusedError:
    return not_authenticated("the API key is unknown, or was revoked")


def not_authenticated(why: str) -> RefusedError:
    return RefusedError(Fault.NOT_AUTHENTICATED, f"Not authenticated: {why}")


def disabled() -> RefusedError:
    return RefusedError(Fault.ACCOUNT_DISABLED, "This account is disabled")
