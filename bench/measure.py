"""How the benchmarks measure and tell: medians of runs in one process, the interpreter and the load named."""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from kernel.exchange import FORM

Item = TypeVar("Item")
Given = ParamSpec("Given")

RUNS: Final = 5


def settle() -> None:
    """Before a measurement: what has been made ready is no longer the garbage collector's concern.

    It stays on, and looks through what is made from here on.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def seconds(work: Callable[Given, object], *args: Given.args, **kwargs: Given.kwargs) -> float:
    """Of this process alone: work without waiting is not slower because others work, too."""
    begin = time.process_time()
    work(*args, **kwargs)
    return time.process_time() - begin


def rate(count: int, durations: Iterable[float]) -> float:
    """So many a second, by the median of several runs of the same length."""
    return count / statistics.median(durations)


def parts(items: Sequence[Item], count: int = RUNS) -> list[Sequence[Item]]:
    """`count` parts of equal length, in order."""
    size = len(items) // count
    return [items[start : start + size] for start in range(0, size * count, size)]


def resident(pid: int | str = "self") -> int:
    """Bytes of memory that a process has in use, ourselves unless told otherwise."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def machine() -> str:
    """The interpreter, the kernel and the load, without which a figure says nothing."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}"
    return f"{python}; kernel={FORM}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def heading(title: str) -> None:
    print(f"{title} on {machine()}")
    print(f"medians of {RUNS} runs, by CPU time; garbage collection on, what was made ready is frozen")


def section(title: str) -> None:
    print(f"\n{title}", flush=True)


def line(what: str, value: float, unit: str, remark: str = "") -> None:
    digits = 0 if abs(value) >= 100 else 1
    print(f"  {what:<52}{value:>12,.{digits}f} {unit:<11} {remark}".rstrip(), flush=True)
