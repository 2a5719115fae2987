"""What the exchange's memory has let go of is answered as if it never had: by every route, to the byte."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx
import pytest
import trio

from tests.adapters.serving import Answer, Caller, ServerProcess, Venue, database_for, serving, until, venue
from tests.adapters.streaming import Client, connected
from tests.adapters.streaming import wish as wished

SECONDS = "3"
"""For which a closed order stays: some answers before that come from memory, unless the machine is slow."""


def in_memory(the_venue: Venue, what: str = "orders") -> int:
    """How many of them are."""
    (line,) = (line for line in the_venue.told().splitlines() if line.startswith(f"verdict_{what} "))
    return int(float(line.split()[1]))


def told(answer: Answer) -> tuple[int, int, str, Any]:
    """All of an answer but when it was given."""
    return answer.status, answer.code, answer.envelope["message"], answer.data


class Story:
    """Orders that ended in each way there is, and all that can be asked about them."""

    def __init__(self, the_venue: Venue) -> None:
        self.market = the_venue.market()
        self.ann, self.ben, self.amm = the_venue.user(1_000_000), the_venue.user(1_000_000), the_venue.amm
        self.amm.deposit(1_000_000)
        self.wishes: dict[str, dict[str, Any]] = {}
        """By order id."""
        self.replaced: tuple[str, dict[str, Any]] = "", {}
        self.live = ""
        self.pairs: dict[str, Any] = {}
        """What mints and burns have in common."""

    def happen(self) -> None:
        ann, ben = self.ann, self.ben
        filled = self.place(ann, "filled", "BUY YES 10 @60")
        ben.placed(self.market, "BUY NO 10 @40")
        partly = self.place(ann, "partly", "BUY YES 10 @61")
        ben.placed(self.market, "BUY NO 4 @39")
        amended = self.place(ann, "amended", "BUY YES 9 @20", group_id="g")
        for change in ({"price_cents": 21}, {"quantity": 8}):
            assert ann.post(f"/orders/{amended}/amend", **change).code == 0
        for order_id in (partly, amended):
            assert ann.post(f"/orders/{order_id}/cancel").code == 0
        self.place(ann, "expired", "BUY YES 3 @2", time_in_force="IOC", max_cost_cents=100)
        self.place(ann, "sold", "SELL YES 3 @99", self_trade_mode="CANCEL_MAKER")
        assert ann.post("/orders/cancel", market_id=self.market, client_order_id="sold").code == 0
        self.live = ann.placed(self.market, "BUY YES 1 @1", client_order_id="live")["order"]["id"]
        assert filled
        old = self.amm.placed(self.market, "BUY YES 5 @10")["order"]["id"]
        new = {**self.wish("replacement", "BUY YES 5 @11"), "time_in_force": "GTC"}
        answer = self.amm.post("/amm/orders/replace", old_order_id=old, new_order=new)
        assert answer.code == 0, answer.envelope
        assert self.amm.post(f"/orders/{answer.data['new_order']['id']}/cancel").code == 0
        self.replaced = old, new
        self.pairs = {"market_id": self.market, "idempotency_key": f"pairs:{self.market}"}
        assert self.amm.post("/amm/mint", **self.pairs, quantity=5).code == 0
        assert self.amm.post("/amm/burn", **self.pairs, quantity=2).code == 0

    def wish(self, name: str, words: str, **more: Any) -> dict[str, Any]:
        direction, side, quantity, price = words.split()
        return {
            "client_order_id": name,
            "market_id": self.market,
            "side": side,
            "direction": direction,
            "price_cents": int(price.removeprefix("@")),
            "quantity": int(quantity),
            **more,
        }

    def place(self, caller: Caller, name: str, words: str, **more: Any) -> str:
        wish = self.wish(name, words, **more)
        if "group_id" in more:
            group = {"market_id": self.market, "group_id": more["group_id"]}
            assert caller.post("/orders/groups", **group, max_fill_quantity=9, window_ms=1_000).code == 0
        answer = caller.post("/orders", **wish)
        assert answer.verdict == (201, 0), answer.envelope
        order_id = str(answer.data["order"]["id"])
        self.wishes[order_id] = wish
        return order_id

    def heard(self) -> list[Any]:
        """Every answer about any of it. None of this changes anything."""
        answers: list[Answer] = []
        ann, ben = self.ann, self.ben
        for order_id, wish in self.wishes.items():
            name = {"market_id": self.market, "client_order_id": wish["client_order_id"]}
            answers += [
                ann.get(f"/orders/{order_id}"),
                ann.get(f"/orders/{order_id}/queue"),
                ann.get("/orders", client_order_id=wish["client_order_id"]),
                ann.get("/orders", client_order_id=wish["client_order_id"], status="FILLED"),
                ann.post(f"/orders/{order_id}/cancel"),
                ann.post(f"/orders/{order_id}/amend", quantity=3),
                ann.post("/orders/cancel", **name),
                ann.post("/orders/cancel", **name | {"market_id": "elsewhere"}),
                ann.post("/orders", **wish),
                ann.post("/orders", **wish | {"quantity": 1}),
                ann.post("/orders", **wish | {"price_cents": 3}),
                ben.get(f"/orders/{order_id}"),
                ben.post(f"/orders/{order_id}/cancel"),
                ben.post("/orders/cancel", **name),
            ]
            commands = [
                {"op": "place", **wish},
                {"op": "cancel", "order_id": order_id},
                {"op": "cancel", "order_id": wish["client_order_id"]},
                {"op": "cancel", **name},
                {"op": "amend", "order_id": order_id, "price_cents": 7},
                {"op": "amend", **name, "quantity": 7},
            ]
            answers += [
                self.batch(commands, atomic=False),
                self.batch(commands, atomic=True),
                *(self.batch([each], atomic=True) for each in commands),
            ]
        old, new = self.replaced
        for old_id, wish in (
            (old, new),
            (old, new | {"quantity": 6}),
            (self.live, new),
            (old, new | {"client_order_id": "another"}),
        ):
            answers.append(self.amm.post("/amm/orders/replace", old_order_id=old_id, new_order=wish))
        for path, quantity in (("/amm/mint", 5), ("/amm/mint", 4), ("/amm/burn", 2), ("/amm/burn", 5)):
            answers.append(self.amm.post(path, **self.pairs, quantity=quantity))
        return [*map(told, answers), *self.pages()]

    def batch(self, commands: list[dict[str, Any]], *, atomic: bool) -> Answer:
        where = {"market_id": self.market} if atomic else {}
        return self.ann.post("/orders/batch", atomic=atomic, commands=commands, **where)

    def pages(self) -> list[Any]:
        """The list, order by order: each cursor names one."""
        found: list[Any] = []
        cursor: dict[str, Any] | None = {}
        while cursor is not None:
            page = self.ann.data("/orders", limit=1, market_id=self.market, **cursor)
            found.append(page)
            cursor = {"cursor": page["next_cursor"]} if page["has_more"] else None
        return found

    async def by_stream(self, server: ServerProcess) -> list[Any]:
        """What commands are answered with, and what is told of it all to whoever resumes."""
        port = urlsplit(server.address).port
        assert port is not None
        results = []
        async with connected(port, token=self.ann.token) as client:
            for order_id, wish in self.wishes.items():
                name = {"market_id": self.market, "client_order_id": wish["client_order_id"]}
                commands = [{"op": "place", **wish}, {"op": "cancel", "order_id": wish["client_order_id"]}]
                batch = {"market_id": self.market, "atomic": True, "commands": commands}
                for op, members in (
                    ("place", wish),
                    ("place", wish | {"quantity": 2}),
                    ("cancel", {"order_id": order_id}),
                    ("cancel", name),
                    ("amend", {"order_id": order_id, "quantity": 4}),
                    ("amend", name | {"price_cents": 4}),
                    ("batch", batch),
                ):
                    result = await client.do(op, **members)
                    told = {key: result[key] for key in result if key not in ("cid", "seq")}
                    results.append((told["status"], told["code"], told))
            results += await self.pairs_by_stream(port)
            return [*results, *await self.told_again(client)]

    async def pairs_by_stream(self, port: int) -> list[Any]:
        async with connected(port, token=self.amm.token) as client:
            asked = [("mint", 5), ("mint", 6), ("burn", 2), ("burn", 1)]
            results = [await client.do(op, **self.pairs, quantity=count) for op, count in asked]
            said = [
                {key: value for key, value in one.items() if key not in ("cid", "seq")} for one in results
            ]
            return [(one["status"], one["code"], one) for one in said]

    async def told_again(self, client: Client) -> list[dict[str, Any]]:
        """All that was told of her orders and trades; the last was that one order of hers rests."""
        await client.do("resume", after=0, topics=["order_events", "trade_events"])
        events: list[dict[str, Any]] = []
        while not events or events[-1]["data"].get("order", {}).get("order_id") != self.live:
            message = await client.receive()
            if message["t"] == "event":
                events.append(message)
        return events


@pytest.fixture(scope="module")
def forgetful(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("server")
    with (
        database_for(server_url, template) as url,
        serving(url, folder, VERDICT_REMEMBER=SECONDS) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield server, venue(server.address, http, server.metrics)
        assert '"level":"error"' not in server.log.read_text(), "the server met something unexpected"


def test_every_route_answers_as_before(forgetful: tuple[ServerProcess, Venue]) -> None:
    """And what is placed by a new name, or is live, is not touched by any of it."""
    server, the_venue = forgetful
    story = Story(the_venue)
    story.happen()
    before = [*story.heard(), *trio.run(story.by_stream, server)]
    until(lambda: in_memory(the_venue) == 1 and in_memory(the_venue, "idempotency_keys") == 0)
    after = [*story.heard(), *trio.run(story.by_stream, server)]
    for one, other in zip(before, after, strict=True):
        assert other == one
    found = {answer[:2] for answer in after if isinstance(answer, tuple)}
    assert found == {(200, 0), (403, 1007), (404, 4004), (409, 4005), (409, 6006), (422, 4006), (422, 4014)}
    assert in_memory(the_venue) == 1
    assert story.ann.data(f"/orders/{story.live}")["order"]["status"] == "OPEN"
    for name in ("0193f1c2-5a77-7c1e-9f10-00000000beef", next(iter(story.wishes)).upper(), "none"):
        assert story.ann.get(f"/orders/{name}").verdict == (404, 4004)
        assert story.ann.post(f"/orders/{name}/cancel").verdict == (404, 4004)


MANY = 1_200
MINTS = 600
TOGETHER = 40


async def place_and_cancel(server: ServerProcess, token: str, market_id: str) -> dict[str, str]:
    """Their ids, by name."""
    port = urlsplit(server.address).port
    assert port is not None
    ids: dict[str, str] = {}
    async with connected(port, token=token) as client:
        for first in range(0, MANY, TOGETHER):
            names = [f"c-{number}" for number in range(first, first + TOGETHER)]
            placed = [
                {"cid": cid, "op": "place", **wished(market_id=market_id, client_order_id=name)}
                for cid, name in enumerate(names, 1_000)
            ]
            await client.send(*placed)
            results = await client.results(TOGETHER)
            ids |= {name: result["data"]["order"]["id"] for name, result in zip(names, results, strict=True)}
            orders = [result["data"]["order"]["id"] for result in results]
            await client.send(
                *({"cid": cid, "op": "cancel", "order_id": each} for cid, each in enumerate(orders, 1_000))
            )
            await client.results(TOGETHER)
    return ids


async def mint(server: ServerProcess, token: str, market_id: str) -> list[Any]:
    """What is answered to a mint of one pair for each of so many keys."""
    port = urlsplit(server.address).port
    assert port is not None
    told: list[Any] = []
    async with connected(port, token=token) as client:
        for first in range(0, MINTS, TOGETHER):
            await client.send(
                *(
                    {
                        "cid": cid,
                        "op": "mint",
                        "market_id": market_id,
                        "quantity": 1,
                        "idempotency_key": f"m-{cid}",
                    }
                    for cid in range(first, first + TOGETHER)
                )
            )
            told += [result["data"] for result in await client.results(TOGETHER)]
    return told


async def ask_again(server: ServerProcess, token: str, market_id: str, ids: dict[str, str]) -> None:
    port = urlsplit(server.address).port
    assert port is not None
    async with connected(port, token=token) as client:
        for name, order_id in ids.items():
            same = await client.place(market_id=market_id, client_order_id=name)
            assert (same["status"], same["data"]["order"]["id"]) == (200, order_id)
            other = await client.place(market_id=market_id, client_order_id=name, quantity=77)
            assert other["code"] == 4005


def verify(url: str, folder: Path) -> None:
    """The journal replays, and the tables are what it says."""
    said = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "replay", "--verify"],
        env=os.environ | {"DATABASE_URL": url, "VERDICT_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "the tables: ok\n" in said.stdout


def test_a_server_that_is_killed_while_it_forgets_goes_on_with_what_it_had_begun(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """In portions, so some have left and some have not; the journal, the tables and the names agree."""
    with database_for(server_url, template) as url:
        with (
            serving(url, tmp_path, VERDICT_REMEMBER="1") as server,
            httpx.Client(base_url=server.address) as http,
        ):
            the_venue = venue(server.address, http, server.metrics)
            ann, market_id = the_venue.user(1_000_000), the_venue.market()
            token, maker = ann.token or "", the_venue.amm.token or ""
            the_venue.amm.deposit(1_000_000)
            minted = trio.run(mint, server, maker, market_id)
            ids = trio.run(place_and_cancel, server, token, market_id)
            until(lambda: in_memory(the_venue) < MANY)
            server.process.kill()
        with (
            serving(url, tmp_path, VERDICT_REMEMBER="1") as server,
            httpx.Client(base_url=server.address) as http,
        ):
            some = dict(list(ids.items())[:: MANY // 20])
            trio.run(ask_again, server, token, market_id, some)
            after = venue(server.address, http, server.metrics)
            until(lambda: in_memory(after) == 0)
            trio.run(ask_again, server, token, market_id, some)
            until(lambda: in_memory(after, "idempotency_keys") == 0)
            assert [one | {"idempotent_hit": True} for one in minted] == trio.run(
                mint, server, maker, market_id
            )
            assert server.stop() == 0
        verify(url, tmp_path)


class Ended:
    """A market that is over, and all that can be asked about it."""

    def __init__(self, the_venue: Venue) -> None:
        self.market = the_venue.market()
        self.venue = the_venue
        self.ann, self.ben = the_venue.user(1_000_000), the_venue.user(1_000_000)
        self.cat = the_venue.user(1_000_000)
        for caller, wish in (
            (self.ann, "BUY YES 10 @60"),
            (self.ben, "BUY NO 10 @40"),
            (self.cat, "BUY YES 1 @3"),
            (self.ann, "SELL YES 4 @70"),
            (self.cat, "BUY YES 4 @70"),
        ):
            caller.placed(self.market, wish)
        answer = the_venue.admin.post(f"/admin/markets/{self.market}/resolve", resolution_result="YES")
        assert answer.code == 0, answer.envelope

    def heard(self) -> list[Any]:
        answers: list[Answer] = []
        for caller in (self.ann, self.ben, self.cat):
            answers += [
                caller.get("/positions"),
                caller.get("/positions", has_volume="false"),
                caller.get("/positions", has_volume="false", market_id=self.market),
                caller.get(f"/positions/{self.market}"),
                caller.get("/account/portfolio"),
                caller.get("/account/portfolio/history"),
                caller.get("/orders", market_id=self.market),
                caller.get("/trades", market_id=self.market),
                caller.get("/account/ledger", market_id=self.market),
                caller.place(self.market, "BUY YES 1 @50", client_order_id="late"),
                caller.post("/orders/cancel-all", market_id=self.market),
            ]
        admin = self.venue.admin
        answers += [
            admin.get("/markets"),
            *(
                admin.get(f"/markets/{self.market}{what}")
                for what in ("", "/orderbook", "/trades", "/activity")
            ),
            admin.get(f"/markets/{self.market}/candles", interval="1h"),
            *(admin.get(f"/admin/markets/{self.market}{what}") for what in ("", "/stats")),
            admin.post(f"/admin/markets/{self.market}/settle"),
            admin.post(f"/admin/markets/{self.market}/resolve", resolution_result="NO"),
            self.venue.amm.get("/amm/markets"),
            self.venue.amm.post("/amm/mint", market_id=self.market, quantity=1, idempotency_key="late"),
        ]
        return [without_place(told(answer)) for answer in answers]

    async def by_stream(self, server: ServerProcess) -> list[Any]:
        """The view of the market, as each of them has it."""
        port = urlsplit(server.address).port
        assert port is not None
        views = []
        for caller in (self.ann, self.ben, self.cat):
            async with connected(port, token=caller.token) as client:
                view = await client.do("sync", market_id=self.market)
                views.append(without_place(view["data"]))
        return views


def without_place(said: Any) -> Any:
    """But for how far the journal was."""
    if isinstance(said, dict):
        return {key: without_place(value) for key, value in said.items() if key != "as_of_seq"}
    return tuple(map(without_place, said)) if isinstance(said, tuple | list) else said


def test_of_a_market_that_is_over_all_is_told_as_before(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Its positions have left memory, also across a restart; and who traded elsewhere keeps what is there."""
    with database_for(server_url, template) as url:
        with (
            serving(url, tmp_path, VERDICT_REMEMBER="5") as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            the_venue = venue(server.address, http, server.metrics)
            ended, still = Ended(the_venue), the_venue.market()
            for caller in (ended.ann, ended.cat):
                caller.placed(still, "BUY YES 2 @20")
            ended.ben.placed(still, "BUY NO 3 @80")
            before = [*ended.heard(), *trio.run(ended.by_stream, server)]
            done = 'verdict_commands_total{kind="ForgetPositions",result="ok"}'
            until(lambda: done in the_venue.told())
            after = [*ended.heard(), *trio.run(ended.by_stream, server)]
            for one, other in zip(before, after, strict=True):
                assert other == one
            server.process.kill()
        with (
            serving(url, tmp_path, VERDICT_REMEMBER="5") as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            again = venue(server.address, http, server.metrics)
            ended.venue = again
            for name in ("ann", "ben", "cat"):
                setattr(ended, name, attrs.evolve(getattr(ended, name), http=http))
            after = [*ended.heard(), *trio.run(ended.by_stream, server)]
            for one, other in zip(before, after, strict=True):
                assert other == one
            assert server.stop() == 0
        verify(url, tmp_path)
