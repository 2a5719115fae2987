"""Market-making orders over a crash, and what operators see of them beside the server."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.adapters.serving import ROOT, Caller, Venue, database_for, serving, venue
from tests.adapters.test_making_api import ORDERS, created, pay, running, tell, trail


def in_many_states(the_venue: Venue, ann: Caller) -> dict[str, str]:
    """An order in each state that one comes to without a worker, by its state."""
    market_id = the_venue.market()
    partly = created(ann, market_id)
    pay(ann, partly, 40_000)
    ready = created(ann, market_id, auto_start=False)
    pay(ann, ready, 100_000)
    found = {
        "payment_pending": created(ann, market_id),
        "payment_incomplete": partly,
        "created": ready,
        "running": running(ann, market_id),
        "paused": running(ann, market_id),
    }
    tell(ann, found["paused"], "pause")
    market_id = the_venue.market()
    for state in ("stopped", "refunded", "deleted"):
        found[state] = running(ann, market_id)
        tell(ann, found[state], "stop")
    for state in ("refunded", "deleted"):
        tell(ann, found[state], "withdraw", all=True, idempotency_key="all")
    tell(ann, found["deleted"], "delete")
    return found


def seen(ann: Caller, orders: dict[str, str]) -> list[Any]:
    return [
        ann.data("/account/balance"),
        ann.data(ORDERS, include_deleted=True, limit=100),
        *(ann.data(f"{ORDERS}/{order_id}/payment-state") for order_id in orders.values()),
        *(trail(ann, order_id) for order_id in orders.values()),
    ]


def test_orders_are_after_a_crash_what_they_were_before(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Also what is pinned, what was paid under which key, and what may be done now."""
    with database_for(server_url, template) as url:
        with serving(url, tmp_path) as server, httpx.Client(base_url=server.address) as http:
            the_venue = venue(server.address, http)
            ann = the_venue.user(1_000_000)
            orders = in_many_states(the_venue, ann)
            states = {item["order_id"]: item["state"] for item in seen(ann, orders)[1]["items"]}
            assert {state: states[order_id] for state, order_id in orders.items()} == {
                state: state for state in orders
            }
            before = seen(ann, orders)
            server.process.kill()
        with serving(url, tmp_path) as server, httpx.Client(base_url=server.address) as http:
            ann = Caller(http, ann.token, ann.user_id)
            assert seen(ann, orders) == before
            again = tell(ann, orders["refunded"], "withdraw", all=True, idempotency_key="all")
            assert again.data["repeated"] is True
            assert tell(ann, orders["paused"], "resume").data["order"]["state"] == "running"
            told = httpx.get(server.metrics).text
            assert 'verdict_mm_orders{state="running"} 2.0' in told
            assert (
                'verdict_mm_transitions_total{from="paused",reason="USER_REQUEST",to="running"} 1.0' in told
            )
            look_beside(url, tmp_path, ann, orders)


def look_beside(url: str, folder: Path, ann: Caller, orders: dict[str, str]) -> None:
    """What `verdict mm` prints while the server runs."""

    def mm(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "adapters.cli", "mm", *arguments],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url, "VERDICT_DATA": str(folder / "data")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    lines = mm("list", "--state", "stopped", "--user", ann.user_id).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[orders["stopped"], "stopped"]]
    shown = dict(
        line.split(maxsplit=1) for line in mm("show", orders["payment_incomplete"]).stdout.splitlines()
    )
    assert (shown["state"], shown["received_cash_cents"]) == ("payment_incomplete", "40000")
    entries = mm("events", orders["deleted"]).stdout.splitlines()
    assert len(entries) == len(trail(ann, orders["deleted"]))
    assert "stopped -> refunded  WITHDRAWN by USER" in entries[-2]
    for wrong in (("show", "nothing"), ("events", ann.user_id)):
        done = mm(*wrong)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
