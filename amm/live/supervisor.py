"""Which markets run: those that the exchange names, each begun, watched and ended by itself.

A market that fails is cancelled and begun again, a few times, and the others go on. It knows no prices.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import attrs
import structlog
import trio

from amm.brain.arithmetic import Ms
from amm.brain.commands import Alert, AlertKind, Severity
from amm.brain.config_layers import ConfigFile, ConfigInvalidError, Layer, amend
from amm.brain.inputs import (
    Answer,
    Connected,
    Disconnected,
    EarlierPrices,
    Frame,
    Kill,
    Lost,
    NewConfig,
    Polled,
    Pong,
    StatusSeen,
    SteppedBack,
    Stop,
)
from amm.brain.quoting.inventory import Fill
from amm.brain.state import MarketState
from amm.brain.wire import AmmMarket, AmmStarted, AmmStopped, Market, StopMode
from amm.live.account import Account
from amm.live.backoff import Backoff
from amm.live.market import LiveMarket, Services, tell_people
from amm.live.opening import cancel_everything, layers_of, open_run
from amm.live.rest import ExchangeClient, RefusedError, UnreachableError
from amm.live.run import Overlay, Patch, Run, Trouble
from amm.live.state_store import StateStoreError

log = structlog.get_logger(__name__)

CONCURRENT_MARKETS_MAX = 50
RESTARTS_MAX = 3
RESTART_WINDOW_MS: Ms = 600_000
LAST_CANCEL_SECONDS = 2.0
DOWN_SECONDS = 5.0
LOOK_AT_LINE_EVERY = 0.5
RUNNING = "RUNNING"


@attrs.define(eq=False)
class Supervisor:
    exchange: ExchangeClient
    services: Services
    file: ConfigFile
    feed_url: Callable[[str], str]
    boot_id: str
    after_turn: Callable[[MarketState], None]
    earlier_prices: Callable[[MarketState], Awaitable[EarlierPrices | None]]
    """Called for each market before it begins: what an earlier process knew of its prices."""
    look_every: float
    """Seconds between two looks at what should run, beside those that events ask for."""
    runs: dict[str, Run] = attrs.field(factory=dict)
    looked: bool = False
    """Whether the exchange has said which markets should run."""
    account: Account = attrs.field(init=False)
    _look: trio.Event = attrs.field(factory=trio.Event)
    _ended: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.account = Account(self.exchange, self.services.store, self.services.clock, self.runs)

    # What the command stream tells.

    def frame(self, market_id: str, frame: Frame) -> None:
        run = self.runs.get(market_id)
        if any(isinstance(event, AmmStarted | AmmStopped) for event in frame.events):
            self._look.set()
        if run is None or run.over:
            return
        if run.market is not None:
            run.market.hear(frame)
        else:
            run.tell(frame)

    def answer(self, market_id: str, answer: Answer) -> None:
        run = self.runs.get(market_id)
        if run is not None:
            run.tell(answer)

    def pong(self, round_trip_ms: Ms) -> None:
        for run in self.alive():
            run.tell(Pong(round_trip_ms), wake=False)

    def lost(self) -> None:
        for run in self.alive():
            run.tell(Lost())

    def down(self) -> None:
        for run in self.alive():
            run.tell(Disconnected())

    def up(self, blind_ms: Ms, *, resumed: bool) -> None:
        for run in self.alive():
            run.tell(Connected(blind_ms, resumed))
            if run.market is not None:
                run.market.feed.hurry()
        self._look.set()

    def reopen_feeds(self) -> None:
        """After a token was renewed: feeds that were opened with the old one end with it."""
        for run in self.alive():
            if run.market is not None:
                run.market.feed.reopen()

    def running(self) -> list[str]:
        return [run.market_id for run in self.alive() if run.market is not None]

    def filled(self, market_id: str, fills: tuple[Fill, ...]) -> None:
        run = self.runs.get(market_id)
        if run is not None and not run.over:
            run.tell(Polled(fills))

    def status(self, market: Market) -> None:
        run = self.runs[market.id]
        if run.state is not None and run.state.life.status is not market.status:
            run.tell(StatusSeen(market.status, market.resolution_result))

    def stepped_back(self, heard_seq: int, seq: int) -> None:
        for run in self.alive():
            if run.market is not None:
                run.market.stored.recount()
            run.tell(SteppedBack(heard_seq, seq))

    def alive(self) -> Iterator[Run]:
        return (run for run in self.runs.values() if not run.over)

    # Running.

    async def run(self, stop: trio.Event) -> bool:
        """Quote until told to stop. Return whether every order is known to be gone."""
        async with trio.open_nursery() as markets:
            async with trio.open_nursery() as watching:
                watching.start_soon(self._watch_starts, markets)
                watching.start_soon(self._watch_losses)
                watching.start_soon(self.account.watch)
                watching.start_soon(self._watch_overrides)
                watching.start_soon(self._watch_line)
                await stop.wait()
                watching.cancel_scope.cancel()
            await self._stop_all()
            markets.cancel_scope.cancel()
        return all(run.is_quiet for run in self.runs.values())

    async def _watch_starts(self, markets: trio.Nursery) -> None:
        backoff = Backoff()
        while True:
            self._look = trio.Event()
            if self.services.stream.connected:
                try:
                    self._compare(await self.exchange.amm_markets(), markets)
                    self.looked = True
                    backoff.reset()
                except (UnreachableError, RefusedError) as trouble:
                    log.warning("cannot learn what should run", why=str(trouble))
                    await trio.sleep(backoff.next())
                    continue
            with trio.move_on_after(self.look_every):
                await self._look.wait()

    def _compare(self, lines: list[AmmMarket], markets: trio.Nursery) -> None:
        """Begin the markets that should run and do not; end those that run and should not."""
        for line in lines:
            run = self.runs.get(line.market_id)
            if run is None or run.over:
                if line.status == RUNNING and (run is None or run.line.started_at != line.started_at):
                    self._begin(line, markets)
            elif line.status != RUNNING:
                self._see_stopped(run, line.stop_mode or StopMode.GRACEFUL)
            elif run.line.started_at != line.started_at:
                self._see_stopped(run, StopMode.IMMEDIATE)  # what it would burn is the new start's

    def _begin(self, line: AmmMarket, markets: trio.Nursery) -> None:
        run = self.runs[line.market_id] = Run(line)
        if sum(1 for _ in self.alive()) > CONCURRENT_MARKETS_MAX:
            self._give_up(run, Trouble.TOO_MANY_MARKETS, f"{CONCURRENT_MARKETS_MAX} are running already")
            run.over = True
            return
        self.services.budget.markets.add(line.market_id)
        markets.start_soon(self._keep_running, run)

    def _see_stopped(self, run: Run, mode: StopMode) -> None:
        state = run.state
        if run.has_crashed:
            run.trouble, run.detail = None, ""
            run.scope.cancel()  # its orders were cancelled when it failed
        elif state is None or state.life.stopping is None:
            event = AmmStopped(self.services.clock(), run.market_id, mode)
            run.tell(Frame(0, (event,)))

    async def _keep_running(self, run: Run) -> None:
        """One market, from its start to its end, whatever happens in it."""
        with run.scope:
            try:
                while not await self._run_once(run):
                    run.restarts += 1
            finally:
                self.services.budget.markets.discard(run.market_id)
        run.over = True
        self._ended.set()
        self._look.set()

    async def _run_once(self, run: Run) -> bool:
        """Return whether the market is done with; otherwise it has to be begun again."""
        try:
            market = await self._open(run)
            if market is not None:
                run.market, run.early = market, []
                if run.overlay.patches:  # from before it failed
                    self._lay_what_is_left(run)
                await market.run()
                log.info("market stopped", market=run.market_id, failure=str(market.state.life.failure))
        except Exception as fault:  # whatever it is, it is this market's alone
            return await self._crashed(run, fault)
        return True

    async def _open(self, run: Run) -> LiveMarket | None:
        line, backoff = run.line, Backoff()
        while True:
            try:
                opened = await open_run(
                    self.exchange,
                    self.services.store,
                    self.file,
                    line,
                    self.boot_id,
                    self.services.clock(),
                )
            except UnreachableError as trouble:
                log.warning("cannot begin yet", market=run.market_id, why=str(trouble))
                await trio.sleep(backoff.next())
                continue
            except ConfigInvalidError as trouble:
                await cancel_everything(self.exchange, run.market_id)
                self._give_up(run, Trouble.CONFIG_INVALID, "; ".join(trouble.problems))
                return None
            except StateStoreError as trouble:
                await cancel_everything(self.exchange, run.market_id)
                self._give_up(run, Trouble.STATE_UNREADABLE, str(trouble))
                return None
            except RefusedError as trouble:
                if trouble.status == 429:
                    await trio.sleep(backoff.next())
                    continue
                self._give_up(run, Trouble.REFUSED, str(trouble))
                return None
            break
        if not self.services.stream.connected:
            run.early.append(Disconnected())
        if (earlier := await self.earlier_prices(opened.state)) is not None:
            run.early.insert(0, earlier)
        log.info("market opened", market=run.market_id, cash_cents=opened.state.ledger.inventory.cash)
        return LiveMarket(
            opened.state,
            self.services,
            opened.stored,
            self.feed_url(run.market_id),
            self.exchange.credentials,
            run.early,
            self.after_turn,
        )

    def _give_up(self, run: Run, trouble: Trouble, detail: str) -> None:
        run.trouble, run.detail = trouble, detail
        log.error("market cannot be quoted", market=run.market_id, failure=trouble.value, why=detail)

    async def _crashed(self, run: Run, fault: Exception) -> bool:
        log.error("market failed", market=run.market_id, exc_info=fault)
        tell_people(Alert(run.market_id, AlertKind.CRASHED, Severity.CRITICAL, repr(fault)))
        killed = run.is_killed
        run.market, run.early = None, []
        now = self.services.clock()
        run.crashes.append(now)
        while run.crashes[0] <= now - RESTART_WINDOW_MS:
            run.crashes.popleft()
        backoff = Backoff()
        while True:
            try:
                await cancel_everything(self.exchange, run.market_id)
                if killed:
                    self._latch(run, "killed before it failed")
                break
            except (UnreachableError, RefusedError, StateStoreError) as trouble:
                log.error("cannot begin again", market=run.market_id, why=str(trouble))
                await trio.sleep(backoff.next())
        if len(run.crashes) > RESTARTS_MAX:
            self._give_up(run, Trouble.TASK_CRASHED, repr(fault))
            await run.resumed.wait()
            run.resumed, run.trouble, run.detail = trio.Event(), None, ""
            run.crashes.clear()
        return False

    # Overrides.

    def override(self, run: Run, patch: dict[str, Any], ttl_ms: Ms | None) -> int:
        """Change some keys on top of what was changed before; return the new version."""
        now_ms = self.services.clock()
        fresh = Patch(patch, None if ttl_ms is None else now_ms + ttl_ms)
        return self.lay(run, Overlay((*run.overlay.at(now_ms).patches, fresh), "control"))

    def lay(self, run: Run, overlay: Overlay) -> int:
        """Lay changed keys over a running market's configuration instead of those before.

        Raise `ConfigInvalidError`, and change nothing, if the whole does not hold together.
        """
        state = run.state
        assert state is not None
        over = (Layer("override", patch.values, is_shared=False) for patch in overlay.patches)
        config = amend(run.start, [*layers_of(run.line, self.file), *over], state.config)
        run.overlay = overlay
        run.tell(NewConfig(config))
        return config.version

    async def _watch_overrides(self) -> None:
        """Undo overrides whose time is over."""
        while True:
            for run in self.alive():
                if run.state is not None and run.overlay.at(self.services.clock()) is not run.overlay:
                    self._lay_what_is_left(run)
                    log.info("override over", market=run.market_id)
            await trio.sleep(1)

    def _lay_what_is_left(self, run: Run) -> None:
        """Lay the patches still in force. If they do not hold without one that is over, drop them all."""
        try:
            self.lay(run, run.overlay.at(self.services.clock()))
        except ConfigInvalidError as trouble:
            why = "; ".join(trouble.problems)
            tell_people(Alert(run.market_id, AlertKind.CONFIG_REFUSED, Severity.WARNING, why))
            self.lay(run, Overlay(by="time"))

    async def _watch_line(self) -> None:
        """Alert once when the exchange has not been heard from for a while."""
        down_since: float | None = None
        while True:
            now, stream = trio.current_time(), self.services.stream
            if stream.connected:
                down_since = None
            elif down_since is None:
                down_since = now
            elif now - down_since >= DOWN_SECONDS:
                log.error("alert", kind=AlertKind.STREAM_DOWN.value, severity="CRITICAL", why=stream.why)
                down_since = float("inf")  # once for each time that it is down
            await trio.sleep(LOOK_AT_LINE_EVERY)

    # Killing.

    def kill(self, run: Run, reason: str) -> None:
        """Kill one market, open or not: one that failed must not begin again as if it had not been killed."""
        if run.has_crashed:
            self._latch(run, reason)
        run.tell(Kill(reason))

    def _latch(self, run: Run, reason: str) -> None:
        """Store a kill for a market that is not open; its next opening finds it."""
        stored = self.services.store.read(run.market_id)
        stored.killed = stored.killed or [reason]
        self.services.store.write(stored)

    async def _watch_losses(self) -> None:
        """Kill all markets when they have lost too much together; one that is resumed is not killed again."""
        killed_before: set[str] = set()
        while True:
            if not self.account.lost_too_much:
                killed_before.clear()
            for run in list(self.alive()) if self.account.lost_too_much else ():
                if run.market_id in killed_before:
                    continue
                try:
                    self.kill(run, "GLOBAL_DAILY_LOSS")
                except StateStoreError as trouble:
                    log.error("the kill could not be kept", market=run.market_id, why=str(trouble))
                    continue  # tried again in a second: the others are to stop all the same
                killed_before.add(run.market_id)
                why = f"all markets together lost {self.account.lost_today()} cents today"
                tell_people(Alert(run.market_id, AlertKind.KILL_SWITCH, Severity.CRITICAL, why))
            await trio.sleep(1)

    # Stopping.

    async def _stop_all(self) -> None:
        """Ask all markets to end at once; cancel from outside the orders of those that do not in time."""
        within = 0
        for run in list(self.alive()):
            if run.state is None:
                run.scope.cancel()  # not open yet: it has no orders that the last cancel would not find
            else:
                within = max(within, run.state.config.life.shutdown_timeout_ms)
                run.tell(Stop())
        with trio.move_on_after(within / 1_000):
            while any(self.alive()):
                self._ended = trio.Event()
                await self._ended.wait()
        async with trio.open_nursery() as nursery:
            for run in self.runs.values():
                if not run.is_quiet or run.state is None:
                    nursery.start_soon(self._last_cancel, run)

    async def _last_cancel(self, run: Run) -> None:
        with trio.move_on_after(LAST_CANCEL_SECONDS):
            try:
                if await cancel_everything(self.exchange, run.market_id):
                    run.is_cleared = True
            except (UnreachableError, RefusedError) as trouble:
                log.error("orders may be left", market=run.market_id, why=str(trouble))
