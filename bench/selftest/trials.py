"""Experiments on the engine: one function each, yielding rows; the truth of each row is known, or that of its kind.

A row says which experiment, condition, duration, harness and trial it is of; what ratio was found with which interval
and verdict; the true ratio, where there is one; and the wall clock spent against the budget.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import psutil

from gradiometer.selftest import candidates
from gradiometer.statistics import paired_logs, paired_ratio
from gradiometer.timing import Workers, measure
from gradiometer.timing.measuring import Make

if TYPE_CHECKING:
    import pandas as pd

PROCESSES = 5
BUDGET_S = 0.6
RUN_BUDGET_S = 2.0
"""Of a run whose processes are fresh, for each pair."""
NULL_DURATIONS = tuple(candidates.DURATIONS)
KNOWN_DURATIONS = ("0.5ms", "1ms", "3ms")
"""Shorter ones will not do: the loop takes 0.15 µs, so that six against five times 2 µs is 0.25 % less than 6/5."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement of a pair; ratios are those of the second candidate over the first."""

    experiment: str
    condition: str
    duration: str
    harness: str
    trial: int
    truth: float | None
    ratio: float
    low: float | None
    high: float | None
    verdict: str | None
    budget_s: float
    wall_s: float
    overhead_s: float | None = None
    time_s: float | None = None
    """Median time of the first candidate, less the overhead."""
    between: float | None = None
    """Standard deviation of the log ratio between this trial's processes."""


def trial_of(
    experiment: str, condition: str, duration: str, number: int, truth: float | None, pair: tuple[Make, Make],
    workers: Workers, budget_s: float, beside: dict[str, Make] | None = None,
) -> Trial:  # fmt: skip
    """Measure a pair, with the candidates `beside` it, by our own engine."""
    started = perf_counter()
    first, second = pair
    samples = measure(
        {"first": first, "second": second, **(beside or {})}, budget_s, baseline="first", workers=workers, seed=number
    )
    wall_s = perf_counter() - started
    found = paired_ratio(samples, "second", "first")
    overhead_s = float(samples["overhead_s"].median())
    of_first = samples.loc[samples["cell_id"] == "first", "time_s"]
    return Trial(
        experiment, condition, duration, "gradiometer", number, truth, found.ratio, found.low, found.high,
        found.verdict, budget_s, wall_s, overhead_s, median(of_first) - overhead_s, _between(samples),
    )  # fmt: skip


def _between(samples: pd.DataFrame) -> float:
    logs = paired_logs(samples, {"second": "first"})
    return float(logs.groupby("process")["log"].median().std())


@contextlib.contextmanager
def spinner() -> Iterator[None]:
    """Another process that keeps one processor busy: the last one that this process may use."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with contextlib.suppress(psutil.Error, AttributeError):
        psutil.Process(busy.pid).cpu_affinity([psutil.Process().cpu_affinity()[-1]])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


CONDITIONS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "quiet": contextlib.nullcontext,
    "spinner": spinner,
}


def null_pairs(trials: int, condition: str = "quiet") -> Iterator[Trial]:
    """Two callables that do the same: an interval without 1 is an alarm, a verdict of faster or slower is false."""
    with CONDITIONS[condition](), Workers(PROCESSES) as workers:
        for number, duration in _shuffled(NULL_DURATIONS, trials):
            pair = (partial(candidates.operation, duration=duration),) * 2
            yield trial_of("null", condition, duration, number, 1.0, pair, workers, BUDGET_S)


def distinct_pairs(runs: int) -> Iterator[Trial]:
    """Pairs of distinct operations, each run in fresh processes: an interval should cover the other runs' mean."""
    for number in range(runs):
        with Workers(PROCESSES) as workers:
            for name, pair in (
                ("x+x", (candidates.doubled, candidates.added)),
                ("jacobian", (candidates.by_autograd, candidates.by_jacobian)),
            ):
                yield trial_of("distinct", "quiet", name, number, None, pair, workers, RUN_BUDGET_S)


def _repeated(duration: str, few: int, many: int) -> tuple[Make, Make]:
    first, second = (partial(candidates.repeated, duration=duration, times=times) for times in (few, many))
    return first, second


def known_ratios(trials: int) -> Iterator[Trial]:
    """The same operation repeated: 21 times against 20, 6 against 5; the interval should cover the ratio."""
    with Workers(PROCESSES) as workers:
        for number, duration in _shuffled(KNOWN_DURATIONS, trials):
            few, many = ((20, 21), (5, 6))[number % 2]
            pair = _repeated(duration, few, many)
            yield trial_of("known", "quiet", duration, number, many / few, pair, workers, BUDGET_S)


def small_differences(trials: int) -> Iterator[Trial]:
    """3 % and 1 % more of the same operation, in a second: the verdict should be slower."""
    with Workers(PROCESSES) as workers:
        for number, (few, many) in _shuffled(((33, 34), (100, 101)), trials):
            pair = _repeated("50us", few, many)
            name = f"+{100 * (many / few - 1):.0f}%"
            yield trial_of("difference", "quiet", name, number, many / few, pair, workers, 1.0)


def beside_a_hostile_candidate(trials: int) -> Iterator[Trial]:
    """A pair with and without a third candidate that empties the caches: neither ratio nor time should move."""
    with Workers(PROCESSES) as workers:
        for number, name in _shuffled(("alone", "beside"), trials):
            pair = (candidates.by_autograd, candidates.by_jacobian)
            beside = {"hostile": candidates.hostile} if name == "beside" else None
            yield trial_of("hostile", "quiet", name, number, None, pair, workers, BUDGET_S, beside)


def _shuffled(kinds: tuple[Any, ...], trials: int) -> list[tuple[int, Any]]:
    """Every kind `trials` times, in random order, so that a slow drift of the machine falls on all alike."""
    every = [(number, kind) for number in range(trials) for kind in kinds]
    random.Random(0).shuffle(every)
    return every


def frame_of(trials: list[Trial]) -> pd.DataFrame:
    """Trials as a frame, a column per field."""
    import pandas as pd

    return pd.DataFrame([asdict(trial) for trial in trials])
