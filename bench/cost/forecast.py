"""How long a call will take, from smaller sizes of the same study: what is hopeless is skipped, not started."""

from __future__ import annotations

import math
from collections.abc import Hashable

from gradiometer.study.plan import PlannedCell
from gradiometer.study.study_file import Study

STEEPEST = 6.0
"""No local exponent above this is believed: two noisy points can have any slope."""
HOPELESS = ("timeout", "oom", "crashed")


def _family(cell: PlannedCell) -> Hashable:
    """Cells that differ in size alone."""
    case = cell.case
    return (
        case.problem.name, case.wrt, case.overrides, case.dtype, case.device, case.threads, case.numerics, case.cache,
        cell.method,
    )  # fmt: skip


class Forecast:
    """What was seen at smaller sizes, by cells that differ in size alone."""

    def __init__(self) -> None:
        self._times: dict[Hashable, dict[int, float]] = {}
        self._failures: dict[Hashable, tuple[int, str]] = {}

    def note(self, cell: PlannedCell, status: str, time_s: float | None) -> None:
        """Remember what became of a cell."""
        if status in HOPELESS:
            self._failures.setdefault(_family(cell), (cell.case.size, status))
        elif time_s is not None and time_s > 0:
            self._times.setdefault(_family(cell), {})[cell.case.size] = time_s

    def time_s(self, cell: PlannedCell) -> float | None:
        """The last time, carried on with the slope of the last two; null where there are not two smaller sizes."""
        seen = sorted(point for point in self._times.get(_family(cell), {}).items() if point[0] < cell.case.size)
        if len(seen) < 2:
            return None
        (n0, t0), (n1, t1) = seen[-2:]
        slope = min(STEEPEST, max(0.0, math.log(t1 / t0) / math.log(n1 / n0)))
        return t1 * float((cell.case.size / n1) ** slope)

    def reason_to_skip(self, cell: PlannedCell, study: Study) -> str | None:
        """Why the cell is not worth starting; null where it is."""
        failed = self._failures.get(_family(cell))
        if failed and failed[0] < cell.case.size:
            return f"{failed[1]} at size {failed[0]}, so not started at a larger one"
        seconds = self.time_s(cell)
        if seconds is not None and seconds > study.longest_call_s:
            limit = f"the study's limit is {study.longest_call_s:.2g} s"
            return f"predicted {seconds:.2g} s a call from smaller sizes, {limit}"
        return None
