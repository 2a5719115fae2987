"""The exchange when its PostgreSQL fails over, while people trade."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import trio

from tests.adapters.serving import ROOT, Caller, serving, until, venue
from tests.pairs import primary_and_standby

UNDECIDED = 503


class Trader(threading.Thread):
    """Places one order after another, and each again under its name until it is answered."""

    def __init__(self, address: str, who: Caller, market_id: str) -> None:
        super().__init__()
        self.address, self.who, self.market_id = address, who, market_id
        self.acknowledged: dict[str, float] = {}
        """When each order was, by its id."""
        self.is_over = threading.Event()

    def run(self) -> None:
        with httpx.Client(base_url=self.address, timeout=60) as http:
            caller = Caller(http, self.who.token, self.who.user_id)
            while not self.is_over.is_set():
                name = f"order-{len(self.acknowledged)}"
                while (answer := caller.place(self.market_id, "BUY YES 1 @1", name)).status == UNDECIDED:
                    self.is_over.wait(0.05)
                assert answer.code == 0, answer.envelope
                self.acknowledged[answer.data["order"]["id"]] = time.monotonic()


async def test_what_was_acknowledged_before_a_failover_is_there_after_it(tmp_path: Path) -> None:
    async with primary_and_standby() as pair:
        with serving(pair.url, tmp_path) as server, httpx.Client(base_url=server.address) as http:
            await pair.be_synchronous()
            the_venue = venue(server.address, http)
            trader = Trader(server.address, the_venue.user(1_000_000), the_venue.market())
            trader.start()
            try:
                until(lambda: len(trader.acknowledged) >= 20)
                pair.primary.kill()
                await pair.promote()
                before = len(trader.acknowledged)
                await trio.to_thread.run_sync(until, lambda: len(trader.acknowledged) >= before + 20)
            finally:
                trader.is_over.set()
                trader.join()
            with httpx.Client(base_url=server.address) as again:
                ann = Caller(again, trader.who.token, trader.who.user_id)
                resting = [ann.data(f"/orders/{order_id}")["order"] for order_id in trader.acknowledged]
                until(lambda: again.get("/ready").status_code == 200)  # the tables have caught up, too
            assert [order["status"] for order in resting] == ["OPEN"] * len(resting)
            assert len({order["client_order_id"] for order in resting}) == len(resting)
            assert server.stop() == 0
        verified = subprocess.run(
            [sys.executable, "-m", "adapters.cli", "replay", "--verify"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": pair.url, "VERDICT_DATA": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stderr
