"""Forecasts: the time of a call from smaller sizes of the same study, and the wall-clock time of a whole study.

The rates below were measured on one core of a server processor; another machine's differ by a factor of 2 or so.
"""

from __future__ import annotations

import math
import os
from collections.abc import Hashable
from typing import TYPE_CHECKING

from gradiometer.methods import METHODS

if TYPE_CHECKING:
    from gradiometer.study.plan import Case, Plan, PlannedCell
    from gradiometer.study.study_file import Study

STEEPEST = 6.0
"""Largest exponent of time over size that is extrapolated, because two noisy points can have any slope."""
HOPELESS = ("timeout", "oom", "crashed")

START_S = 6.0
"""Starting workers, measuring peak rates and building tables."""
VERIFY_S = 0.4
"""Verifying the forms of one wrt."""
CASE_S = 0.15
"""Time beyond the budget that measuring a case takes."""
TRACE_S = 0.45
"""Tracing the methods of a case for its references, bounds and costs, which every worker does for itself."""
DRAW_S = 0.025
"""Scoring one draw of a small case."""
INPUT_ENTRY_S = 8e-7
"""Drawing an entry of the inputs and computing the exact reference and the error bounds, per entry."""
SCORED_ENTRY_S = 7e-8
"""Comparing one entry of one method's gradient with the reference."""
TANGENT_ENTRY_S = 1e-7
"""Bounding the error of a forward method, per entry of the tangents (P times the inputs' entries)."""
SCORED_CALL_S = 0.02
"""A method whose call takes longer is scored on the timed draw alone."""


def _family(cell: PlannedCell) -> Hashable:
    """Key of the cells that differ only in size."""
    case = cell.case
    return (
        case.problem.name, case.wrt, case.overrides, case.dtype, case.device, case.threads, case.numerics, case.cache,
        cell.method,
    )  # fmt: skip


class Forecast:
    """Times and failures at smaller sizes, which predict those at larger ones."""

    def __init__(self) -> None:
        self._times: dict[Hashable, dict[int, float]] = {}
        self._failures: dict[Hashable, tuple[int, str]] = {}

    def note(self, cell: PlannedCell, status: str, time_s: float | None) -> None:
        """Store the status of a measured cell and the time of its call."""
        if status in HOPELESS:
            self._failures.setdefault(_family(cell), (cell.case.size, status))
        elif time_s is not None and time_s > 0:
            self._times.setdefault(_family(cell), {})[cell.case.size] = time_s

    def time_s(self, cell: PlannedCell) -> float | None:
        """Predicted time of a call: the last time, extrapolated with the slope of the last two.

        None with fewer than two smaller sizes.
        """
        seen = sorted(point for point in self._times.get(_family(cell), {}).items() if point[0] < cell.case.size)
        if len(seen) < 2:
            return None
        (n0, t0), (n1, t1) = seen[-2:]
        slope = min(STEEPEST, max(0.0, math.log(t1 / t0) / math.log(n1 / n0)))
        return t1 * float((cell.case.size / n1) ** slope)

    def reason_to_skip(self, cell: PlannedCell, study: Study) -> str | None:
        """Why a cell should not be started; None if it should."""
        failed = self._failures.get(_family(cell))
        if failed and failed[0] < cell.case.size:
            return f"{failed[1]} at size {failed[0]}, so not started at a larger one"
        seconds = self.time_s(cell)
        if seconds is not None and seconds > study.longest_call_s:
            limit = f"the study's limit is {study.longest_call_s:.2g} s"
            return f"predicted {seconds:.2g} s a call from smaller sizes, {limit}"
        return None


def study_s(plan: Plan, cores: int | None = None) -> float:
    """Predicted wall-clock time of a study in seconds: timing, verifying, and scoring without cached references.

    Workers score in parallel on the machine's cores.
    """
    workers = min(plan.study.processes, cores or os.cpu_count() or 1)
    total = START_S
    verified = set()
    for cells in plan.cases.values():
        case, methods = cells[0].case, [cell.method for cell in cells if cell.status == "ok"]
        if methods:
            verified.add((case.problem.name, case.wrt))
            turns = math.ceil(len(case.data) * case.seeds / workers)
            total += plan.study.budget_s + CASE_S + TRACE_S + turns * _draw_s(case, methods)
    return total + VERIFY_S * len(verified)


def _draw_s(case: Case, methods: list[str]) -> float:
    """Predicted time in seconds of scoring one draw by the methods of a case."""
    calls_s = {name: case.least_call_s(name) for name in methods}
    scored = [name for name, seconds in calls_s.items() if seconds <= SCORED_CALL_S]
    forward = any(METHODS[name].batched for name in scored if name in METHODS)
    return (
        DRAW_S
        + case.inputs_entries * INPUT_ENTRY_S
        + case.parameters * len(scored) * SCORED_ENTRY_S
        + case.parameters * case.inputs_entries * TANGENT_ENTRY_S * forward
        + sum(calls_s[name] for name in scored)
    )
