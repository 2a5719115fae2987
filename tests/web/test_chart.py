"""The chart by itself: a part that is given plain values. Here an hour with trades in every other minute."""

import re
from typing import Final

from playwright.sync_api import Locator, expect

from tests.web.visiting import Visitor

DRAW: Final = """
async ({count, last}) => {
  const {createChart} = await import("/web/chart/chart.js");
  const {draw} = await import("/web/draw/dom.js");
  const {drawChanges} = await import("/web/store/store.js");
  const MINUTE = 60_000;
  const from = Date.parse("2026-11-22T09:00:00Z");
  const items = Array.from({length: count}, (_, index) => {
    const [price, trades] = index % 2 === 0 ? [40 + index / 2, 3] : [null, 0];
    const at = from + index * MINUTE;
    const prices = {open: price, high: price, low: price, close: price, bid: 39, ask: 72};
    return {at, ...prices, volume: trades * 7, trades, isFinal: true};
  });
  const place = document.createElement("section");
  place.id = "alone";
  document.body.prepend(place);
  const chart = createChart(() => {});
  function redraw() {
    const past = {items, length: MINUTE, from, to: from + 60 * MINUTE};
    draw(place, chart.view({ranges: [{name: "1h", title: "1 h"}], range: "1h", past, last}));
  }
  drawChanges(redraw);
  redraw();
}
"""


def drawn(visitor: Visitor, count: int, last: int | None) -> Locator:
    visitor.open("/login")
    visitor.page.evaluate(DRAW, {"count": count, "last": last})
    chart = visitor.page.get_by_role("slider", name="Price of YES over time")
    expect(chart.locator("svg").first).to_be_visible()
    return chart


def test_the_keys_read_each_interval(visitor: Visitor) -> None:
    chart = drawn(visitor, 60, 70)
    expect(chart).to_have_attribute("aria-valuenow", "59")
    chart.focus()
    for key, index, says in (
        ("ArrowLeft", 58, "10:58: 69¢, bid 39¢, ask 72¢, 21 shares in 3 trades"),
        ("ArrowLeft", 57, "10:57: 68¢, bid 39¢, ask 72¢, no trades"),
        ("PageDown", 47, "10:47: 63¢"),
        ("Home", 0, "10:00: 40¢"),
        ("ArrowLeft", 0, "10:00: 40¢"),
        ("ArrowRight", 1, "10:01: 40¢, bid 39¢, ask 72¢, no trades"),
        ("End", 59, "10:59: 69¢"),
    ):
        visitor.page.keyboard.press(key)
        expect(chart).to_have_attribute("aria-valuenow", str(index))
        expect(chart).to_have_attribute("aria-valuetext", re.compile(re.escape(says)))
        expect(chart.locator(".chart-cross")).to_have_count(1)
    visitor.page.keyboard.press("Escape")
    expect(chart.locator(".chart-cross")).to_have_count(0)


def test_a_pointer_reads_what_lies_under_it(visitor: Visitor) -> None:
    chart = drawn(visitor, 60, 70)
    box = chart.bounding_box()
    assert box is not None
    width = box["width"] - 44  # the prices stand at the right
    visitor.page.mouse.move(box["x"] + width * 20.8 / 60, box["y"] + 50)
    expect(visitor.page.locator(".chart-values")).to_contain_text("Nov 22, 10:20")
    expect(visitor.page.locator(".chart-values")).to_contain_text("50¢ · 50%")
    visitor.page.mouse.move(1, 1)
    expect(visitor.page.locator(".chart-values")).to_contain_text("70¢ · 70%")


def test_the_picture_follows_the_room_it_has(visitor: Visitor) -> None:
    chart = drawn(visitor, 60, 70)
    for width in (1000, 420):
        visitor.page.set_viewport_size({"width": width, "height": 700})
        expect(chart.locator("> svg")).to_have_attribute("width", str(width_of(chart)))
    line = chart.locator("path.chart-line").first.get_attribute("d")
    assert line is not None
    assert line.count("V") == 30


def width_of(chart: Locator) -> int:
    width: int = chart.evaluate("element => element.clientWidth")
    return width


def test_where_nobody_has_traded_it_says_so(visitor: Visitor) -> None:
    chart = drawn(visitor, 0, None)
    expect(chart).to_contain_text("No trades yet")
    expect(chart.locator(".chart-tag-text")).to_have_count(0)
    expect(drawn(visitor, 0, 55)).to_contain_text("No trades in this time")
