"""Time of a report on 10⁷ samples and 10⁵ cells: `pytest --benchmark-only -s tests/benchmarks/bench_report.py`.

The samples are generated as one run and as ten runs of different machines. A report is a process of its own. Two cores
should write it in 20 s with 1 GB of memory; the test prints both and stores them in `extra_info`.
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
"""Interval between two readings of the memory."""


def peak_of_report(runs: list[Path], out: Path) -> int:
    """Peak memory in bytes of `python -m analysis report` and its child processes.

    Proportional set size where the system reports it, so that shared memory counts once; otherwise resident size.
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
    """A report, from the start of its command to the end."""
    runs = [generate(tmp_path, plan) for plan in PLANS[name]]
    rows = {table: sum(read_arrow(run, table, ["run_id"]).num_rows for run in runs) for table in ("samples", "cells")}
    assert rows["samples"] >= 10**7
    assert rows["cells"] >= 10**5
    peak = benchmark.pedantic(peak_of_report, args=(runs, tmp_path / "report"), rounds=1)
    benchmark.extra_info |= rows | {"peak_memory_bytes": peak}
    took = seconds(benchmark.stats.stats.max)
    print(f"\n{name}: {rows['samples']:,} samples, {rows['cells']:,} cells: {took}, {size_bytes(peak)}")
