"""Market-making orders for a long while, with owners who change their minds: is each cent accounted for?

    verdict bench makers_soak [seconds] [owners]      600 seconds and 12 owners unless told otherwise

Real server and four workers, three of which are killed one after the other. Owners create orders and pay them
in parts, late or never; they pause, resume, withdraw, stop and delete at random, while others trade against
the quotes. Once a second the exchange's own checks are run. In the end everybody stops and takes everything
out: no order may be left over, and none may have gone without a cycle while it ran. It exits with 1 if
anything is wrong.
"""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs
import httpx

from bench.exchange import Served, logged_in, serving
from bench.makers import ADMIN, SETTINGS, Mover, user, working
from bench.measure import line, machine, section

SECONDS: Final = 600.0
OWNERS: Final = 12
TRADERS: Final = 2
MARKETS: Final = ("SOAK-1", "SOAK-2", "SOAK-3")
SEED: Final = 20_261_122
REFRESH_MS: Final = 2_000
PAYMENT_MS: Final = 5_000
LIVE: Final = 4
"""Orders that an owner has at once."""
STUCK_SECONDS: Final = 30.0
"""Without a cycle, in a market that trades: fifteen refresh intervals, and the lease of a dead worker."""
GENEROUS: Final = {
    "VERDICT_MM_PAYMENT_TIMEOUT_MS": str(PAYMENT_MS),
    "VERDICT_MM_CHANGES_PER_HOUR": "1000000",
    "VERDICT_MM_ORDERS_PER_USER": "1000000",
}
OPEN: Final = (
    "payment_pending",
    "payment_incomplete",
    "payment_complete",
    "created",
    "running",
    "paused",
    "stopped",
)
EXPECTED: Final = {7102, 7104, 7106, 7108, 2001, 5001, 4003, 4007, 4002, 4012, 4008}
"""Codes with which somebody who acts at random is refused."""


