"""A real market maker process, a real server, a line between the two that can be cut, and what both know."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import httpx

from adapters.access.tokens import TokenType
from kernel.codes import AMM_ID
from tests.adapters.serving import ROOT, Venue, tokens, until

DEAD_MAN_SECONDS: Final = 2.0
"""As the tests set it; by default it is five."""
CONFIG: Final = """
[sync]
dead_man_ms = 2000
max_blind_ms = 1900

[defense]
max_latency_ms = 5000  # the tests' machine may be busy with others
"""
LADDER: Final = {
    "bids": [(45, 25), (44, 30), (43, 35), (42, 40), (41, 45)],
    "asks": [(55, 25), (56, 30), (57, 35), (58, 40), (59, 45)],
}
"""What a market shows that was begun at 50 with default parameters."""


def service_token() -> str:
    return tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT")


@attrs.frozen
class MakerProcess:
    """`verdict amm`, started as an operator would."""

    process: "subprocess.Popen[str]"
    control: str
    log: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=40)

    def state(self, market_id: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.control}/state/{market_id}")
        state = answer.json()
        assert isinstance(state, dict)
        return state

    def lifecycle(self, market_id: str) -> str:
        return str(self.state(market_id).get("lifecycle"))

    def metric(self, line: str) -> float:
        """The value of one line of /metrics, named as it stands there; 0 if it is not there yet."""
        for each in httpx.get(f"{self.control}/metrics").text.splitlines():
            if each.startswith(f"{line} "):
                return float(each.rpartition(" ")[2])
        return 0.0

    def alerts(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if '"event":"alert"' in line]


def environment(address: str, folder: Path, **settings: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(("VERDICT_", "AMM_"))}
    others.pop("REDIS_URL", None)
    return {
        **others,
        "AMM_URL": address,
        "AMM_TOKEN": service_token(),
        "AMM_STATE": str(folder / "amm"),
        "AMM_PORT": "0",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    } | settings


@contextlib.contextmanager
def making(address: str, folder: Path, config: str = CONFIG, **settings: str) -> Iterator[MakerProcess]:
    """A market maker for the exchange at `address`; killed at the end if it still runs."""
    (folder / "amm.toml").write_text(config)
    log = folder / f"maker-{len(list(folder.glob('maker-*')))}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "amm", "--config", str(folder / "amm.toml")],
            env=environment(address, folder, **settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        told = next((line for line in process.stdout if line.startswith("control")), None)
        assert told is not None, log.read_text()
        yield MakerProcess(process, told.split()[1], log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@attrs.frozen
class Quoted:
    """One market that the maker quotes, seen from the exchange."""

    venue: Venue
    market_id: str

    def start(self, budget: int = 500_000, price: int = 50, **more: Any) -> None:
        answer = self.venue.admin.post(
            "/admin/amm/start",
            market_id=self.market_id,
            initial_budget_cents=budget,
            initial_price_cents=price,
            **more,
        )
        assert answer.status == 201, answer.envelope

    def admin(self, what: str, **members: Any) -> Any:
        answer = self.venue.admin.post(f"/admin/markets/{self.market_id}/{what}", **members)
        assert answer.code == 0, answer.envelope
        return answer.data

    def book(self) -> dict[str, list[tuple[int, int]]]:
        yes = self.venue.admin.data(f"/markets/{self.market_id}/orderbook", levels=99)["yes"]
        return {
            side: [(level["price_cents"], level["total_quantity"]) for level in yes[side]] for side in yes
        }

    def own_orders(self) -> list[Any]:
        orders = self.venue.amm.data("/orders", market_id=self.market_id, limit=100)["items"]
        return [one for one in orders if one["status"] in ("NEW", "OPEN", "PARTIALLY_FILLED")]

    def position(self) -> tuple[int, int, int, int]:
        held = self.venue.amm.data(f"/positions/{self.market_id}")
        return (
            held["yes"]["volume"],
            held["no"]["volume"],
            held["yes"]["cost_sum_cents"],
            held["no"]["cost_sum_cents"],
        )

    def cash(self, budget: int = 500_000) -> int:
        """The budget and every cent that the account's ledger says this market has moved since."""
        cents = budget
        page = self.venue.amm.data("/account/ledger", market_id=self.market_id, limit=100)
        while True:
            cents += sum(int(entry["amount_cents"]) for entry in page["items"])
            if page["next_cursor"] is None:
                return cents
            page = self.venue.amm.data(
                "/account/ledger", market_id=self.market_id, limit=100, cursor=page["next_cursor"]
            )

    def is_quoted(self) -> bool:
        book = self.book()
        return bool(book["bids"] and book["asks"])

    def agrees(self, maker: MakerProcess) -> bool:
        """Whether maker and exchange have the same inventory, to the share and the cent."""
        state = maker.state(self.market_id)
        names = ("yes_volume", "no_volume", "yes_cost_sum_cents", "no_cost_sum_cents")
        ours = (*(state[name] for name in names), state["market_cash_cents"])
        return ours == (*self.position(), self.cash())

    def every_order(self) -> list[Any]:
        """All that the maker ever placed here, whatever became of it."""
        orders: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.venue.amm.data("/orders", market_id=self.market_id, limit=100, **cursor)
            orders += page["items"]
            if page["next_cursor"] is None:
                return orders
            cursor = {"cursor": page["next_cursor"]}

    def assert_sane(self, maker: MakerProcess | None = None) -> None:
        """No quote ever crossed another or left 1..99, no limit was passed, and the audit is clean.

        Crossing quotes would have traded with each other, and a limit of the exchange answers with 9001.
        """
        every, orders, position = self.every_order(), self.own_orders(), self.position()
        assert all(1 <= order["original_price_cents"] <= 99 for order in every)
        assert all(order["original_direction"] == "SELL" for order in every)
        trades = self.venue.amm.data("/trades", market_id=self.market_id, limit=100)["items"]
        assert [one for one in trades if one["my_side"] == "BOTH"] == []
        checks = self.venue.admin.post("/admin/verify-invariants").data["checks"]
        assert [one for one in checks if not one["passed"]] == []
        if maker is not None:
            market = f'market="{self.market_id}"'
            assert maker.metric(f"amm_rate_limited_total{{{market}}}") == 0
            assert maker.metric(f'amm_reconcile_total{{{market},result="drift"}}') == 0
            assert maker.metric(f"amm_pnl_daily_cents{{{market}}}") > -100_000
            assert not [alert for alert in maker.alerts() if "SANITIZER" in alert or "SELF_TRADE" in alert]
        for side, held in (("YES", position[0]), ("NO", position[1])):
            promised = sum(one["remaining_quantity"] for one in orders if one["original_side"] == side)
            assert promised <= held


