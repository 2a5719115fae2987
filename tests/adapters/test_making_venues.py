"""An order whose money goes elsewhere, at a real server: what its owner sees, how people close its case."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

from adapters.cli.serve import Running
from adapters.cli.serve import running as served
from adapters.runtime.clock import Clock
from adapters.runtime.settings import load_settings
from kernel.answers import Refusal
from kernel.making_commands import StepMmVenue, VenueRules
from kernel.making_edges import MmAsset, MmDirection, MmStep
from tests.adapters.serving import ADMIN, PASSWORD, ROOT, Caller, Venue, database_for, venue
from tests.adapters.test_four_eyes import promote
from tests.adapters.test_making_api import ORDERS, create, created, pay, tell

ELSEWHERE = "elsewhere"


@attrs.frozen
class Scene:
    exchange: Running
    there: Venue
    ann: Caller
    url: str
    folder: Path

    def step(self, order_id: str, step: MmStep, leg: MmAsset | None = None, **more: Any) -> None:
        """What a worker says; from another thread than the exchange's."""
        server = self.exchange.server
        command = StepMmVenue(
            at=server.clock.now(),
            order_id=order_id,
            worker_id="w",
            direction=MmDirection.OUT,
            step=step,
            leg=leg,
            venue_rules=VenueRules(enabled=True, names=(ELSEWHERE,)),
            **more,
        )
        (outcome,) = trio.from_thread.run(server.actors.ask, command)
        assert not isinstance(outcome.answer, Refusal), outcome.answer

    def sent(self, market_id: str) -> str:
        """The id of an order whose money may have left."""
        order_id = created(self.ann, market_id, venue=ELSEWHERE)
        assert pay(self.ann, order_id, 100_000).data["order"]["state"] == "payment_complete"
        self.step(order_id, MmStep.BEGIN)
        self.step(order_id, MmStep.CALL, MmAsset.CASH)
        return order_id

    def mm(self, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "adapters.cli", "mm", *arguments, "--url", self.exchange.address],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": self.url, "VERDICT_DATA": str(self.folder / "data")},
            input=f"{password}\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def test_money_that_is_missed_is_found_by_people(server_url: str, template: str, tmp_path: Path) -> None:
    with database_for(server_url, template) as url:
        trio.run(serve, url, tmp_path)


async def serve(url: str, folder: Path) -> None:
    values = {
        "DATABASE_URL": url,
        "VERDICT_PORT": "0",
        "VERDICT_METRICS_PORT": "0",
        "VERDICT_MAKERS": "0",
        "VERDICT_RATE_LIMITS": "0",
        "VERDICT_DATA": str(folder / "data"),
        "VERDICT_ADMIN_USERNAME": ADMIN,
        "VERDICT_ADMIN_PASSWORD": PASSWORD,
        "VERDICT_MM_WITHDRAW_TO_EXCHANGE_ENABLED": "on",
        "VERDICT_MM_VENUES": ELSEWHERE,
    }
    async with served(load_settings(values), Clock()) as exchange:
        await trio.to_thread.run_sync(story, exchange, url, folder)


def story(exchange: Running, url: str, folder: Path) -> None:
    with httpx.Client(base_url=exchange.address, timeout=60) as http:
        there = venue(exchange.address, http, exchange.metrics)
        nobody = there.nobody
        nobody.post("/auth/register", username="second", email="s@example.org", password=PASSWORD)
        trio.from_thread.run(promote, url, "second")
        login = nobody.post("/auth/login", username="second", password=PASSWORD)
        second = Caller(http, login.data["access_token"], login.data["user"]["user_id"])
        registered = nobody.post("/auth/register", username="ann", email="a@example.org", password=PASSWORD)
        login = nobody.post("/auth/login", username="ann", password=PASSWORD)
        ann = Caller(http, login.data["access_token"], registered.data["user_id"])
        ann.deposit(1_000_000)
        scene, market_id = Scene(exchange, there, ann, url, folder), there.market()
        bounded(ann, market_id)
        lost = scene.sent(market_id)
        seen_by_its_owner(ann, lost)
        written_off(there, second, ann, lost)
        recovered_by_command(scene, scene.sent(market_id))


def bounded(ann: Caller, market_id: str) -> None:
    for members, field in (
        ({"venue": "nowhere"}, "venue"),
        ({"venue": ELSEWHERE, "required_cash_cents": 10_000_001}, "required_cash_cents"),
    ):
        refused = create(ann, market_id, **members)
        assert refused.verdict == (422, 7112)
        assert [each["field"] for each in refused.data["errors"]] == [field]


