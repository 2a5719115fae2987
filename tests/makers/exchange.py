"""A little exchange with leases, for as many workers as like to come: it keeps the rules that bind a worker.

Everything happens in virtual time, over websockets that end in memory. A test may lose hints, cut lines, keep
a worker from being heard, or refuse what it asks for.
"""

import contextlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import trio
import trio.testing
import trio_websocket

from amm.brain.wire import Order
from makers.quoter.terms import STRATEGY
from tests.makers.custody import Entrusted
from tests.makers.parts import terms, view

AHEAD = 1_795_168_800.0
"""Seconds by which the exchange's clock is ahead of the workers'."""
STALE = 7105
GONE = (trio_websocket.ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.define
class Seat:
    """One order: its schedule, its lease, and its exchange orders."""

    order_id: str
    market_id: str
    refresh: float
    next_at: float
    wish: dict[str, Any] = attrs.field(factory=dict)
    freeze_bps: int = 20
    lease: float = 15.0
    venue: str = "internal"
    fence: int = 1
    cycle_no: int = 0
    token: str | None = None
    until: float = 0.0
    started: float = 0.0
    orders: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    names: dict[str, str] = attrs.field(factory=dict)
    failures: int = 0
    equities: list[int | None] = attrs.field(factory=list)
    """What it was worth at its venue after each cycle."""


@attrs.define
class Past:
    """What has happened, in its order."""

    leases: list[tuple[str, int, str, float, float]] = attrs.field(factory=list)
    """Order, cycle, worker, when it began, by how much it was late."""
    ends: list[tuple[str, int, str]] = attrs.field(factory=list)
    """Order, cycle, and how it came out."""
    accepted: list[tuple[str, int, str]] = attrs.field(factory=list)
    """Order, fence, and the name of what was placed."""
    asked: Counter[str] = attrs.field(factory=Counter)
    """Ops of all that was asked."""
    said: Counter[int] = attrs.field(factory=Counter)
    """Codes of all answers."""
    most: int = 0
    """Leases that were held at once."""
    most_of_one_market: int = 0


@attrs.define(eq=False)
class Exchange:
    nursery: trio.Nursery
    seats: dict[str, Seat] = attrs.field(factory=dict)
    entrusted: dict[str, Entrusted] = attrs.field(factory=dict)
    tells: bool = True
    """Whether hints come through."""
    past: Past = attrs.field(factory=Past)
    refusals: dict[str, deque[int]] = attrs.field(factory=lambda: defaultdict(deque))
    """Codes with which the next commands of an op are refused."""
    slow: dict[str, float] = attrs.field(factory=dict)
    """Seconds after which the commands of an order are heard at all, for as long as it is here."""
    lose_next: str = ""
    """Break the line that the next batch of commands comes by, `before` or `after` it is carried out."""
    lose_step: dict[int, str] = attrs.field(factory=dict)
    """The same for steps at a venue, counted from 0."""
    steps_heard: int = 0
    at_loss: Callable[[], None] = lambda: None
    """What happens when the line is broken."""
    unheard: dict[tuple[str, str], trio.Event] = attrs.field(factory=dict)
    """What a worker asks by an op arrives only when this is set."""
    is_closed: bool = False
    """To whoever comes now."""
    sockets: list[trio_websocket.WebSocketConnection] = attrs.field(factory=list)

    def seat(self, number: int, market: int = 1, refresh: float = 10.0, **more: Any) -> Seat:
        order_id = f"0193f1c2-5a77-7c1e-9f10-{number:012x}"
        seat = Seat(order_id, f"MKT-{market}", refresh, trio.current_time(), **more)
        self.seats[order_id] = seat
        return seat

    async def connect(self, nursery: trio.Nursery) -> trio_websocket.WebSocketConnection:
        """What a worker calls to come here."""
        if self.is_closed:
            raise OSError("nobody listens")
        here: Any
        here, there = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self._serve, there)
        return await trio_websocket.wrap_client_stream(nursery, here, "exchange", "/ws/v1/commands")

    async def cut(self) -> None:
        for socket in self.sockets:
            await self._break(socket)

    async def _break(self, socket: trio_websocket.WebSocketConnection) -> None:
        await socket._stream.aclose()

    async def _serve(self, stream: Any) -> None:
        try:
            async with trio.open_nursery() as nursery:
                request = await trio_websocket.wrap_server_stream(nursery, stream)
                socket = await request.accept()
                self.sockets.append(socket)
                hello = {"t": "hello", "server_time_ms": self._ms(), "limits": {"max_in_flight": 1024}}
                await socket.send_message(msgspec.json.encode(hello).decode())
                while True:
                    said = msgspec.json.decode(await socket.get_message())
                    nursery.start_soon(self._hear, socket, said if isinstance(said, list) else [said])
        except* GONE:
            pass

    async def _hear(self, socket: trio_websocket.WebSocketConnection, said: list[dict[str, Any]]) -> None:
        for one in said:
            if (arrives := self.unheard.get((one.get("worker_id", ""), one["op"]))) is not None:
                await arrives.wait()
        if accounts := {one["account"] for one in said if "account" in one}:
            await trio.sleep(max(self.slow.get(account[3:], 0.0) for account in accounts))
        lost, self.lose_next = (self.lose_next, "") if accounts else ("", self.lose_next)
        if one["op"] == "mm_venue":
            lost = self.lose_step.pop(self.steps_heard, "")
            self.steps_heard += 1
        answers = [self._answer(one) for one in said] if lost != "before" else []
        if lost:
            self.at_loss()
            await self._break(socket)
            return
        await socket.send_message(msgspec.json.encode(answers).decode())

    def _answer(self, one: dict[str, Any]) -> dict[str, Any]:
        code, data = self._do(one)
        self.past.asked[one["op"]] += 1
        self.past.said[code] += 1
        return {
            "t": "result",
            "cid": one["cid"],
            "ok": code == 0,
            "code": code,
            "data": data,
            "message": "no",
        }

    def _do(self, one: dict[str, Any]) -> tuple[int, Any]:
        if waiting := self.refusals[one["op"]]:
            return waiting.popleft(), None
        match one["op"]:
            case "ping":
                return 0, {"server_time_ms": self._ms()}
            case "subscribe":
                return 0, None
            case "mm_due":
                return 0, {"items": self._due()}
            case "mm_acquire":
                return 0, self._acquire(one)
            case "mm_renew":
                return self._renew(one), None
            case "mm_release":
                return self._release(one), None
            case "mm_venue_due":
                return 0, self._entrusted_page(one["after"])
            case "mm_venue":
                return self.entrusted[one["order_id"]].step(one)
            case _:
                return self._carry_out(one), None

    def entrust(self, number: int, **amounts: int) -> Entrusted:
        """An order whose money is to go to a venue."""
        order_id = f"0193f1c2-5a77-7c1e-9f10-{number:012x}"
        self.entrusted[order_id] = order = Entrusted(order_id, "MKT-1", amounts)
        return order

    def _entrusted_page(self, after: str | None) -> dict[str, Any]:
        """Two at a time, so that a test needs no hundred."""
        due = sorted(one.order_id for one in self.entrusted.values() if one.task is not None)
        left = [order_id for order_id in due if after is None or order_id > after]
        return {
            "items": [self.entrusted[order_id].shown() for order_id in left[:2]],
            "more": len(left) > 2,
        }

    # Leases

    def _due(self) -> list[dict[str, Any]]:
        markets: dict[str, float] = {}
        for seat in self.seats.values():
            at = max(seat.next_at, seat.until) if seat.token else seat.next_at
            markets[seat.market_id] = min(at, markets.get(seat.market_id, at))
        now = trio.current_time()
        return [
            {"market_id": market_id, "due": int(at <= now), "next_due_at_ms": self._ms(at)}
            for market_id, at in markets.items()
        ]

    def _acquire(self, one: dict[str, Any]) -> dict[str, Any]:
        now = trio.current_time()
        mine = [
            seat
            for seat in self.seats.values()
            if seat.market_id == one["market_id"] and seat.venue in ("internal", *one["venues"])
        ]
        free = [seat for seat in mine if seat.next_at <= now and (seat.token is None or seat.until <= now)]
        free.sort(key=lambda seat: (seat.next_at, seat.order_id))
        taken, left = free[: one["limit"]], free[one["limit"] :]
        assert one["strategies"] == [STRATEGY]
        leases = [self._lease(seat, one["worker_id"], now) for seat in taken]
        held = [seat.market_id for seat in self.seats.values() if seat.token is not None]
        self.past.most = max(self.past.most, len(held))
        self.past.most_of_one_market = max(self.past.most_of_one_market, held.count(one["market_id"]))
        later = [seat.next_at for seat in mine if seat.token is None and seat not in left]
        return {
            "leases": leases,
            "more": bool(left),
            "next_due_at_ms": self._ms(min(later)) if later else None,
        }

    def _lease(self, seat: Seat, worker_id: str, now: float) -> dict[str, Any]:
        if seat.token is not None:  # it ran out
            seat.fence += 1
            self.past.ends.append((seat.order_id, seat.cycle_no, "ABANDONED"))
        seat.fence, seat.cycle_no = seat.fence + 1, seat.cycle_no + 1
        seat.token, seat.until, seat.started = f"{seat.cycle_no:016x}", now + seat.lease, now
        self.past.leases.append((seat.order_id, seat.cycle_no, worker_id, now, now - seat.next_at))
        orders = msgspec.convert(list(seat.orders.values()), list[Order])
        seen: dict[str, Any] = msgspec.to_builtins(view(orders=orders, freeze_bps=seat.freeze_bps))
        seen["market"]["id"] = seat.market_id
        return seen | {
            "order_id": seat.order_id,
            "account": f"mm:{seat.order_id}",
            "cycle_no": seat.cycle_no,
            "fence": seat.fence,
            "token": seat.token,
            "lease_ms": round(seat.lease * 1_000),
            "venue": seat.venue,
            "strategy": STRATEGY,
            "terms": msgspec.to_builtins(terms(**seat.wish)),
        }

    def _held(self, one: dict[str, Any]) -> Seat | None:
        seat = self.seats[one["order_id"]]
        is_held = (
            seat.token == one["token"] and seat.fence == one["fence"] and trio.current_time() < seat.until
        )
        return seat if is_held else None

    def _renew(self, one: dict[str, Any]) -> int:
        seat = self._held(one)
        if seat is None or trio.current_time() >= seat.started + 10:
            return STALE
        seat.until = trio.current_time() + seat.lease
        return 0

    def _release(self, one: dict[str, Any]) -> int:
        seat = self._held(one)
        if seat is None:
            return STALE
        self.past.ends.append((seat.order_id, seat.cycle_no, one["outcome"]))
        seat.equities.append(one["equity_cents"])
        now = trio.current_time()
        if one["outcome"] == "ERROR":
            seat.failures += 1
            seat.next_at = now + min(60, seat.refresh * 2**seat.failures)
        else:
            seat.failures, seat.next_at = 0, max(seat.started + seat.refresh, now)
        seat.token = None
        self.tell(seat.market_id, seat.next_at)
        return 0

    def tell(self, market_id: str, at: float) -> None:
        if not self.tells:
            return
        hint = {"event_type": "MM_DUE", "market_id": market_id, "due_at_ms": self._ms(at)}
        said = msgspec.json.encode({"t": "event", "topic": "mm_work_events", "n": 1, "seq": 1, "data": hint})
        for socket in self.sockets:
            self.nursery.start_soon(self._send, socket, said.decode())

    @staticmethod
    async def _send(socket: trio_websocket.WebSocketConnection, said: str) -> None:
        with contextlib.suppress(*GONE):
            await socket.send_message(said)

    # Exchange orders

    def _carry_out(self, one: dict[str, Any]) -> int:
        seat = self.seats[one["account"][3:]]
        if one["fence"] != seat.fence:
            return STALE
        if one["op"] == "cancel":
            return 0 if seat.orders.pop(one["order_id"], None) else 4004
        if seat.token is None or trio.current_time() >= seat.until:
            return STALE
        new = one["new_order"] if one["op"] == "replace" else one
        if new["client_order_id"] in seat.names:
            return 0
        if one["op"] == "replace" and seat.orders.pop(one["old_order_id"], None) is None:
            return 6002
        self.past.accepted.append((seat.order_id, one["fence"], new["client_order_id"]))
        order_id = f"x{len(self.past.accepted)}"
        seat.names[new["client_order_id"]] = order_id
        seat.orders[order_id] = {
            "id": order_id,
            "client_order_id": new["client_order_id"],
            "market_id": seat.market_id,
            "original_side": new["side"],
            "original_direction": new["direction"],
            "original_price_cents": new["price_cents"],
            "quantity": new["quantity"],
            "filled_quantity": 0,
            "remaining_quantity": new["quantity"],
            "status": "OPEN",
        }
        return 0

    @staticmethod
    def _ms(at: float | None = None) -> int:
        return round(((trio.current_time() if at is None else at) + AHEAD) * 1_000)
