"""Experiments on the engine, one function each. Every trial measures a pair of callables and is one row."""

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
"""Budget of a pair that is measured in new processes."""
NULL_DURATIONS = tuple(candidates.DURATIONS)
KNOWN_DURATIONS = ("0.5ms", "1ms", "3ms")
"""Shorter operations bias the ratio: the loop takes 0.15 µs, so 6 against 5 times 2 µs is 0.25 % less than 6/5."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement of a pair. `ratio` and its interval are of the second candidate over the first.

    `truth` is the true ratio, if it is known. `condition` is that of the machine: `as is` or `loaded`.
    """

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
    """Median time of the first candidate, without the overhead."""
    between: float | None = None
    """Standard deviation of the log ratio between the processes of this trial."""


def trial_of(
    experiment: str, condition: str, duration: str, number: int, truth: float | None, pair: tuple[Make, Make],
    workers: Workers, budget_s: float, beside: dict[str, Make] | None = None,
) -> Trial:  # fmt: skip
    """Measure a pair with the engine, together with the candidates `beside` it."""
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
    """Keep one processor busy with another process: the last one that this process may use."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with contextlib.suppress(psutil.Error, AttributeError):
        psutil.Process(busy.pid).cpu_affinity([psutil.Process().cpu_affinity()[-1]])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


CONDITIONS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "as is": contextlib.nullcontext,
    "loaded": spinner,
}


def null_pairs(trials: int, condition: str = "as is") -> Iterator[Trial]:
    """Two identical functions: their interval should contain 1, and they are neither faster nor slower."""
    with CONDITIONS[condition](), Workers(PROCESSES) as workers:
        for number, duration in _shuffled(NULL_DURATIONS, trials):
            pair = (partial(candidates.operation, duration=duration),) * 2
            yield trial_of("null", condition, duration, number, 1.0, pair, workers, BUDGET_S)


def distinct_pairs(runs: int) -> Iterator[Trial]:
    """Pairs of different operations, each run in new processes: an interval should contain the mean of other runs."""
    for number in range(runs):
        with Workers(PROCESSES) as workers:
            for name, pair in (
                ("x+x", (candidates.doubled, candidates.added)),
                ("jacobian", (candidates.by_autograd, candidates.by_jacobian)),
            ):
                yield trial_of("distinct", "as is", name, number, None, pair, workers, RUN_BUDGET_S)


def _repeated(duration: str, few: int, many: int) -> tuple[Make, Make]:
    first, second = (partial(candidates.repeated, duration=duration, times=times) for times in (few, many))
    return first, second


def known_ratios(trials: int) -> Iterator[Trial]:
    """An operation repeated 21 against 20 times, or 6 against 5: the interval should contain the ratio."""
    with Workers(PROCESSES) as workers:
        for number, duration in _shuffled(KNOWN_DURATIONS, trials):
            few, many = ((20, 21), (5, 6))[number % 2]
            pair = _repeated(duration, few, many)
            yield trial_of("known", "as is", duration, number, many / few, pair, workers, BUDGET_S)


def small_differences(trials: int) -> Iterator[Trial]:
    """3 % and 1 % more of one operation, measured for a second: the verdict should be slower."""
    with Workers(PROCESSES) as workers:
        for number, (few, many) in _shuffled(((33, 34), (100, 101)), trials):
            pair = _repeated("50us", few, many)
            name = f"+{100 * (many / few - 1):.0f}%"
            yield trial_of("difference", "as is", name, number, many / few, pair, workers, 1.0)


def beside_a_hostile_candidate(trials: int) -> Iterator[Trial]:
    """A pair with and without a third candidate that empties the caches: ratio and time should be the same."""
    with Workers(PROCESSES) as workers:
        for number, name in _shuffled(("alone", "beside"), trials):
            pair = (candidates.by_autograd, candidates.by_jacobian)
            beside = {"hostile": candidates.hostile} if name == "beside" else None
            yield trial_of("hostile", "as is", name, number, None, pair, workers, BUDGET_S, beside)


def _shuffled(kinds: tuple[Any, ...], trials: int) -> list[tuple[int, Any]]:
    """Every kind `trials` times in random order, so that a drift of the machine affects all kinds alike."""
    every = [(number, kind) for number in range(trials) for kind in kinds]
    random.Random(0).shuffle(every)
    return every


def frame_of(trials: list[Trial]) -> pd.DataFrame:
    """Trials as a frame, one column per field."""
    import pandas as pd

    return pd.DataFrame([asdict(trial) for trial in trials])
