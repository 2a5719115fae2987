"""`verdict lab`: the market maker against the exchange in process, among traders who do not exist."""

import re
from concurrent.futures.process import BrokenProcessPool
from decimal import Decimal, InvalidOperation
from pathlib import Path

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.runtime.errors import CommandError
from amm.brain.config_layers import ConfigInvalidError, Layer, read_toml
from amm.lab import figures
from amm.lab.jobs import Contender, Job, do_all, plan
from amm.lab.makers import MAKERS
from amm.lab.measure import Result
from amm.lab.report import report
from amm.lab.scenario import SCENARIOS, Scenario
from amm.lab.table import COLUMNS, rows
from amm.lab.venue import MARKET
from makers.lab.order import ORDERS, OrderContender

SEEDS_MAX = 10_000
REPORT = "lab-report.html"


class Seeds(click.ParamType[range]):
    """How many seeds, from 1 on; or which, as 7-12."""

    name = "seeds"

    def convert(self, value: str | range, param: click.Parameter | None, ctx: click.Context | None) -> range:
        if isinstance(value, range):
            return value
        match = re.fullmatch(r"(?:(\d{1,9})-)?(\d{1,9})", value)
        seeds = range(int(match[1] or 1), int(match[2]) + 1) if match else range(0)
        if not 1 <= len(seeds) <= SEEDS_MAX:
            self.fail(f"{value!r} is no number from 1 to {SEEDS_MAX}, and no range like 7-12", param, ctx)
        return seeds


class Shares(click.ParamType[tuple[int, ...]]):
    """Percentages with commas between them, in ppm."""

    name = "percentages"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            ppm = [Decimal(part) * 10_000 for part in value.split(",")]
        except InvalidOperation:
            ppm = []
        if not ppm or any(not one.is_finite() or one != int(one) or not 0 <= one <= 10**6 for one in ppm):
            self.fail(f"{value!r} is no list of percentages like 0,10,30", param, ctx)
        return tuple(dict.fromkeys(int(one) for one in ppm))


class Makers(click.ParamType[tuple[str, ...]]):
    name = "makers"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = MAKERS if value == "all" else tuple(dict.fromkeys(value.split(",")))
        known = (*MAKERS, *ORDERS)
        if unknown := [name for name in names if name not in known]:
            self.fail(f"{unknown[0]!r} is none of {', '.join(known)}, all", param, ctx)
        return names


@click.command()
@click.option(
    "--scenario",
    type=click.Choice(list(SCENARIOS)),
    default="mixed",
    show_default=True,
    help="; ".join(f"{name}: {one.says}" for name, one in SCENARIOS.items()) + ".",
)
@click.option("--seed", type=click.IntRange(min=0, max=10**9), help="One run, with this seed (default 1).")
@click.option("--seeds", type=Seeds(), metavar="N|A-B", help="Many runs: so many seeds, or these.")
@click.option("--hours", type=click.IntRange(1, 720), help="Simulated time; scenarios have their own.")
@click.option(
    "--informed",
    type=Shares(),
    metavar="P,..",
    help="Shares of informed traders to try, in percent: 0,10,30.",
)
@click.option(
    "--collar",
    type=click.IntRange(0, 98),
    metavar="CENTS",
    help="How far from its recent average the market lets anybody trade; 0: however far.",
)
@click.option(
    "--maker",
    "makers",
    type=Makers(),
    default="verdict",
    show_default=True,
    metavar="NAME,..|all",
    help=f"Who makes the market: {', '.join(MAKERS)} (these are all); or, beside a rival, "
    f"a user's order with the usual terms: {', '.join(ORDERS)}.",
)
@click.option("--rival", is_flag=True, help="Somebody else quotes, too, whatever the scenario says of it.")
@click.option("--config", "config_file", metavar="FILE", help="The market maker's parameters, as TOML.")
@click.option(
    "--compare", nargs=2, metavar="A.toml B.toml", help="Two configurations on the same flow of traders."
)
@click.option("--sweep", metavar="KEY=V,..", help="One parameter, several values: as.gamma_long=0.4,0.8,1.6.")
@click.option(
    "--report",
    "report_file",
    default=REPORT,
    show_default=True,
    metavar="FILE",
    help="Where it goes; its figures go beside it.",
)
@click.option("--no-report", is_flag=True, help="Only the table.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; one for each core if not given.")
def lab(
    scenario: str,
    seed: int | None,
    seeds: range | None,
    hours: int | None,
    informed: tuple[int, ...] | None,
    collar: int | None,
    makers: tuple[str, ...],
    rival: bool,
    config_file: str | None,
    compare: tuple[str, str] | None,
    sweep: str | None,
    report_file: str,
    no_report: bool,
    workers: int | None,
) -> None:
    """Try the market maker on simulated traders, in simulated time, with a truth that only we know.

    The same command gives the same report, to the byte, wherever it runs.
    """
    if seed is not None and seeds is not None:
        raise click.UsageError("--seed and --seeds say the same thing: give one of them")
    if sum(one is not None for one in (config_file, compare, sweep)) > 1:
        raise click.UsageError("--config, --compare and --sweep exclude each other")
    chosen = SCENARIOS[scenario]
    if hours is not None:
        if hours > chosen.lifetime_hours - 1:
            raise CommandError(f"{scenario} ends after {chosen.lifetime_hours} hours: --hours must be less")
        chosen = attrs.evolve(chosen, hours=hours)
    if collar is not None:
        chosen = attrs.evolve(chosen, collar_cents=collar)
    if rival:
        chosen = attrs.evolve(chosen, rival=True)
    if not chosen.rival and (orders := [name for name in makers if name in ORDERS]):
        raise CommandError(f"{orders[0]} quotes around the prices of others: give it a --rival")
    if not no_report and not Path(report_file).parent.is_dir():
        raise CommandError(f"cannot write {report_file}: no such directory")
    contenders = contenders_of(makers, config_file, compare, sweep)
    check(contenders, chosen)
    jobs = plan(
        contenders,
        chosen,
        informed if informed is not None else (chosen.informed,),
        seeds if seeds is not None else [seed if seed is not None else 1],
    )
    results = run(jobs, workers)
    show(results)
    if not no_report:
        page = Path(report_file)
        write(page, report(chosen, results))
        write(page.with_suffix(".json"), figures.summary(chosen, results))
        write(page.with_suffix(".csv"), figures.series(results))
        write(page.with_name(f"{page.stem}-fills.csv"), figures.fills(results))
        click.echo(f"report: {page}, and its figures beside it: .json, .csv, -fills.csv")


