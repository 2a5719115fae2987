"""The maker's own small HTTP server: health, state and metrics to look at, control for people.

The exchange decides who may control: it is shown the caller's token, and only an administrator's passes.
"""

import functools
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import hypercorn.trio
import msgspec
import structlog
import trio
from hypercorn.config import Config as ServerConfig
from quart import Response, request
from quart_trio import QuartTrio

from amm.brain.arithmetic import Cents, Ms, read_epoch_ms
from amm.brain.config_layers import ConfigInvalidError
from amm.brain.inputs import Allocate, Input, KnownEvents, Resume
from amm.brain.memory import Lifecycle
from amm.live.metrics import Metrics
from amm.live.mirror import Mirror
from amm.live.rest import RefusedError, UnreachableError
from amm.live.run import Run
from amm.live.state_store import StateStoreError
from amm.live.supervisor import Supervisor
from amm.live.transport import Transport
from amm.live.view import state_of

log = structlog.get_logger(__name__)

ALL = "ALL"
GOODBYE_SECONDS = 0.2
"""Quotes are gone by then; nobody who reads metrics holds up the end."""
REMEMBERED = 1_000
"""Requests whose answer is given again instead of doing them again."""


class KillBody(msgspec.Struct, frozen=True):
    reason: str


class ResumeBody(msgspec.Struct, frozen=True):
    reason: str
    override: bool = False


class EventsBody(msgspec.Struct, frozen=True):
    times: list[str]


class AllocateBody(msgspec.Struct, frozen=True):
    amount_cents: Cents


class ConfigBody(msgspec.Struct, frozen=True):
    patch: dict[str, Any]
    ttl_ms: Ms | None = None


@attrs.frozen
class HttpError(Exception):
    """Ends a request with this status and message."""

    status: int
    message: str


Key = tuple[str, str, str]
"""What is asked, of which market, and the request's id."""
Handler = Callable[[str, bytes], Awaitable[dict[str, Any]]]


