"""The report's parts: axes, paths, gaps, rows; and the command's own manners."""

import csv
import io
import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import attrs
import pytest

from adapters.cli.lab import run
from adapters.runtime.errors import CommandError
from amm.lab import figures
from amm.lab.jobs import Contender, do, plan
from amm.lab.plot import Band, Curve, Plot, shown, tenths, tick
from amm.lab.report import report
from amm.lab.scenario import CALM
from amm.lab.table import COLUMNS, dollars, rows


@pytest.mark.parametrize(
    ("span", "unit", "step"), [(5, 1, 1), (6, 1, 2), (1_000, 1, 200), (700, 100, 200), (3, 1_000, 10)]
)
def test_axes_are_cut_at_round_numbers(span: int, unit: int, step: int) -> None:
    assert tick(span, unit) == step


def test_numbers_are_written_from_whole_ones() -> None:
    assert [tenths(value) for value in (0, 7, 123, -4)] == ["0.0", "0.7", "12.3", "-0.4"]
    assert [shown(value, 100) for value in (0, 150, 5_000, -25, 123_456_700)] == [
        "0",
        "1.5",
        "50",
        "-0.25",
        "1,234,567",
    ]
    assert dollars(-1.0) == "0.00"


def test_a_gap_in_a_series_is_a_gap_in_its_line() -> None:
    line = Curve("bid", "#000", [(0, 1), (1, 2), (2, None), (3, 4), (4, 5)])
    drawn = Plot("t", 1, 0, 4, [line]).svg()
    path = drawn[drawn.index('class="line"') :]
    assert (path.count("M"), path.count("L")) == (2, 2)


def test_a_report_needs_nothing_else_and_says_what_the_table_says() -> None:
    scenario = attrs.evolve(CALM, hours=1)
    results = [do(job) for job in plan([Contender("a <b>", "naive")], scenario, [0, 100_000], [1, 2])]
    page = report(scenario, results)
    assert "a &lt;b&gt;" in page
    assert page.count("<svg") == 2 * 4  # four plots for the first seed of each informed share
    assert not any(outside in page for outside in ("http", "src=", "<link", "<script"))
    table = rows(results)
    assert [line[:2] for line in table] == [["a <b>", "0%"], ["a <b>", "10%"]]
    assert all(len(line) == len(COLUMNS) for line in table)
    assert all(cell.replace("<", "&lt;").replace(">", "&gt;") in page for line in table for cell in line)


def test_the_figures_beside_a_report_are_its_own() -> None:
    """Summed up they are the totals, the last of the course is the result, and no byte is left to chance."""
    scenario = attrs.evolve(CALM, hours=1)
    jobs = plan([Contender("naive", "naive")], scenario, [0, 100_000], [1, 2])
    results = [do(job) for job in jobs]
    document = json.loads(figures.summary(scenario, results))
    assert document["scenario"]["name"] == "calm"
    assert [list(row.values()) for row in document["table"]] == rows(results)
    assert [run["seed"] for run in document["runs"]] == [1, 2, 1, 2]
    fills = list(csv.DictReader(io.StringIO(figures.fills(results))))
    course = list(csv.DictReader(io.StringIO(figures.series(results))))
    for result, of_run in zip(results, document["runs"], strict=True):
        split = of_run["split"]
        assert of_run["gain"] == split["spread"] + split["adverse"] + split["inventory"] - split["fees"]
        assert (of_run["gain"], of_run["shares"]) == (result.split.gain, result.shares)
        mine = [str(one) for one in (result.maker, result.informed, result.seed)]
        sold = [line for line in fills if [line[name] for name in figures.RUN] == mine]
        assert sum(int(line["quantity"]) for line in sold) == (result.shares if result.points else 0)
        moments = [line for line in course if [line[name] for name in figures.RUN] == mine]
        assert len(moments) == len(result.points)
        if moments:
            assert int(moments[-1]["gain"]) == result.points[-1].split.gain
    again = [do(job) for job in jobs]
    for write in (figures.fills, figures.series):
        assert write(again) == write(results)
    assert figures.summary(scenario, again) == figures.summary(scenario, results)


def test_makers_on_the_same_flow_are_drawn_side_by_side() -> None:
    scenario = attrs.evolve(CALM, hours=1)
    contenders = [Contender("naive", "naive"), Contender("<lmsr>", "lmsr")]
    page = report(scenario, [do(job) for job in plan(contenders, scenario, [0, 100_000], [1])])
    assert page.count("<svg") == 2 * (1 + 2 * 4)  # for each informed share, one of both and four of each
    assert page.count("side by side on the same flow: 10% informed, seed 1</h3>") == 1
    both = page[page.index("side by side") :]
    assert both[: both.index("</svg>")].count('class="line"') == 2


