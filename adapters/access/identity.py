"""Who is calling: from a token and the users' tables to a principal, or a refusal.

What a token is worth is read from the tables as they are now, never from the token. They are remembered, and
looked at anew whenever anybody changes them, in this process or another: so a request costs no query, and an
open connection ends when what it was opened with does.

How new is what is remembered is known, too. The line on which changes are told is asked for a sign of life
all the time, and what is remembered counts only for as long after its last question as a change may take to
be noticed. A line that is lost, or only silent, is nothing to rely on: then every request asks the tables,
and open connections are judged by asking again and again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from typing import Final, Literal, Protocol

import attrs
import structlog
import trio

from adapters.access.tokens import Claims, TokenError, Tokens, TokenType
from adapters.runtime.clock import Clock
from adapters.wire.responses import AccountType
from adapters.wire.status import Fault, RefusedError
from kernel.codes import AMM_ID

log = structlog.get_logger(__name__)

AMM_ALIAS: Final = "AMM_SYSTEM_001"
"""What the market maker may call itself in a header; it is stored nowhere."""
REMEMBERED: Final = 50_000
"""Users of whom is remembered what their tokens are worth; with more of them, all are looked up anew."""

# A change is noticed within a second: TRUSTED, POLL and an answer must fit into one.
BEAT: Final = 0.25
"""Seconds between two questions to the line on which changes are told."""
AGAIN: Final = 0.01
"""Seconds to the next one when an answer was overtaken by a change of our own."""
TRUSTED: Final = 0.6
"""Seconds after a question for which its answer counts."""
POLL: Final = 0.2
"""Seconds between two looks at the tables while the line says nothing."""
SILENCE: Final = 5.0
"""Seconds after which a line that does not answer is given up, and another one sought."""
RETRY: Final = 0.5
"""Seconds before that."""
EVERYBODY: Final = ""
"""Among ids of users: any of them."""


class User(Protocol):
    """A row of the users' table, without the password."""

    @property
    def id(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def account_type(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def token_generation(self) -> int: ...


class Standing(Protocol):
    """What a user's tokens are worth."""

    @property
    def user(self) -> User: ...
    @property
    def sessions(self) -> Collection[str]:
        """Those that live."""

    @property
    def ended_tokens(self) -> Mapping[bytes, datetime]:
        """Which end, or have ended, before their time, by their hashes."""


class Line(Protocol):
    """On which changes are told. What it has told is complete as of the last thing it was asked."""

    async def heard(self, seconds: float) -> frozenset[str]:
        """Of which users something changed, as soon as it did; nobody when it took too long."""

    async def standings(self, user_ids: Iterable[str]) -> Mapping[str, Standing]: ...


class Users(Protocol):
    """The users' tables, as far as callers are concerned."""

    async def find(self, user_id: str) -> User | None: ...

    async def find_login(self, username: str) -> tuple[User, str] | None:
        """A user by name, with the hash of the password."""

    async def add(
        self, username: str, email: str, password_hash: str, account_type: str
    ) -> User | Literal["username", "email"]:
        """A new user, or which of the two names is taken."""

    async def set_active(self, user_id: str, is_active: bool) -> bool:
        """False if there is no such user."""

    async def standings(self, user_ids: Iterable[str]) -> Mapping[str, Standing]:
        """Who is no user is left out."""

    def listening(self) -> AbstractAsyncContextManager[Line]: ...


@attrs.frozen
class Principal:
    """Who is calling, as of this request."""

    user_id: str
    username: str
    account_type: AccountType
    claims: Claims
    """What the token says; whom it is of, and as what, is not taken from there."""
    expires_at: int
    """When the token ends, in seconds since the Unix epoch."""

    @property
    def has_service_token(self) -> bool:
        return self.claims.type is TokenType.SERVICE

    @property
    def is_amm(self) -> bool:
        return self.user_id == AMM_ID

    @property
    def is_admin(self) -> bool:
        return self.account_type is AccountType.ADMIN


@attrs.define(eq=False)
class Permit:
    """What an open connection lives by: a token, judged anew whenever what it is worth may have changed."""

    principal: Principal
    """As it was judged last."""
    lose: Callable[[str], None]
    """Called once when it is worth nothing any more, with the reason."""


@attrs.define(eq=False)
class Question:
    """One that the tables have not answered yet."""

    overtaken: set[str] = attrs.field(factory=set)
    """Users of whom something changed since: of them the answer may be an old one."""


class Identities:
    """Turns tokens into principals, and ends what was opened with tokens that open nothing any more."""

    def __init__(
        self, tokens: Tokens, users: Users, clock: Clock, unavailable: tuple[type[Exception], ...]
    ) -> None:
        self._tokens = tokens
        self._users = users
        self._clock = clock
        self._unavailable = unavailable
        """What is raised when the tables cannot be asked."""
        self._known: dict[str, Standing] = {}
        self._questions: set[Question] = set()
        self._complete_at = -TRUSTED
        """When the line was asked what it answered last: of everything until then it has told."""
        self._permits: dict[str, set[Permit]] = {}
        """Of open connections, by user."""

    @property
    def hears(self) -> bool:
        """Whether what is remembered is as new as it must be."""
        return trio.current_time() - self._complete_at < TRUSTED

    # Requests

    async def identify(self, authorization: str | None, amm_name: str | None = None) -> Principal:
        """The principal behind an Authorization header; refuses who is nobody, and who is disabled."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise not_authenticated("a bearer token is needed")
        return await self.holder(token, amm_name)

    async def holder(self, token: str, amm_name: str | None = None) -> Principal:
        """The principal who holds this token."""
        try:
            claims = self._tokens.read(token, TokenType.ACCESS, TokenType.SERVICE)
        except TokenError as trouble:
            raise not_authenticated(str(trouble)) from None
        standing = self._known.get(claims.sub) if self.hears else None
        if standing is None:
            standing = await self._look_up(claims.sub)
        principal = self._judge(claims, standing)
        if principal.has_service_token and amm_name is not None and amm_name not in (AMM_ALIAS, AMM_ID):
            raise not_authenticated("X-AMM-System-Id names somebody else")
        return principal

    async def _look_up(self, user_id: str) -> Standing | None:
        while True:
            with self._asking() as question:
                standing = (await self._users.standings([user_id])).get(user_id)
            if question.overtaken.isdisjoint((user_id, EVERYBODY)):
                break
        if standing is not None and self.hears:
            self._remember(user_id, standing)
        return standing

    def _remember(self, user_id: str, standing: Standing) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[user_id] = standing

    def _judge(self, claims: Claims, standing: Standing | None) -> Principal:
        """Who a token makes somebody, as things stand; raises why it makes nobody."""
        if standing is None:
            raise not_authenticated("the token is of no user")
        user = standing.user
        if not user.is_active:
            raise disabled()
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

    # What is remembered

    def forget(self, *user_ids: str) -> None:
        """Something changed of these users."""
        for question in self._questions:
            question.overtaken.update(user_ids)
        if EVERYBODY in user_ids:
            self._known.clear()
        else:
            for user_id in user_ids:
                self._known.pop(user_id, None)

    @contextmanager
    def _asking(self) -> Iterator[Question]:
        question = Question()
        self._questions.add(question)
        try:
            yield question
        finally:
            self._questions.discard(question)

    # Open connections

    def keep(self, principal: Principal, lose: Callable[[str], None]) -> Permit:
        """Watch over what was opened just now; `let_go` ends that."""
        permit = Permit(principal, lose)
        self._permits.setdefault(principal.user_id, set()).add(permit)
        return permit

    def let_go(self, permit: Permit) -> None:
        of_user = self._permits.get(permit.principal.user_id, set())
        of_user.discard(permit)
        if not of_user:
            self._permits.pop(permit.principal.user_id, None)

    async def run(self) -> None:
        """Hear of changes and see to it that they take effect; as long as the server does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            nursery.start_soon(self._poll)
            nursery.start_soon(self._end_renewed)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._users.listening() as line:
                    await self._follow(line)
            except self._unavailable as trouble:
                log.warning("cannot hear of changes to users", why=str(trouble))
            except trio.TooSlowError:
                log.warning("cannot hear of changes to users", why="the database does not answer")
            await trio.sleep(RETRY)

    async def _follow(self, line: Line) -> None:
        """One line, until it ends. What happened before it is not known."""
        changed = frozenset({EVERYBODY})
        while True:
            self.forget(*changed)
            asked_at = trio.current_time()
            with self._asking() as question, trio.fail_after(SILENCE):
                # Also when there is nobody to ask for: an answer says that the line is alive.
                asked = self._connected(changed)
                standings = await line.standings(asked)
            self._complete_at = asked_at
            # Requests of our own change users, too. It must not matter to others how often: whoever could
            # make us ask again and again would keep all changes from being heard.
            again = frozenset(asked) & question.overtaken
            self._apply(standings, [one for one in asked if one not in again])
            changed = again | await line.heard(AGAIN if again else BEAT)

    async def _poll(self) -> None:
        """Look again and again at those who are connected, while no line tells of changes."""
        everybody = frozenset({EVERYBODY})
        while True:
            await trio.sleep(POLL)
            if self.hears or not self._permits:
                continue
            try:
                with trio.move_on_after(SILENCE):
                    asked = self._connected(everybody)
                    self._apply(await self._users.standings(asked), asked)
            except self._unavailable:
                pass  # a database that is away makes nobody a stranger; nor can anybody be changed in it

    def _connected(self, changed: frozenset[str]) -> list[str]:
        return (
            list(self._permits) if EVERYBODY in changed else [one for one in changed if one in self._permits]
        )

    def _apply(self, standings: Mapping[str, Standing], asked: Iterable[str]) -> None:
        """Who has connected since these were asked for was judged then, and is not in the answer."""
        for user_id in asked:
            self._judge_connections(user_id, standings.get(user_id))

    def _judge_connections(self, user_id: str, standing: Standing | None) -> None:
        for permit in list(self._permits.get(user_id, ())):
            try:
                permit.principal = self._judge(permit.principal.claims, standing)
            except RefusedError as refusal:
                self.let_go(permit)
                permit.lose(refusal.message)

    async def _end_renewed(self) -> None:
        """Judge the market maker's connections again when a token of them ends before its time."""
        while True:
            await trio.sleep(POLL)
            now = self._clock.seconds()
            for permit in list(self._permits.get(AMM_ID, ())):
                if permit.principal.expires_at <= now:
                    self.let_go(permit)
                    permit.lose("the token was renewed, and has ended")


def not_authenticated(why: str) -> RefusedError:
    return RefusedError(Fault.NOT_AUTHENTICATED, f"Not authenticated: {why}")


def disabled() -> RefusedError:
    return RefusedError(Fault.ACCOUNT_DISABLED, "This account is disabled")
