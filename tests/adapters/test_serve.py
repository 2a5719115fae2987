"""`verdict serve` as an operator knows it: it starts, survives a restart, and stops in good order."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import trio

from adapters.cli.serve import running
from adapters.cli.storage import LAST_SEAL_SECONDS
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings, load_settings
from kernel.commands import OpenAccount
from kernel.journal import JournalError
from persistence.journal.recovery import recover
from persistence.postgres import database
from persistence.postgres.locks import Lock
from persistence.tables.users import Users
from tests.adapters.serving import (
    ADMIN,
    PASSWORD,
    ROOT,
    Caller,
    Venue,
    database_for,
    serving,
    until,
    venue,
)
from tests.adapters.streaming import connected
from tests.database import fresh
from tests.proxy import Proxy, proxied


def test_health_ready_and_metrics(the_venue: Venue) -> None:
    http = the_venue.http
    health = http.get("/health")
    assert (health.status_code, health.json()) == (200, {"status": "ok", "version": "0.1.0"})
    until(lambda: http.get("/ready").json()["projector_lag"] == 0)
    ready = http.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    ann = the_venue.user(100)
    ann.placed(the_venue.market(), "BUY YES 1 @50")
    ann.place("nowhere", "BUY YES 1 @50")
    metrics = the_venue.told()
    for line in (
        r'verdict_commands_total\{kind="PlaceOrder",result="ok"\} \d',
        r'verdict_commands_total\{kind="PlaceOrder",result="3001"\} \d',
        r'verdict_http_request_seconds_count\{method="POST",path="/orders",status="201"\} \d',
        r"verdict_journal_commit_events_count \d",
        r"verdict_journal_head \d",
        r"verdict_journal_backlog_turns 0",
        r"verdict_projector_lag_events \d",
        r'verdict_inbox_requests\{market="MKT-BTC-100K-2026"\} 0',
        r'verdict_book_shares\{market="MKT-BTC-100K-2026",side="bid"\} \d',
        r'verdict_websocket_clients\{kind="feeds"\} \d',
        r"verdict_resident_bytes \d",
        r'verdict_kernel_info\{form="interpreted"\} 1',
    ):
        assert re.search(f"^{line}", metrics, re.MULTILINE), line


async def test_the_page_about_monitoring_names_every_number_there_is(the_venue: Venue) -> None:
    """Each by the name under which a monitor finds it, and none that is not there."""
    ann = the_venue.user(1000)
    async with connected(int(the_venue.address.rpartition(":")[2]), token=ann.token) as stream:
        placed = await stream.place(market_id="MKT-BTC-100K-2026", price_cents=1, quantity=1)
        assert placed["status"] == 201
    page = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
    told = the_venue.told()
    assert re.findall(r"^\| `(verdict_\w+)` ", page, re.MULTILINE)
    assert set(re.findall(r"^\| `(verdict_\w+)` ", page, re.MULTILINE)) == set(
        re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE)
    )
    numbers = {line.split()[0]: float(line.split()[1]) for line in told.splitlines() if line[0] != "#"}
    assert numbers["verdict_stream_submission_seconds_count"] >= 1
    assert numbers["verdict_journal_commits_total"] >= numbers["verdict_journal_commit_seconds_count"] >= 1
    assert numbers["verdict_journal_bytes_total"] > 100 * numbers["verdict_journal_commits_total"]
    assert numbers["verdict_journal_writable"] == 1
    assert numbers["verdict_connections"] >= 1
    assert numbers["verdict_orders"] >= 1


def test_the_log_tells_of_each_market_that_stops_and_why(the_venue: Venue, tmp_path: Path) -> None:
    """Also of one that pauses by itself because its price moved too far."""
    ann, ben = the_venue.user(1_000), the_venue.user(1_000)
    market = the_venue.market(halt_move_cents=8, halt_pause_ms=0)
    for price in (50, 58):
        ann.placed(market, f"BUY YES 1 @{price}")
        ben.placed(market, f"BUY NO 1 @{100 - price}")
    server_log = next(Path(tmp_path).parent.glob("server*/server-*.log"))
    until(lambda: "a market was stopped" in server_log.read_text())
    lines = [json.loads(line) for line in server_log.read_text().splitlines() if market in line]
    (line,) = [line for line in lines if line["event"] == "a market was stopped"]
    assert (line["level"], line["market"], line["trigger"]) == ("warning", market, "VOLATILITY")
    assert (line["context"]["lowest_cents"], line["context"]["highest_cents"]) == (50, 58)


def test_the_log_tells_requests_by_their_ids_and_no_secret(the_venue: Venue, tmp_path: Path) -> None:
    """Every line is a JSON object; tokens and passwords are in none."""
    answer = the_venue.admin.get("/account/balance")
    server_log = next(Path(tmp_path).parent.glob("server*/server-*.log"))
    until(lambda: answer.envelope["request_id"] in server_log.read_text())
    lines = [json.loads(line) for line in server_log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == answer.envelope["request_id"]]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/account/balance", 200)
    assert [line["kernel"] for line in lines if line["event"] == "recovered"] == ["interpreted"]
    assert PASSWORD not in server_log.read_text()
    assert str(the_venue.admin.token) not in server_log.read_text()


def test_a_restart_keeps_everything_tokens_included(server_url: str, template: str, tmp_path: Path) -> None:
    """Without a configured key the server makes one, which only its owner may read, and keeps it."""
    with database_for(server_url, template) as url:
        with (
            serving(url, tmp_path, VERDICT_JWT_SECRET="") as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            login = Caller(http).post("/auth/login", username=ADMIN, password=PASSWORD)
            token = login.data["access_token"]
            admin = Caller(http, token)
            admin.deposit(1000)
            before = admin.data("/account/balance")
            order = admin.placed("MKT-BTC-100K-2026", "BUY YES 1 @50", client_order_id="keep")["order"]
            assert server.stop() == 0
            assert "wrote a snapshot" in server.log.read_text()
        key = tmp_path / "data" / "jwt_secret"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert len(key.read_text()) == 64
        with (
            serving(url, tmp_path, VERDICT_JWT_SECRET="") as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            admin = Caller(http, token)
            after = admin.data("/account/balance")
            assert after["total_balance_cents"] == before["total_balance_cents"]
            again = admin.place("MKT-BTC-100K-2026", "BUY YES 1 @50", client_order_id="keep")
            assert (again.status, again.data["order"]) == (200, order)
            assert server.stop(signal.SIGINT) == 0


def test_a_start_finishes_what_a_crash_left_half_done(server_url: str, template: str, tmp_path: Path) -> None:
    """A user whose row is there and whose account is not gets it at the next start, or at the next login."""

    async def add(url: str, name: str) -> str:
        async with database.opened(url) as db:
            user = await Users(db).add(name, f"{name}@example.org", "!", "USER")
            assert not isinstance(user, str)
            return user.id

    with database_for(server_url, template) as url:
        early = trio.run(add, url, "early")
        with (
            serving(url, tmp_path) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            there = venue(server.address, http)
            accounts = there.admin.post("/admin/verify-invariants").data["checks"][0]["details"]["checked"]
            assert accounts["accounts"] == 5, "three of the system's, the administrator, and the early user"
            assert early


@pytest.mark.alone
def test_a_change_by_another_program_counts_at_once(server_url: str, template: str, tmp_path: Path) -> None:
    """The database tells the server: nobody waits for a cache to grow old."""

    async def change(url: str, user_id: str, is_active: bool) -> None:
        async with database.opened(url) as db:
            assert await Users(db).set_active(user_id, is_active)

    async def promote(url: str, username: str) -> None:
        async with database.opened(url) as db:
            assert await Users(db).set_account_type(username, "ADMIN")

    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        there = venue(server.address, http)
        ann = there.user()
        assert ann.get("/account/balance").status == 200
        trio.run(change, url, ann.user_id, False)
        until(lambda: ann.get("/account/balance").verdict == (422, 1004), seconds=2)
        trio.run(change, url, ann.user_id, True)
        until(lambda: ann.get("/account/balance").verdict == (401, 1006), seconds=2)
        there.nobody.post("/auth/register", username="rising", email="r@example.org", password=PASSWORD)
        login = there.nobody.post("/auth/login", username="rising", password=PASSWORD)
        rising = Caller(http, login.data["access_token"])
        assert rising.post("/admin/verify-invariants").verdict == (403, 1007)
        trio.run(promote, url, "rising")
        until(lambda: rising.get("/account/balance").verdict == (401, 1006), seconds=2)
        login = there.nobody.post("/auth/login", username="rising", password=PASSWORD)
        rising = Caller(http, login.data["access_token"])
        assert rising.post("/admin/verify-invariants").status == 200


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Orders stream in from four clients; the server stops with 0 and has each of them when it is back."""
    acknowledged: list[str] = []

    def trade(address: str, token: str, name: str) -> None:
        with httpx.Client(base_url=address, timeout=30) as http:
            caller = Caller(http, token)
            for number in range(10_000):
                try:
                    answer = caller.place(
                        "MKT-BTC-100K-2026", "BUY YES 1 @10", client_order_id=f"{name}-{number}"
                    )
                except (httpx.TransportError, ValueError):
                    return
                if answer.status != 201:
                    return
                acknowledged.append(f"{name}-{number}")

    with database_for(server_url, template) as url:
        with (
            serving(url, tmp_path) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            admin = venue(server.address, http).admin
            admin.deposit(10_000_000)
            token = str(admin.token)
            clients = [
                threading.Thread(target=trade, args=(server.address, token, f"client{number}"))
                for number in range(4)
            ]
            for client in clients:
                client.start()
            until(lambda: len(acknowledged) > 100, seconds=30)
            assert server.stop() == 0
            for client in clients:
                client.join()
        with (
            serving(url, tmp_path) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            admin = Caller(http, token)
            known: set[str] = set()
            cursor: dict[str, str] = {}
            while True:
                page: dict[str, Any] = admin.data("/orders", status="OPEN", limit=100, **cursor)
                known.update(order["client_order_id"] for order in page["items"])
                if not page["has_more"]:
                    break
                cursor = {"cursor": page["next_cursor"]}
            assert set(acknowledged) <= known
            assert admin.post("/admin/verify-invariants").data["all_passed"] is True


async def test_a_start_that_takes_long_can_be_stopped(server_url: str, tmp_path: Path) -> None:
    """Here it waits for another program's upgrade of the schema; a long journal is the usual reason."""
    async with fresh(server_url) as url, database.opened(url) as db:
        connection = await db.connect()
        await connection.execute("SELECT pg_advisory_lock($1)", Lock.SCHEMA)
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "adapters.cli", "serve"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": url,
                "VERDICT_DATA": str(tmp_path),
                "VERDICT_PORT": "0",
                "VERDICT_METRICS_PORT": "0",
            },
        )
        try:
            with trio.fail_after(20):
                while not await connection.fetch_value("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await trio.sleep(0.01)
            process.terminate()
            with trio.fail_after(20):
                assert await process.wait() == 0
        finally:
            process.kill()


async def stop_in_an_outage(proxy: Proxy, settings: Settings) -> None:
    """With a command that was decided, and that no journal takes any more."""
    async with running(settings, Clock()) as exchange:
        proxy.is_open = False
        await proxy.cut_all()
        assert exchange.server.actors.submit([OpenAccount(at=0, user_id="ann")]) is not None


async def test_it_stops_also_when_the_journal_cannot_be_written(server_url: str, tmp_path: Path) -> None:
    """An outage may outlast everybody's patience. What waits was told to nobody, so it may be given up."""
    async with fresh(server_url) as url:
        async with proxied(url, tmp_path) as proxy:
            values = {
                "DATABASE_URL": proxy.url,
                "VERDICT_DATA": str(tmp_path),
                "VERDICT_ADMIN_PASSWORD": PASSWORD,
            }
            settings = load_settings(values | {"VERDICT_PORT": "0", "VERDICT_METRICS_PORT": "0"})
            with trio.fail_after(30), pytest.raises(JournalError, match="while the journal could not be"):
                await stop_in_an_outage(proxy, settings)
        async with database.opened(url) as db:
            recovered = await recover(db)
        assert recovered.audit() == []
        assert recovered.traders.get("ann") is None


async def test_it_stops_also_when_the_database_falls_silent_behind_the_last_command(
    server_url: str, tmp_path: Path
) -> None:
    """Everything is on the disk; what is left to file is the seal of it, and nobody answers that."""
    async with fresh(server_url) as url, proxied(url, tmp_path) as proxy:
        values = {
            "DATABASE_URL": proxy.url,
            "VERDICT_DATA": str(tmp_path),
            "VERDICT_ADMIN_PASSWORD": PASSWORD,
            "VERDICT_PORT": "0",
            "VERDICT_METRICS_PORT": "0",
            "VERDICT_MAKERS": "0",
        }
        with trio.fail_after(60), structlog.testing.capture_logs() as lines:
            async with running(load_settings(values), Clock()) as exchange:
                actors = exchange.server.actors
                (opened,) = await actors.ask(OpenAccount(at=actors.exchange.now, user_id="ann"))
                proxy.is_silent = True
                began = trio.current_time()
            assert trio.current_time() - began < LAST_SEAL_SECONDS + 15
        told = [line["event"] for line in lines if line["log_level"] == "warning"]
        assert told == ["stopped without sealing the journal's end or without a snapshot of it"]
        async with database.opened(url) as db:
            recovered = await recover(db)
        assert recovered.head == opened.seen


@pytest.mark.parametrize("setting", ["VERDICT_PORT", "VERDICT_METRICS_PORT"])
def test_an_address_that_is_taken_is_told_in_one_line(the_venue: Venue, tmp_path: Path, setting: str) -> None:
    port = the_venue.address.rpartition(":")[2]
    ports = {"VERDICT_PORT": "0", "VERDICT_METRICS_PORT": "0"} | {setting: port}
    ended = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "serve"],
        env={"PYTHONPATH": str(ROOT), "VERDICT_DATA": str(tmp_path)} | ports,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("verdict:")]
    assert f"127.0.0.1:{port}" in line
    assert setting in line
    assert not (tmp_path / "postgresql").exists(), "nothing else was started"