@attrs.define(eq=False)
class Soak:
    served: Served
    stop: threading.Event = attrs.field(factory=threading.Event)
    wrong: list[str] = attrs.field(factory=list)
    done: Counter[str] = attrs.field(factory=Counter)
    codes: Counter[int] = attrs.field(factory=Counter)
    audits: int = 0

    def tell(self, client: httpx.Client, what: str, path: str, **members: Any) -> Any:
        """Ask, and look at the answer; what it says if it is granted."""
        key = {"Idempotency-Key": f"k{random.getrandbits(60)}"}
        answer = client.post(path, json=members, headers=key if path.startswith("market-making") else {})
        code = answer.json()["code"]
        if code:
            self.codes[code] += 1
        else:
            self.done[what] += 1
        if answer.status_code >= 500 or (code and code not in EXPECTED):
            self.wrong.append(f"{what}: {answer.text[:200]}")
        return answer.json()["data"] if code == 0 else None

    def guard(self, work: Callable[..., None], *arguments: int) -> None:
        """Somebody's work in a thread, which would else fail unseen."""
        try:
            work(*arguments)
        except Exception as trouble:
            self.wrong.append(f"{work.__name__}: {trouble!r}")

    def newcomer(self, name: str) -> httpx.Client:
        """A user with money. To hash a password takes time: who comes with many others is told to wait."""
        while True:
            try:
                return user(self.served, name)
            except httpx.HTTPStatusError as busy:
                if busy.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise
                time.sleep(1)

    # Owners

    def own(self, number: int) -> None:
        chance = random.Random(SEED + number)
        with self.newcomer(f"soak_owner_{number}") as client:
            while not self.stop.wait(chance.uniform(0, 0.5)):
                orders = self.orders(client)
                live = [one for one in orders if one["state"] in OPEN]
                if len(live) < LIVE:
                    self.begin(client, chance)
                else:
                    self.change(client, chance, chance.choice(live if chance.random() < 0.9 else orders))
                self.look_for_stuck(orders)
            self.settle(client)

    def orders(self, client: httpx.Client) -> list[Any]:
        items: list[Any] = client.get("market-making/orders", params={"limit": 100}).json()["data"]["items"]
        return items

    def begin(self, client: httpx.Client, chance: random.Random) -> None:
        """Paid at once, in parts, too late or never."""
        wish = {
            "market_id": chance.choice(MARKETS),
            "required_cash_cents": 20_000,
            "refresh_interval_ms": REFRESH_MS,
            "order_qty": chance.randint(1, 20),
            "levels": chance.randint(1, 3),
            "max_loss_cents": 20_000,
        }
        made = self.tell(client, "create", "market-making/orders", **wish)
        if made is not None and chance.random() < 0.9:
            parts = chance.choice(((20_000,), (5_000, 15_000), (1, 9_999, 10_000), (5_000,)))
            for amount in parts:
                self.pay(client, made["order_id"], amount)
                self.stop.wait(chance.choice((0, 0, 0, PAYMENT_MS / 1_000)))

    def pay(self, client: httpx.Client, order_id: str, amount: int) -> None:
        path = f"market-making/orders/{order_id}/payments"
        self.tell(client, "pay", path, asset="CASH", amount=amount)

    def change(self, client: httpx.Client, chance: random.Random, order: Any) -> None:
        path = f"market-making/orders/{order['order_id']}"
        match chance.choice(
            ["pause", "pause", "resume", "resume", "withdraw", "some", "stop", "delete", "pay"]
        ):
            case "withdraw":
                merge = chance.random() < 0.5
                self.tell(client, "withdraw", f"{path}/withdraw", all=True, merge_pairs=merge)
            case "some":
                self.tell(
                    client,
                    "withdraw",
                    f"{path}/withdraw",
                    amount_cents=chance.randint(1, 3_000),
                    pause_first=True,
                )
            case "pay":
                self.pay(client, order["order_id"], 20_000)
            case control:
                self.tell(client, control, f"{path}/{control}")

    def look_for_stuck(self, orders: list[Any]) -> None:
        now = datetime.now(UTC)
        for one in orders:
            if one["state"] == "running":
                since = max(
                    moment(one["updated_at"]),
                    moment((one["last_cycle"] or {}).get("at") or one["created_at"]),
                )
                if (now - since).total_seconds() > STUCK_SECONDS:
                    self.wrong.append(f"{one['order_id']} had no cycle since {since}")

    def settle(self, client: httpx.Client) -> None:
        """Everything is stopped and taken out; nothing may be left."""
        for one in self.orders(client):
            path = f"market-making/orders/{one['order_id']}"
            if one["state"] in OPEN:
                self.tell(client, "stop", f"{path}/stop")
                if client.get(path).json()["data"]["state"] == "stopped":
                    self.tell(client, "withdraw", f"{path}/withdraw", all=True)
        for one in self.orders(client):
            if one["state"] not in ("refunded", "deleted"):
                self.wrong.append(f"{one['order_id']} is left over, {one['state']}")
        away = client.get("account/balance").json()["data"]["market_making"]
        if away["orders"] or away["cash_cents"]:
            self.wrong.append(f"left in accounts of orders: {away}")

    # Others

    def trade(self, number: int) -> None:
        chance = random.Random(SEED - 1 - number)
        with self.newcomer(f"soak_trader_{number}") as client:
            while not self.stop.wait(chance.uniform(0, 0.2)):
                wish = {
                    "market_id": chance.choice(MARKETS),
                    "side": chance.choice(["YES", "NO"]),
                    "direction": "BUY",
                    "price_cents": chance.randint(45, 60),
                    "quantity": chance.randint(1, 15),
                    "time_in_force": "IOC",
                    "client_order_id": f"t{number}-{chance.getrandbits(50)}",
                }
                self.tell(client, "trade", "orders", **wish)

    def move(self) -> None:
        chance = random.Random(SEED)
        with self.newcomer("soak_mover") as client:
            mover = Mover(client)
            while not self.stop.wait(chance.uniform(0, 1)):
                with contextlib.suppress(httpx.HTTPStatusError):  # what was to be cancelled was traded
                    mover.move(chance.choice(MARKETS))

    def audit(self) -> None:
        with self.served.client(logged_in(self.served, ADMIN)) as client:
            while not self.stop.wait(1.0):
                self.look(client)

    def look(self, client: httpx.Client) -> None:
        answer = client.post("admin/verify-invariants")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            self.done[f"audit put off: {answer.json()['message']}"] += 1
            return
        data = answer.raise_for_status().json()["data"]
        self.wrong += [f"{one['name']}: {one}" for one in data["checks"] if not one["passed"]]
        self.audits += 1


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def begin_markets(served: Served) -> None:
    with served.client(logged_in(served, ADMIN)) as client:
        for market_id in MARKETS:
            client.post(
                "admin/markets", json={"id": market_id, "title": f"Will {market_id} be?"}
            ).raise_for_status()
            client.post(f"admin/markets/{market_id}/activate").raise_for_status()


@contextlib.contextmanager
def beside(*works: Callable[[], None]) -> Iterator[None]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def main(seconds: float, owners: int) -> int:
    print(f"{owners} owners, {len(MARKETS)} markets on {machine()}")
    with serving(**SETTINGS, **GENEROUS) as served:
        begin_markets(served)
        soak = Soak(served)
        works = [partial(soak.guard, soak.move), partial(soak.guard, soak.audit)]
        works += [partial(soak.guard, soak.own, number) for number in range(owners)]
        works += [partial(soak.guard, soak.trade, number) for number in range(TRADERS)]
        with working(served) as workers, beside(*works):
            for worker in workers[1:]:
                time.sleep(seconds / len(workers))
                os.kill(worker, signal.SIGKILL)
            time.sleep(seconds / len(workers))
            soak.stop.set()
        with served.client(logged_in(served, ADMIN)) as client:
            soak.look(client)
        section(f"over {seconds:.0f} s")
        for what, count in soak.done.most_common():
            line(what, count, "times")
        for code, count in soak.codes.most_common():
            line(f"refused with {code}", count, "times")
        line("audits", soak.audits, "")
    for one in soak.wrong[:20]:
        print(f"  WRONG: {one}")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else SECONDS, int(given[1]) if len(given) > 1 else OWNERS))
