"""The page in a browser: how soon one can use it, and what a long look at a busy market costs.

    verdict bench page [seconds] [--profile]     600 seconds of the busy market unless told otherwise

Real server, and Debian's Chromium, started anew for each first view. Then somebody who is signed in looks
at a market that changes its book 200 times a second and trades ten times. A long task is one in which the
page answers to nobody for more than 50 ms. Memory is what is left after the browser has looked for garbage.
With --profile it tells the functions in which the page spends the first seconds of that market.
"""

import contextlib
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from playwright.sync_api import CDPSession, Page, expect

from adapters.http.page_text import as_served
from adapters.http.web_page import FOLDER, KINDS
from bench.exchange import MARKET, PASSWORD, Served, deposit, registered, serving
from bench.measure import line, machine, section
from bench.soak import growth
from bench.stream import Stream, masked
from tests.web.visiting import Visitor, chromium

SECONDS: Final = 600.0
ROUNDS: Final = 5
UPDATES: Final = 200
"""Changes of the book a second."""
TRADES_EACH: Final = 22
"""Two orders of so many trade, one of each trader's."""
WAITING: Final = 60
"""So many orders are in the book."""
WARM_SECONDS: Final = 5.0
LOOKS: Final = 32
PROFILED_SECONDS: Final = 15.0
PROFILED_FUNCTIONS: Final = 15

FIRST_VIEW_MS: Final = 1_000
LONG_MS: Final = 50
GROWTH_MAX: Final = 1.10
BYTES_MAX: Final = 200_000

WATCH_FOR_ROWS: Final = """
window.firstView = new Promise((seen) => {
  new MutationObserver((_, observer) => {
    if (!document.querySelector('main a[href^="/markets/"]')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => seen(performance.now())));
  }).observe(document, {childList: true, subtree: true});
});
"""
"""The moment at which the first question stands there and has been painted."""

WATCH_FOR_TASKS: Final = """
window.slow = [];
window.heard = {frames: 0, levels: 0};
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.slow.push(duration);
}).observe({ entryTypes: ["longtask"] });
const Plain = WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    if (this.url.includes("/orderbook/")) this.addEventListener("message", ({ data }) => {
      window.heard.frames += 1;
      window.heard.levels += data.split("price_cents").length - 1;
    });
  }
};
"""


def main(seconds: float, *, profiled: bool) -> None:
    print(f"the page in a browser, on {machine()}")
    weigh()
    with serving() as served:
        first_views(served)
        with busy_market(served), chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script(WATCH_FOR_TASKS)
            visitor = Visitor(page, served.address)
            registered(served, "reader")
            visitor.remembered("reader", PASSWORD)
            visitor.open(f"/markets/{MARKET}")
            visitor.see("reader")
            expect(page.locator(".loading")).to_have_count(0)
            page.wait_for_timeout(WARM_SECONDS * 1000)
            if profiled:
                profile(page, min(seconds, PROFILED_SECONDS))
            look_at(page, seconds)


def weigh() -> None:
    files = [path for path in FOLDER.rglob("*") if path.suffix in KINDS]
    sizes = [len(as_served(path.read_bytes(), path.suffix)) for path in files]
    section("what it weighs")
    told(f"all {len(files)} files, uncompressed", sum(sizes), "bytes", BYTES_MAX)


def first_views(served: Served) -> None:
    section(f"from the address to the first question on the screen; {ROUNDS} browsers, each just started")
    took = []
    for _ in range(ROUNDS):
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script(WATCH_FOR_ROWS)
            page.goto(served.address)
            took.append(float(page.evaluate("() => window.firstView")))
    told("median", statistics.median(took), "ms", FIRST_VIEW_MS)
    told("longest", max(took), "ms", FIRST_VIEW_MS)