def test_other_origins_are_let_in_only_by_name(server_url: str, template: str, tmp_path: Path) -> None:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path, VERDICT_CORS_ORIGINS="https://friend.example") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        asked = {"Origin": "https://friend.example", "Access-Control-Request-Method": "POST"}
        preflight = http.options("/api/v1/orders", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://friend.example"
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        stranger = http.get("/api/v1/markets", headers={"Origin": "https://stranger.example"})
        assert "Access-Control-Allow-Origin" not in stranger.headers
        assert stranger.headers["Vary"] == "Origin"
        friend = http.get("/api/v1/markets", headers={"Origin": "https://friend.example"})
        assert friend.headers["Access-Control-Allow-Origin"] == "https://friend.example"
        assert "X-Journal-Id" in friend.headers["Access-Control-Expose-Headers"]


def test_clients_that_do_not_read_do_not_hold_up_the_end(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Their answers fill every buffer on the way; the server gives everybody ten seconds and goes."""
    with database_for(server_url, template) as url, serving(url, tmp_path) as server:
        host, _, port = server.address.removeprefix("http://").rpartition(":")
        with contextlib.ExitStack() as clients:
            for _ in range(3):
                client = clients.enter_context(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                client.connect((host, int(port)))
                client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
            http = httpx.get(f"{server.address}/health")
            assert http.status_code == 200, "others are served meanwhile"
            assert server.stop() == 0
