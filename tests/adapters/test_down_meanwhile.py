"""What became due while the server was down happens before the next request, and makers come first."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.adapters.serving import Caller, database_for, serving, venue


def test_a_start_catches_up_and_lets_makers_come_first(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """An order whose time was over in the night is gone, and nobody takes before the quotes are new."""
    with database_for(server_url, template) as url:
        with serving(url, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
            there = venue(server.address, http)
            ann, ben, market = there.user(100_000), there.user(100_000), there.market()
            assert there.admin.data(f"/markets/{market}")["trading_mode"] == "NORMAL"
            expires_at = datetime.now(UTC) + timedelta(seconds=4)
            gone = ann.placed(
                market, "BUY YES 50 @40", time_in_force="GTD", expires_at=expires_at.isoformat()
            )["order"]
            assert (gone["status"], gone["frozen_amount"]) == ("OPEN", 2004)
            assert ann.data("/account/balance")["frozen_balance_cents"] == 2004
            ann.placed(market, "BUY NO 10 @48")
            server.stop()
        time.sleep(max(0.0, (expires_at - datetime.now(UTC)).total_seconds()))
        with (
            serving(url, tmp_path, VERDICT_RESTART_POST_ONLY_MS="3000") as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            ann, ben = Caller(http, ann.token), Caller(http, ben.token)
            row = ben.data(f"/markets/{market}")
            assert row["trading_mode"] == "POST_ONLY"
            for taking in ({}, {"time_in_force": "IOC"}):
                refused = ben.place(market, "BUY YES 10 @52", **taking)
                assert refused.verdict == (422, 3008)
                assert refused.data == {"trading_mode": "POST_ONLY"}
            ben.placed(market, "BUY YES 10 @51")
            order = ann.data(f"/orders/{gone['id']}")["order"]
            assert (order["status"], order["cancel_reason"]) == ("CANCELLED", "EXPIRED")
            assert order["updated_at"] < row["mode_until"]
            assert ann.data("/account/balance")["frozen_balance_cents"] == 481
            assert f'verdict_trading_mode{{market="{market}"}} 1' in httpx.get(server.metrics).text
            patience = time.monotonic() + 20
            while ben.data(f"/markets/{market}")["trading_mode"] != "NORMAL":
                assert time.monotonic() < patience, "the mode does not end"
                time.sleep(0.05)
            assert ben.placed(market, "BUY YES 10 @52")["order"]["status"] == "FILLED"