def test_each_level_of_alarm_is_named_once_and_drawn_where_it_was() -> None:
    bands = [Band("wider", 0, 2, "#fff1c2"), Band("paused", 2, 3, "#d0d7de"), Band("wider", 3, 4, "#fff1c2")]
    plot = Plot("t", 1, 0, 4, [], bands=bands)
    assert plot.legend().count("wider") == plot.legend().count("paused") == 1
    assert plot.svg().count("<rect") == 3


def test_how_far_and_how_late_a_quote_follows_is_that_of_all_seeds_together() -> None:
    """One seed went 3 of 4 on the truth's way, the other 1 of 4; both are nearest to it 2 minutes later."""
    result = do(plan([Contender("naive", "naive")], attrs.evolve(CALM, hours=1), [0], [1])[0])
    late = (9, 8, 1, *[9] * 9)
    group = [attrs.evolve(result, followed=way, strayed=4, late=late) for way in (3, 1)]
    titles = [column.title for column in COLUMNS]
    line = dict(zip(titles, rows(group)[0], strict=True))
    assert (line["follows"], line["late min"]) == ("0.50", "2")


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adapters.cli", "lab", "--hours", "1", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_configurations_meet_the_same_flow(tmp_path: Path) -> None:
    narrow, wide, page = tmp_path / "narrow.toml", tmp_path / "wide.toml", tmp_path / "page.html"
    narrow.write_text("[exploration]\nspread = 3\n")
    wide.write_text("[exploration]\nspread = 9\n")
    flow = ("--scenario", "thin", "--collar", "20")
    done = lab(*flow, "--compare", str(narrow), str(wide), "--report", str(page))
    assert done.returncode == 0, done.stderr
    head, *lines, last = done.stdout.splitlines()
    assert head.split()[:2] == ["maker", "informed"]
    assert [line.split()[0] for line in lines] == [str(narrow), str(wide)]
    assert last == f"report: {page}, and its figures beside it: .json, .csv, -fills.csv"
    assert page.read_text().startswith("<!doctype html>")
    document = json.loads((tmp_path / "page.json").read_text())
    assert document["scenario"]["collar_cents"] == 20
    assert [list(row.values()) for row in document["table"]] == [line.split() for line in lines]
    assert {path.name for path in tmp_path.glob("page*.csv")} == {"page.csv", "page-fills.csv"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--config", "nowhere.toml"], "verdict: cannot read nowhere.toml: No such file or directory"),
        (["--sweep", "as.gamma_lng=1,2"], "as.gamma_lng is not a parameter; did you mean as.gamma_long?"),
        (["--sweep", "as.gamma_long"], "--sweep 'as.gamma_long' is not like as.gamma_long=0.4,0.8,1.6"),
        (["--sweep", "as.gamma_long=x"], "--sweep: as.gamma_long = x is not valid TOML"),
        (["--seeds", "0"], "'0' is no number from 1 to 10000, and no range like 7-12"),
        (["--seeds", "9-3"], "'9-3' is no number from 1 to 10000"),
        (["--informed", "101"], "'101' is no list of percentages like 0,10,30"),
        (["--collar", "99"], "99 is not in the range 0<=x<=98"),
        (["--maker", "nobody"], "'nobody' is none of verdict, static, naive, lmsr, order, order-last, all"),
        (["--maker", "order"], "order quotes around the prices of others: give it a --rival"),
        (["--scenario", "storm"], "'storm' is not one of"),
        (["--seed", "1", "--seeds", "2"], "--seed and --seeds say the same thing"),
        (["--scenario", "expiry", "--hours", "48"], "expiry ends after 48 hours: --hours must be less"),
        (["--no-report", "--sweep", "as.gamma_long=9"], "as.gamma_long must be at most 2, not 9"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], complaint: str) -> None:
    done = lab(*arguments)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_that_could_not_be_written_is_refused_before_hours_of_work(tmp_path: Path) -> None:
    done = lab("--seeds", "10000", "--report", str(tmp_path / "nowhere" / "page.html"))
    assert done.stderr == f"verdict: cannot write {tmp_path}/nowhere/page.html: no such directory\n"


def test_a_worker_that_was_killed_is_said_in_one_line() -> None:
    """The machine may kill one for its memory: nothing in our own code is to blame, so no traceback."""

    def kill_one() -> None:
        while not multiprocessing.active_children():
            time.sleep(0.01)
        multiprocessing.active_children()[0].kill()

    jobs = plan([Contender("naive", "naive")], attrs.evolve(CALM, hours=1), [0], range(1, 5))
    killer = Thread(target=kill_one)
    killer.start()
    with pytest.raises(CommandError, match=r"^a worker process was killed: no report; fewer --workers"):
        run(jobs, workers=2)
    killer.join()


def test_a_configuration_says_everything_that_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[as]\ngamma_long = 9\n[ladder]\nlevl_qty = 3\n")
    done = lab("--config", str(file))
    assert done.stderr.splitlines() == [
        f"verdict: {file}: as.gamma_long must be at most 2, not 9",
        f"verdict: {file}: ladder.levl_qty is not a parameter; did you mean ladder.level_qty?",
    ]