def contenders_of(
    makers: tuple[str, ...], config_file: str | None, compare: tuple[str, str] | None, sweep: str | None
) -> list[Contender]:
    if compare is not None:
        names = list(compare) if compare[0] != compare[1] else [f"{compare[0]} (1)", f"{compare[1]} (2)"]
        return [
            Contender(name, "verdict", layers_of(file)) for name, file in zip(names, compare, strict=True)
        ]
    if sweep is not None:
        return swept(sweep)
    layers = layers_of(config_file) if config_file is not None else ()
    return [(OrderContender if maker in ORDERS else Contender)(maker, maker, layers) for maker in makers]


def layers_of(file: str) -> tuple[Layer, ...]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CommandError(f"cannot read {file}: {reason}") from error
    try:
        return tuple(attrs.evolve(layer, name=file) for layer in read_toml(text).layers(MARKET))
    except ConfigInvalidError as error:
        raise CommandError("; ".join(f"{file}: {problem}" for problem in error.problems)) from error


def swept(sweep: str) -> list[Contender]:
    """One contender for each value; values are written as in TOML."""
    key, equals, values = sweep.partition("=")
    if not equals or not key.strip() or not values:
        raise CommandError(f"--sweep {sweep!r} is not like as.gamma_long=0.4,0.8,1.6")
    contenders = []
    for value in dict.fromkeys(values.split(",")):
        try:
            layer = Layer("sweep", read_toml(f"{key} = {value}").defaults)
        except ConfigInvalidError as error:
            raise CommandError(f"--sweep: {key} = {value} is {error}") from error
        contenders.append(Contender(f"{key}={value}", "verdict", (layer,)))
    return contenders


def check(contenders: list[Contender], scenario: Scenario) -> None:
    """Refuse a wrong configuration before anything runs, and everything that is wrong with it at once."""
    problems: dict[str, None] = {}
    for contender in contenders:
        try:
            contender.config(scenario)
        except ConfigInvalidError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise CommandError("\n".join(problems))


def run(jobs: list[Job], workers: int | None) -> list[Result]:
    progress = Progress(
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=len(jobs) == 1,
    )
    try:
        with progress:
            task = progress.add_task("", total=len(jobs))
            return do_all(jobs, lambda: progress.advance(task), workers)
    except BrokenProcessPool as error:
        # Killed from outside, most often by a machine that ran out of memory: no run is to blame.
        raise CommandError(
            "a worker process was killed: no report; fewer --workers need less memory"
        ) from error


def show(results: list[Result]) -> None:
    lines = [[column.title for column in COLUMNS], *rows(results)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(COLUMNS))]
    for first, *rest in lines:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        click.echo("  ".join([first.ljust(widths[0]), *cells]))


def write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
