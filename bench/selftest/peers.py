"""Other harnesses on the same callables, each by its own documented statistic, in about the same wall clock.

torch.utils.benchmark: the median of `blocked_autorange` and of `adaptive_autorange`. pytest-benchmark: the mean, with
its default options and in precision mode. pyperf: the mean of one worker's values, since the twenty processes that it
would start take longer than the budget.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, repeat
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import torch

from gradiometer.selftest import candidates
from gradiometer.selftest.trials import BUDGET_S, Trial
from gradiometer.statistics import paired_ratio
from gradiometer.timing import measure
from gradiometer.timing.clocks import Call

PYPERF_VALUE_S = 10e-3
"""By default a value of pyperf's takes 100 ms; of those, the time allowed holds three."""

Harness = Callable[[Call, float], float]
"""(callable, seconds that it may take) → seconds per call, by the harness's own statistic."""


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
    """The fixture as its plugin builds it from default options, but for the time allowed."""
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
    """bench_func as one of its workers runs it, after one warm-up: the mean of as many values of 10 ms as fit."""
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
    """The one runner that pyperf allows a process, as a worker with one warm-up."""
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
    """Null pairs of three durations, by every harness in shuffled order, in this process; ours in this process too."""
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
            "peers", "quiet", duration, harness, number, 1.0, second / first, None, None, None, BUDGET_S,
            perf_counter() - started,
        )  # fmt: skip


def _ours(number: int, duration: str, make: Callable[[], Call], started: float) -> Trial:
    samples = measure({"first": make, "second": make}, BUDGET_S, processes=1, seed=number)
    found = paired_ratio(samples, "second", "first")
    return Trial(
        "peers", "quiet", duration, "gradiometer", number, 1.0, found.ratio, found.low, found.high, None, BUDGET_S,
        perf_counter() - started,
    )  # fmt: skip