def seen_by_its_owner(ann: Caller, order_id: str) -> None:
    order = ann.data(f"{ORDERS}/{order_id}")
    assert (order["state"], order["location"], order["escrow"]["cash_cents"]) == ("withdrawing", "transit", 0)
    assert order["away"] == {"cash_cents": 100_000, "cash_display": "$1,000.00", "yes": 0, "no": 0}
    assert (order["equity_cents"], order["pnl_cents"]) == (100_000, 0)
    assert "movements" not in order
    making = ann.data("/account/balance")["market_making"]
    assert (making["cash_cents"], making["away_cents"], making["away_display"]) == (0, 100_000, "$1,000.00")
    stopped = tell(ann, order_id, "stop")
    assert (stopped.status, stopped.data["changed"]) == (202, True)
    assert stopped.data["order"]["pending_command"] == "STOP"
    again = tell(ann, order_id, "stop")
    assert (again.status, again.data["changed"]) == (202, False)


def written_off(there: Venue, second: Caller, ann: Caller, order_id: str) -> None:
    """Two administrators must say it, and until then nothing of it is paid to anybody."""
    path = f"/admin{ORDERS}/{order_id}"
    failed = there.admin.post(f"{path}/fail", reason="silence")
    assert failed.data["order"]["failure"]["reconcile_required"] is True
    assert there.admin.post(f"{path}/refund", reason="please").verdict == (409, 7109)
    assert "verdict_mm_reconcile_open 1.0" in there.told()
    (found,) = there.admin.data(f"/admin{ORDERS}", reconcile_required=True)["items"]
    assert found["order_id"] == order_id
    (movement,) = found["movements"]
    assert (movement["status"], movement["request_key"]) == ("UNKNOWN", f"mmw:{order_id}:CASH:1")
    wish = {"outcome": "WRITTEN_OFF", "evidence": "a letter", "reason": "lost"}
    assert ann.post(f"{path}/reconcile", **wish).verdict == (403, 1007)
    assert there.admin.post(f"{path}/reconcile", **wish | {"evidence": ""}).verdict == (400, 9004)
    assert there.admin.post(f"{path}/reconcile", **wish, observed_cash_cents=5).verdict == (400, 9004)
    proposed = there.admin.post(f"{path}/reconcile", **wish)
    assert (proposed.status, proposed.data["waits"], proposed.data["order"]["state"]) == (202, True, "failed")
    again = there.admin.post(f"{path}/reconcile", **wish)
    assert (again.status, again.data["changed"]) == (202, False)
    done = second.post(f"{path}/reconcile", **wish)
    assert (done.status, done.data["case"]["outcome"]) == (200, "WRITTEN_OFF")
    case = there.admin.data(path)["cases"][0]
    assert (case["proposed_by"], case["closed_by"]) == (there.admin.user_id, second.user_id)
    assert ann.data(f"{ORDERS}/{order_id}")["away"]["cash_cents"] == 0
    assert "verdict_mm_reconcile_open 0.0" in there.told()
    assert tell(ann, order_id, "delete").data["order"]["state"] == "deleted"


def recovered_by_command(scene: Scene, order_id: str) -> None:
    scene.there.admin.post(f"/admin{ORDERS}/{order_id}/fail", reason="silence")
    words = ("--evidence", "a letter", "--reason", "found")
    outcome = ("reconcile", order_id, "RECOVERED_TO_ESCROW", *words)
    for wrong in (
        scene.mm(*outcome, "--as", ADMIN, password="Wrong1password"),
        scene.mm(*outcome, "--as", ADMIN),
        scene.mm("reconcile", "nothing", *outcome[2:], "--as", ADMIN),
        scene.mm("reconcile", scene.ann.user_id, *outcome[2:], "--cash", "1", "--as", ADMIN),
        scene.mm(*outcome, "--cash", "1", "--as", "ann"),
    ):
        assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (1, "", 1), wrong
    first = scene.mm(*outcome, "--cash", "99000", "--as", ADMIN)
    assert (first.returncode, "another administrator" in first.stdout) == (0, True), first
    second = scene.mm(*outcome, "--cash", "99000", "--as", "second")
    assert second.stdout == "case 1 is closed; the order is stopped\n", second
    order = scene.ann.data(f"{ORDERS}/{order_id}")
    assert (order["state"], order["escrow"]["cash_cents"], order["pnl_cents"]) == ("stopped", 99_000, -1_000)
    assert tell(scene.ann, order_id, "withdraw", all=True, idempotency_key="all").status == 200