def quoted(venue: Venue, maker: MakerProcess | None = None, **terms: Any) -> Quoted:
    """A new market that the maker was started in, and quotes if there is one."""
    market = Quoted(venue, venue.market(amm_authorized=True, resolution_date="2027-06-30T00:00:00Z", **terms))
    market.start()
    if maker is not None:
        until(market.is_quoted)
    return market


@attrs.define(eq=False)
class Line:
    """Passes bytes between the maker and wherever the server is now, as long as it is let."""

    target: tuple[str, int]
    is_open: bool = True
    _listener: socket.socket = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _pairs: list[tuple[socket.socket, socket.socket]] = attrs.field(factory=list)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def lead_to(self, address: str) -> None:
        url = httpx.URL(address)
        assert url.port is not None
        self.target = (url.host, url.port)

    def cut(self) -> None:
        """Nothing gets through any more, and both ends notice."""
        self.is_open = False
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()

    def mend(self) -> None:
        self.is_open = True

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if not self.is_open:
                    client.close()
                    continue
                server = socket.create_connection(self.target)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(target=carry, args=(client, server), daemon=True).start()

    def close(self) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def carry(client: socket.socket, server: socket.socket) -> None:
    with selectors.DefaultSelector() as selector, client, server, contextlib.suppress(OSError):
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(65_536)
                if not data:
                    return
                key.data.sendall(data)


@contextlib.contextmanager
def a_line_to(address: str) -> Iterator[Line]:
    line = Line(("", 0))
    line.lead_to(address)
    threading.Thread(target=line.run, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
