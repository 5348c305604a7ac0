"""Coordinator's side of timing and cost: requests to workers, and which method is to blame when a worker dies."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from gradiometer.study.plan import Plan
from gradiometer.workers.measured_case import MeasuredCase
from gradiometer.workers.processes import Deaths, WorkerDied, WorkerFailed, WorkerProcess, ask_again
from gradiometer.workers.time_limits import TimeLimits


def time_case(measured: MeasuredCase, workers: Sequence[WorkerProcess], budget_s: float, limits: TimeLimits) -> None:
    """Time the case's methods in each worker, one worker after the other, in `budget_s` seconds altogether."""
    for process in range(len(workers)):
        _time_share(measured, process, workers, budget_s / len(workers), limits)


def _time_share(
    measured: MeasuredCase, process: int, workers: Sequence[WorkerProcess], budget_s: float, limits: TimeLimits
) -> None:
    """Time one worker's share. If the worker dies in a method, the others are timed again in a fresh worker."""
    case = measured.case
    deaths, has_released = Deaths(), False
    while asked := measured.remaining:
        request = {
            "do": "time", "case": case.request(), "case_id": case.case_id, "process": process, "methods": asked,
            "budget_s": budget_s, "known": measured.known_hashes,
        }  # fmt: skip
        try:
            answer = workers[process].ask(request, limits.call_s)
        except WorkerDied as died:
            judged = deaths.judge(died)
            if judged is not None and judged.index < 0:
                measured.lost = (judged.status, f"{judged.reason} between calls")
                return
            if judged is not None:
                measured.failures[asked[judged.index]] = blame(judged, asked[judged.index])
                deaths = Deaths()  # the others have new indices
            continue
        except WorkerFailed as failed:
            measured.lost = (failed.status, failed.reason)
            return
        is_short = case.device != "cpu" and any(status == "oom" for status, _ in answer[0]["failures"].values())
        if is_short and not has_released:
            has_released = True
            if _release([worker for worker in workers if worker is not workers[process]], limits):
                continue
        measured.absorb(process, asked, answer)
        return


def blame(died: WorkerDied, method: str) -> tuple[str, str]:
    """Status and reason of the method in whose call a worker died."""
    return died.status, f"{died.reason} while calling {method}" if died.status == "crashed" else died.reason


def _release(workers: Sequence[WorkerProcess], limits: TimeLimits) -> int:
    """Have workers return unused memory of the device; the number of bytes that they returned."""
    released = 0
    for worker in workers:
        with contextlib.suppress(WorkerDied, WorkerFailed):
            released += worker.ask({"do": "release"}, limits.other_s)[0]["released_bytes"]
    return released


def count_cost_of_case(measured: MeasuredCase, worker: WorkerProcess, limits: TimeLimits) -> None:
    """Count operations, entries read and memory of the timed methods; unknown if the worker dies twice."""
    if not measured.timed:
        return
    request = {"do": "cost", "case": measured.case.request(), "methods": measured.timed}
    with contextlib.suppress(WorkerDied, WorkerFailed):
        answer, _ = ask_again(worker, request, limits.cost_s)
        measured.flops, measured.read = answer["flops"], answer["read"]
        measured.peaks |= answer["peak_memory_bytes"]


def find_stored_results(measured: MeasuredCase, worker: WorkerProcess, limits: TimeLimits) -> None:
    """Find the timed forms that return stored results, in a worker that timed them; they have failed as `wrong`.

    If the worker dies, none is found: the death is noticed where the form's gradient is scored.
    """
    forms = [name for name in measured.timed if name in measured.case.problem.forms(measured.case.wrt)]
    if not forms:
        return
    request = {"do": "repeat", "case": measured.case.request(), "methods": forms}
    with contextlib.suppress(WorkerDied, WorkerFailed):
        answer, _ = worker.ask(request, limits.call_s)
        measured.stored |= answer["stored"]


def peak_rates_of(plan: Plan, workers: Sequence[WorkerProcess], limits: TimeLimits) -> list[dict[str, Any]] | None:
    """Peak rates for each device × threads × numerics of the plan, measured in one worker while the others wait.

    None if nothing could be measured.
    """
    dtypes: dict[tuple[str, int, str], list[str]] = {}
    for cell in plan.cells:
        if cell.status == "ok":
            case = cell.case
            dtypes.setdefault((case.device, case.threads, case.numerics), []).append(case.dtype)
    found: list[dict[str, Any]] = []
    for worker in workers:
        with contextlib.suppress(WorkerDied, WorkerFailed):
            worker.ready()
    for (device, threads, numerics), used in dtypes.items():
        where = {"device": device, "threads": threads, "numerics": numerics}
        request = {"do": "peak_rates", **where, "dtypes": list(dict.fromkeys(used))}
        with contextlib.suppress(WorkerDied, WorkerFailed):
            answer, _ = ask_again(workers[0], request, limits.peak_rates_s)
            found.append(where | answer)
    return found or None