@attrs.define(eq=False)
class Control:
    supervisor: Supervisor
    stream: Transport
    metrics: Metrics
    mirror: Mirror
    _done: OrderedDict[Key, dict[str, Any]] = attrs.field(factory=OrderedDict)
    _doing: dict[Key, trio.Event] = attrs.field(factory=dict)

    async def serve(
        self, host: str, port: int, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled, and report the address; port 0 is any free one."""
        config = ServerConfig()
        config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        config.errorlog = None
        config.graceful_timeout = config.shutdown_timeout = GOODBYE_SECONDS
        async with trio.open_nursery() as nursery:
            addresses: list[str] = await nursery.start(hypercorn.trio.serve, self.app(), config)
            task_status.started(addresses[0])

    def app(self) -> QuartTrio:
        app = QuartTrio(__name__)
        app.before_request(exactly)
        app.add_url_rule("/health", view_func=self.health)
        app.add_url_rule("/readiness", view_func=self.readiness)
        app.add_url_rule("/metrics", view_func=self.prometheus)
        app.add_url_rule("/state", view_func=self.states)
        app.add_url_rule("/state/<market_id>", view_func=self.state)
        for what, method, handle in (
            ("kill", "POST", self.kill),
            ("resume", "POST", self.resume),
            ("events", "POST", self.events),
            ("allocate", "POST", self.allocate),
            ("config", "PATCH", self.configure),
        ):
            view = functools.partial(self.controlled, what, handle)
            app.add_url_rule(f"/control/<market_id>/{what}", what, view, methods=[method])
        return app

    # To look at.

    async def health(self) -> Response:
        return answer({"status": "ok"})

    async def readiness(self) -> Response:
        """Ready means: connected, and every market that should run does, or was stopped on purpose."""
        waiting = [run.market_id for run in self.supervisor.runs.values() if not is_settled(run)]
        ready = self.stream.connected and self.supervisor.looked and not waiting
        body = {
            "status": "ready" if ready else "not ready",
            "stream": "up" if self.stream.connected else self.stream.why,
            "waiting_for": waiting,
        }
        return answer(body, 200 if ready else 503)

    async def prometheus(self) -> Response:
        return Response(self.metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")

    async def states(self) -> Response:
        return answer(
            {
                "stream": "up" if self.stream.connected else self.stream.why,
                "redis": "up" if self.mirror.connected else "off" if self.mirror.url is None else "down",
                "unallocated_cents": self.supervisor.account.unallocated,
                "markets": [self._state(run) for run in self.supervisor.runs.values()],
            }
        )

    async def state(self, market_id: str) -> Response:
        try:
            return answer(self._state(self._run(market_id)))
        except HttpError as no:
            return answer({"error": no.message}, no.status)

    def _state(self, run: Run) -> dict[str, Any]:
        return state_of(run, self.stream.connected)

    # To control.

    async def controlled(self, what: str, handle: Handler, market_id: str) -> Response:
        """Carry out an administrator's request, and log it."""
        request_id = request.headers.get("X-Request-Id")
        try:
            body = await request.get_data(as_text=False)
            assert isinstance(body, bytes)
            await self._authorise(market_id)
            if request_id is None:
                done = await handle(market_id, body)
            else:
                done = await self._once((what, market_id, request_id), handle, body)
        except msgspec.MsgspecError as trouble:
            return answer({"error": f"malformed: {trouble}"}, 400)
        except ConfigInvalidError as trouble:
            return answer({"error": "invalid configuration", "problems": list(trouble.problems)}, 422)
        except HttpError as no:
            return answer({"error": no.message}, no.status)
        log.info("control", what=what, market=market_id, request_id=request_id, body=body.decode())
        return answer(done)

    async def _once(self, key: Key, handle: Handler, body: bytes) -> dict[str, Any]:
        """Carry out each request id once; a repetition waits for the first one's answer and gets it, too."""
        while key in self._doing:
            await self._doing[key].wait()
        if key in self._done:
            return self._done[key]
        self._doing[key] = trio.Event()
        try:
            _, market_id, _ = key
            self._done[key] = await handle(market_id, body)
        finally:
            self._doing.pop(key).set()
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        return self._done[key]

    async def _authorise(self, market_id: str) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise HttpError(401, "an administrator's token is needed")
        known = next(iter(self.supervisor.runs), None) if market_id == ALL else self._run(market_id).market_id
        if known is None:
            raise HttpError(404, "no market is running")
        try:
            allowed = await self.supervisor.exchange.is_administrator(token, known)
        except (RefusedError, UnreachableError) as trouble:
            raise HttpError(503, f"the exchange cannot say who you are: {trouble}") from None
        if not allowed:
            raise HttpError(403, "an administrator's token is needed")

    async def kill(self, market_id: str, body: bytes) -> dict[str, Any]:
        reason = msgspec.json.decode(body, type=KillBody).reason
        runs = list(self.supervisor.alive()) if market_id == ALL else [self._living(market_id)]
        killed, failed = [], []
        for run in runs:
            try:
                self.supervisor.kill(run, reason)
                killed.append(run.market_id)
            except StateStoreError as trouble:  # the others are to stop all the same
                failed.append(f"{run.market_id}: {trouble}")
        if failed:
            done = ", ".join(killed) or "none"
            raise HttpError(503, f"not killed, for it could not be kept: {'; '.join(failed)}; killed: {done}")
        return {"killed": killed}

    async def resume(self, market_id: str, body: bytes) -> dict[str, Any]:
        wish = msgspec.json.decode(body, type=ResumeBody)
        run = self._living(market_id)
        if self.supervisor.account.lost_too_much and not wish.override:
            raise HttpError(422, "cannot resume: all markets together have lost too much today")
        if run.has_crashed:
            run.resumed.set()
            return {"resumed": market_id}
        await self._tell_and_wait(self._open(market_id), Resume(wish.override))
        state = run.state
        if state is None or state.life.lifecycle is not Lifecycle.RUNNING or state.risk.latched:
            raise HttpError(422, "cannot resume: the market is not ACTIVE, or a reason to stop still holds")
        return {"resumed": market_id}

    async def events(self, market_id: str, body: bytes) -> dict[str, Any]:
        written = msgspec.json.decode(body, type=EventsBody).times
        try:
            times = tuple(moment for one in written if (moment := read_epoch_ms(one)) is not None)
        except (ValueError, TypeError):
            raise HttpError(400, "times must be RFC 3339, with their zone: 2026-11-20T12:00:00Z") from None
        self._open(market_id).tell(KnownEvents(times))
        return {"times_ms": list(times)}

    async def allocate(self, market_id: str, body: bytes) -> dict[str, Any]:
        amount = msgspec.json.decode(body, type=AllocateBody).amount_cents
        run = self._open(market_id)
        try:
            await self.supervisor.account.read_account()
        except (RefusedError, UnreachableError) as trouble:
            raise HttpError(503, f"the account cannot be read: {trouble}") from None
        if amount > self.supervisor.account.unallocated:
            raise HttpError(422, f"only {self.supervisor.account.unallocated} cents belong to no market")
        state = run.state
        assert state is not None
        before = state.paid_in
        await self._tell_and_wait(run, Allocate(amount))
        if state.paid_in != before + amount:
            raise HttpError(422, "more than inv.budget_limit_cents allows, or than the market has")
        return {"market_cash_cents": state.ledger.inventory.cash}

    async def configure(self, market_id: str, body: bytes) -> dict[str, Any]:
        wish = msgspec.json.decode(body, type=ConfigBody)
        run = self._open(market_id)
        version = self.supervisor.override(run, wish.patch, wish.ttl_ms)
        return {"config_version": version}

    def _run(self, market_id: str) -> Run:
        run = self.supervisor.runs.get(market_id)
        if run is None:
            raise HttpError(404, f"the market maker was not started in {market_id}")
        return run

    def _living(self, market_id: str) -> Run:
        """Return a run that is not over; it may be opening, or waiting for a person."""
        run = self._run(market_id)
        if run.over:
            raise HttpError(422, f"{market_id} is not being quoted")
        return run

    def _open(self, market_id: str) -> Run:
        run = self._living(market_id)
        if run.state is None:
            raise HttpError(422, f"{market_id} is not being quoted")
        return run

    async def _tell_and_wait(self, run: Run, item: Input) -> None:
        """Send an input and wait until it has been applied, or the market has ended or failed."""
        market = run.market
        run.tell(item)
        while market is run.market and not run.over and market is not None and item in market.inbox:
            await trio.sleep(0)


async def exactly() -> Response | None:
    """Refuse other spellings of a path, so that a proxy's rule about it cannot be evaded."""
    written: bytes = request.scope["raw_path"]
    if written != request.path.encode() or b"//" in written:
        return answer({"error": "no such path"}, 404)
    return None


def is_settled(run: Run) -> bool:
    state = run.state
    if run.over:
        return run.trouble is None and (state is None or state.life.failure is None)
    return state is not None and state.life.lifecycle is Lifecycle.RUNNING


def answer(body: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, content_type="application/json")
