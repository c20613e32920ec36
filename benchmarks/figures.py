# SPDX-License-Identifier: Apache-2.0
"""Measuring, printing and keeping figures, with the machine they were taken on."""

import gc
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("cryptography", "cedarpy", "grpcio", "protobuf", "sqlalchemy", "sqlcipher3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number: what was done, how much of it, in which unit, under which conditions."""

    what: str
    value: float
    unit: str
    under: str

    def line(self) -> str:
        return f"{self.what:<44} {_readable(self.value):>10} {self.unit:<14} {self.under}"


def seconds_each(act: Callable[[], object], *, budget: float = 1.0, least: int = 5) -> float:
    """Return how many seconds of the processor `act` takes: the median of runs within the budget.

    Of the processor and not of the clock, so that other work on the machine hardly shows in what
    one core can do. Not for what waits.
    """
    act()
    gc.collect()
    taken: list[float] = []
    end = time.perf_counter() + budget
    while len(taken) < least or time.perf_counter() < end:
        start = time.process_time()
        act()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


@dataclass(slots=True)
class Spent:
    """Seconds by the clock, and of the processor in this process."""

    clock: float = 0.0
    processor: float = 0.0


@contextmanager
def timed() -> Iterator[Spent]:
    """Measure what is done in the context; read what it yields after leaving."""
    spent = Spent()
    clock, processor = time.perf_counter(), time.process_time()
    try:
        yield spent
    finally:
        spent.clock = time.perf_counter() - clock
        spent.processor = time.process_time() - processor


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def delays(what: str, milliseconds: Sequence[float], under: str) -> list[Figure]:
    """Return the middle and the tail of some delays."""
    return [
        Figure(what=what, value=percentile(milliseconds, share), unit=unit, under=under)
        for share, unit in ((0.5, "ms p50"), (0.99, "ms p99"))
    ]


def sync_ms() -> float:
    """Return the median time until 4 KiB are on stable storage where temporary files lie."""
    block = os.urandom(4096)
    with tempfile.TemporaryFile(buffering=0) as file:
        taken: list[float] = []
        for _ in range(20):
            begun = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(taken)


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge a figure."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "sync_ms": sync_ms(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def machine_line() -> str:
    """Return the machine in a line, with its load at this moment."""
    about = machine()
    return (
        f"{about['processor']}, {about['cores']} cores, load {about['load'][0]:.1f}, "
        f"sync {about['sync_ms']:.2g} ms, {about['system']}, Python {about['python']}, "
        f"{about['taken']}"
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What the machine's processors have done since it started, in seconds."""

    whole: float
    busy: float
    ours: float

    @classmethod
    def now(cls) -> Self:
        """Read it; ours is this process and those of its children that have ended."""
        text = Path("/proc/stat").read_text(encoding="utf-8")
        times = [int(one) / os.sysconf("SC_CLK_TCK") for one in text.split("\n", 1)[0].split()[1:9]]
        idle, waiting = times[3], times[4]
        ours = sum(os.times()[:4])
        return cls(sum(times), sum(times) - idle - waiting, ours)

    def others_until(self, end: Self) -> float:
        """Return the part of the machine that others had, 0 to 1."""
        others = (end.busy - self.busy) - (end.ours - self.ours)
        return max(0.0, others / (end.whole - self.whole))


def report(name: str, run: Callable[[], Sequence[Figure]]) -> None:
    """Take, print and keep the figures of one script, beside those of the others."""
    begun = Share.now()
    figures = run()
    others = begun.others_until(Share.now())
    lines = [figure.line() for figure in figures]
    sys.stdout.write("\n".join([*lines, f"  others had {others:.0%} of the machine", ""]))
    sys.stdout.flush()
    content = {"machine": machine(), "others": others, "figures": list(map(asdict, figures))}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _readable(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()
