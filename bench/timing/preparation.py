"""Time of a method's preparation, which runs once per case and worker."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

from gradiometer.timing.candidate import nothing
from gradiometer.timing.clocks import Call

PREPARATIONS = 5
"""Number of timed preparations of a method, unless they take longer than PREPARING_S in all."""
PREPARING_S = 20e-3


def timed_preparation(
    prepare: Callable[[], Callable[[], Call]], synchronize: Callable[[], None] = nothing
) -> tuple[Callable[[], Call], float]:
    """Prepare a candidate several times: the last result, and the median time of a preparation in seconds.

    The first one loads code and allocates memory, so it counts only if there is no time for a second.
    """
    times_s: list[float] = []
    until = perf_counter() + PREPARING_S
    while len(times_s) <= PREPARATIONS and (not times_s or perf_counter() < until):
        synchronize()
        started = perf_counter()
        make = prepare()
        synchronize()
        times_s.append(perf_counter() - started)
    return make, median(times_s[1:] or times_s)