@contextlib.contextmanager
def busy_market(served: Served) -> Iterator[None]:
    """A process of its own makes the market busy, for as long as this lasts."""
    tokens = [registered(served, f"trader_{number}") for number in range(2)]
    for token in tokens:
        deposit(served, token, 20)
    process = multiprocessing.get_context("spawn").Process(
        target=trade, args=(served.host, served.port, tokens), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def trade(host: str, port: int, tokens: list[str]) -> None:
    """Bids and offers come and go at their times, whether or not the exchange was quick with those before."""
    streams = [Stream(host, port, token) for token in tokens]
    began, run = time.monotonic(), time.monotonic_ns()
    for number in range(sys.maxsize):
        time.sleep(max(0.0, began + number / UPDATES - time.monotonic()))
        pair = number // 2
        stream = streams[pair % 2]
        wish = cancel(run, pair - WAITING) if number % 2 else bid(run, pair)
        stream.socket.sendall(masked(msgspec.json.encode(wish | {"cid": number})))
        if number % UPDATES == 0:
            for each in streams:
                drain(each)


def bid(run: int, pair: int) -> dict[str, Any]:
    """One of the two bids for YES, the other for NO; now and then for a share at whatever it costs."""
    wish = {
        "op": "place",
        "client_order_id": f"{run}-{pair}",
        "market_id": MARKET,
        "side": ("YES", "NO")[pair % 2],
        "direction": "BUY",
    }
    if pair % TRADES_EACH == 0 or pair % TRADES_EACH == TRADES_EACH // 2:
        return wish | {"price_cents": 70, "quantity": 1, "time_in_force": "IOC"}
    return wish | {"price_cents": 49 - pair * 7 % 20, "quantity": 5 + pair % 40}


def cancel(run: int, pair: int) -> dict[str, Any]:
    """By name; what has traded away meanwhile cannot be cancelled, and need not be."""
    return {"op": "cancel", "market_id": MARKET, "client_order_id": f"{run}-{pair}"}


def drain(stream: Stream) -> None:
    """What was answered is of no interest, and must not fill the line."""
    stream.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while stream.socket.recv(1 << 20):
            pass
    stream.socket.setblocking(True)


def look_at(page: Page, seconds: float) -> None:
    section(f"a market with {UPDATES} changes of its book a second, for {seconds:,.0f} seconds")
    browser = page.context.new_cdp_session(page)
    slow: list[float] = []
    sizes: list[float] = []
    page.evaluate("() => { window.slow = []; window.heard = {frames: 0, levels: 0}; }")
    began = time.monotonic()
    for number in range(1, LOOKS + 1):
        page.wait_for_timeout(max(0.0, began + seconds * number / LOOKS - time.monotonic()) * 1000)
        slow += page.evaluate("() => window.slow.splice(0)")
        sizes.append(memory(browser))
        page.evaluate("() => window.slow.splice(0)")  # the search for garbage was ours
    heard, took = page.evaluate("() => window.heard"), time.monotonic() - began
    told("prices whose shares changed, each second", heard["levels"] / took, "prices")
    told("messages that told of them, each second", heard["frames"] / took, "messages")
    told(f"tasks of more than {LONG_MS} ms", len(slow), "tasks", 0)
    told("the longest of them", max(slow, default=0.0), "ms")
    told("memory in use at the end", sizes[-1], "MiB")
    told("the end beside the middle", growth(sizes) * 100, "%", GROWTH_MAX * 100)
    told("elements on the screen", page.evaluate("() => document.querySelectorAll('*').length"), "elements")


def memory(browser: CDPSession) -> float:
    """MiB that scripts and document have in use, without garbage."""
    browser.send("HeapProfiler.collectGarbage")
    return float(browser.send("Runtime.getHeapUsage")["usedSize"]) / 2**20


def profile(page: Page, seconds: float) -> None:
    section(f"where the page spends its time, of {seconds:.0f} seconds")
    browser = page.context.new_cdp_session(page)
    browser.send("Profiler.enable")
    browser.send("Profiler.start")
    page.wait_for_timeout(seconds * 1000)
    profile = browser.send("Profiler.stop")["profile"]
    frames = {node["id"]: node["callFrame"] for node in profile["nodes"]}
    spent: Counter[str] = Counter()
    for number, took in zip(profile["samples"], profile["timeDeltas"], strict=True):
        frame = frames[number]
        file = frame["url"].rpartition("/web/")[2]
        spent[f"{frame['functionName'] or 'nameless'} {file}:{frame['lineNumber'] + 1}"] += took
    for name, microseconds in spent.most_common(PROFILED_FUNCTIONS):
        line(name, microseconds / seconds / 10_000, "% of the time")


def told(what: str, value: float, unit: str, most: float | None = None) -> None:
    """A figure, with its target beside it."""
    line(
        what, value, unit, "" if most is None else f"at most {most:,.0f}{': MISSED' if value > most else ''}"
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    numbers = [float(one) for one in given if one != "--profile"]
    main(numbers[0] if numbers else SECONDS, profiled="--profile" in given)
