"""Compares other harnesses with the engine: `python -m tests.research.peers [TRIALS]` in a checkout.

Each measures the same callables in about the same wall-clock time, and is judged by its own documented statistic.
torch.utils.benchmark: the median of `blocked_autorange` and of `adaptive_autorange`. pytest-benchmark: the mean, with
its default options and in precision mode. pyperf: the mean of one worker's values, because its default of twenty
processes takes longer than the budget.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, repeat
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from gradiometer.selftest import candidates
from gradiometer.selftest.assessment import ENOUGH, Line
from gradiometer.selftest.command import QUICK_TRIALS
from gradiometer.selftest.trials import BUDGET_S, Trial, frame_of
from gradiometer.statistics import paired_ratio
from gradiometer.timing import measure
from gradiometer.timing.clocks import Call

PYPERF_VALUE_S = 10e-3
"""pyperf's default is 100 ms, of which the time allowed holds only three."""

Harness = Callable[[Call, float], float]
"""(callable, time allowed in seconds) → seconds per call, by the harness's own statistic."""


def torch_blocked(call: Call, seconds: float) -> float:
    """Timer.blocked_autorange: the median of its blocks."""
    from torch.utils.benchmark import Timer

    return Timer("call()", globals={"call": call}).blocked_autorange(min_run_time=seconds).median


def torch_adaptive(call: Call, seconds: float) -> float:
    """Timer.adaptive_autorange: the median, once the interquartile range is below 1 % of it."""
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": call})
    return timer.adaptive_autorange(threshold=0.01, min_run_time=0.01, max_run_time=seconds).median


def _pytest_benchmark(call: Call, seconds: float, precision: float | None) -> float:
    """The fixture with its plugin's default options, except for the time allowed."""
    from pytest_benchmark import fixture as fixtures
    from pytest_benchmark.logger import Logger
    from pytest_benchmark.utils import NameWrapper

    node = SimpleNamespace(name="peer", nodeid="peer")
    fixture = fixtures.BenchmarkFixture(
        node, disable_gc=False, timer=NameWrapper(perf_counter), min_rounds=5, min_time=5e-6, max_time=seconds,
        precision=precision, confidence=0.99, warmup=False, warmup_iterations=100_000, calibration_precision=10,
        add_stats=lambda stats: None, logger=Logger(Logger.QUIET), warner=None, disabled=False, cprofile=None,
        cprofile_loops=None, cprofile_dump=None,
    )  # fmt: skip
    fixture(call)
    stats: Any = fixture.stats
    return float(stats.stats.mean)


def pytest_benchmark_default(call: Call, seconds: float) -> float:
    """The mean of as many rounds as fit."""
    return _pytest_benchmark(call, seconds, None)


def pytest_benchmark_precision(call: Call, seconds: float) -> float:
    """Rounds until the mean is known to 1 % at 99 % confidence: the mean."""
    return _pytest_benchmark(call, seconds, 0.01)


def pyperf_worker(call: Call, seconds: float) -> float:
    """`bench_func` as one pyperf worker runs it after one warm-up: the mean of as many values of 10 ms as fit."""
    loops = 1
    while loops < 2**20 and _seconds(call, loops) < PYPERF_VALUE_S:
        loops *= 2
    runner = _pyperf_runner()
    runner.args.loops = loops
    runner.args.values = max(3, int(seconds / max(PYPERF_VALUE_S, _seconds(call, loops))) - 3)
    with contextlib.redirect_stdout(io.StringIO()):
        return float(runner.bench_func(f"peer{next(_numbers)}", call).mean())


_numbers = count()


@functools.cache
def _pyperf_runner() -> Any:
    """pyperf's runner, of which a process may have one, as a worker with one warm-up."""
    import pyperf

    arguments, sys.argv = sys.argv, ["peer", "--worker", "--loops=1", "--warmups=1"]
    try:
        runner = pyperf.Runner()
        runner.parse_args()
    finally:
        sys.argv = arguments
    return runner


def _seconds(call: Call, loops: int) -> float:
    started = perf_counter()
    for _ in repeat(None, loops):
        call()
    return perf_counter() - started


PEERS: dict[str, Harness] = {
    "torch blocked": torch_blocked,
    "torch adaptive": torch_adaptive,
    "pytest-benchmark": pytest_benchmark_default,
    "pytest-benchmark, precision": pytest_benchmark_precision,
    "pyperf worker": pyperf_worker,
}


def peers(trials: int) -> Iterator[Trial]:
    """Identical functions of three durations, measured in this process by every harness, in shuffled order."""
    torch.set_num_threads(1)
    logging.disable()
    kinds = [(harness, duration) for harness in ("gradiometer", *PEERS) for duration in candidates.DURATIONS]
    every = [(number, kind) for number in range(trials) for kind in kinds]
    random.Random(0).shuffle(every)
    for number, (harness, duration) in every:
        make = partial(candidates.operation, duration=duration)
        started = perf_counter()
        if harness == "gradiometer":
            yield _ours(number, duration, make, started)
            continue
        first, second = (PEERS[harness](make(), BUDGET_S / 2) for _ in range(2))
        yield Trial(
            "peers", "as is", duration, harness, number, 1.0, second / first, None, None, None, BUDGET_S,
            perf_counter() - started,
        )  # fmt: skip


def _ours(number: int, duration: str, make: Callable[[], Call], started: float) -> Trial:
    samples = measure({"first": make, "second": make}, BUDGET_S, processes=1, seed=number)
    found = paired_ratio(samples, "second", "first")
    return Trial(
        "peers", "as is", duration, "gradiometer", number, 1.0, found.ratio, found.low, found.high, None, BUDGET_S,
        perf_counter() - started,
    )  # fmt: skip


def compared(trials: pd.DataFrame) -> Iterator[Line]:
    """Root mean square error of the ratio of identical functions: the engine's, every peer's, and their quotient."""
    square = trials["ratio"].map(math.log) ** 2
    enough = trials.groupby(["harness", "duration"]).size().min() >= ENOUGH
    ours = trials["harness"] == "gradiometer"
    rms = square[ours].mean() ** 0.5
    wall = trials.loc[ours, "wall_s"].mean()
    yield Line(f"gradiometer: error {rms:.2%} in {wall:.2f} s (expected 0.5 %)", bool(rms <= 0.005) if enough else None)
    for harness, theirs in trials[~ours].groupby("harness"):
        other = square[theirs.index]
        quotient, low, high = _quotient(square[ours].to_numpy(), other.to_numpy())
        text = f"{harness}: error {other.mean() ** 0.5:.2%} in {theirs['wall_s'].mean():.2f} s"
        met = bool(low <= 1) if enough else None
        yield Line(f"{text}; gradiometer's is {quotient:.2f} [{low:.2f}, {high:.2f}] times that (expected ≤ 1)", met)


def _quotient(ours: Any, theirs: Any) -> tuple[float, float, float]:
    """√(mean ours / mean theirs), with a 95 % bootstrap interval over trials."""

    def statistic(a: Any, b: Any, axis: int = -1) -> Any:
        return np.sqrt(a.mean(axis=axis) / b.mean(axis=axis))

    found = stats.bootstrap((ours, theirs), statistic, n_resamples=2000, method="percentile", rng=0)
    low, high = found.confidence_interval
    return float(statistic(ours, theirs)), float(low), float(high)


def main() -> None:
    """Run the comparison and print its lines."""
    for line in compared(frame_of(list(peers(int(sys.argv[1]) if sys.argv[1:] else QUICK_TRIALS)))):
        print(line)


if __name__ == "__main__":
    main()
