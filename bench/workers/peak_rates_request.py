"""Has the highest rates of every configuration of a plan measured, in a worker process, while the others wait."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from gradiometer.study.plan import Plan
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess


def of(plan: Plan, workers: Sequence[WorkerProcess]) -> list[dict[str, Any]] | None:
    """One entry for each device × threads × numerics in the plan: those, and what `machine.peak_rates` measured.

    Null where nothing could be measured.
    """
    dtypes: dict[tuple[str, int, str], list[str]] = {}
    for cell in plan.cells:
        if cell.status == "ok":
            case = cell.case
            dtypes.setdefault((case.device, case.threads, case.numerics), []).append(case.dtype)
    found: list[dict[str, Any]] = []
    with contextlib.suppress(WorkerDied, WorkerFailed):
        for worker in workers:
            worker.ready()
        for (device, threads, numerics), used in dtypes.items():
            where = {"device": device, "threads": threads, "numerics": numerics}
            request = {"do": "peak_rates", **where, "dtypes": list(dict.fromkeys(used))}
            answer, _ = workers[0].ask(request, plan.study.timeout_s)
            found.append(where | answer)
    return found or None
