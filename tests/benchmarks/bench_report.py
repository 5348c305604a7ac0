"""How long a report takes over 10⁷ samples and 10⁵ cells: `pytest --benchmark-only -s tests/benchmarks/bench_report.py`.

Of one run, and of ten, as of ten machines; they are generated first. A report is a process of its own, timed from its
start to its end. Two cores should do it in 20 s and 1 GB: what it took is printed, and kept in `extra_info`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from gradiometer.analysis.text import seconds, size_bytes
from gradiometer.storage.tables import read_arrow
from tests.analysis.generated import Plan, generate

PLANS = {
    "one run": [Plan("one", problems=20)],
    "ten machines": [Plan(f"machine{n}", problems=24, wrts=1, dtypes=3, configurations=1, seed=n) for n in range(10)],
}
EVERY_S = 0.02
"""How often memory is looked at."""


def peak_of_report(runs: list[Path], out: Path) -> int:
    """The peak memory in bytes of a whole `python -m analysis report`, over it and its children.

    Proportional where the system tells it, so that what processes share counts once; else resident.
    """
    command = [sys.executable, "-m", "analysis", "report", *map(str, runs), "-o", str(out)]
    with psutil.Popen(command) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_memory(it) for it in (process, *_children(process))))
            time.sleep(EVERY_S)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return peak


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        told = process.memory_full_info()
        return int(getattr(told, "pss", told.rss))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


@pytest.mark.parametrize("name", PLANS)
def test_report(benchmark: Any, tmp_path: Path, name: str) -> None:
    """A report, from the command to its end."""
    runs = [generate(tmp_path, plan) for plan in PLANS[name]]
    rows = {table: sum(read_arrow(run, table, ["run_id"]).num_rows for run in runs) for table in ("samples", "cells")}
    assert rows["samples"] >= 10**7
    assert rows["cells"] >= 10**5
    peak = benchmark.pedantic(peak_of_report, args=(runs, tmp_path / "report"), rounds=1)
    benchmark.extra_info |= rows | {"peak_memory_bytes": peak}
    took = seconds(benchmark.stats.stats.max)
    print(f"\n{name}: {rows['samples']:,} samples, {rows['cells']:,} cells: {took}, {size_bytes(peak)}")
