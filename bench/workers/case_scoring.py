"""Coordinator's side of scoring: which methods are scored on which draws, and the rows of `errors` that result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradiometer.accuracy import scoring
from gradiometer.accuracy.refutation import Recheck, is_suspect
from gradiometer.accuracy.scoring import Draw
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED, Error
from gradiometer.workers.case_timing import blame
from gradiometer.workers.channel import Answer
from gradiometer.workers.measured_case import MeasuredCase
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess, ask_all
from gradiometer.workers.time_limits import TimeLimits

UNTIMED_CALL_S = 0.02
"""A method whose call takes longer is scored on the timed draw only."""
TOO_SLOW = ("skipped", f"a call takes more than {UNTIMED_CALL_S:g} s")


@dataclass
class _Asked:
    """One draw to be scored."""

    data: str
    seed: int
    methods: list[str]
    """Methods that compute their gradient of this draw."""
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def is_timed(self) -> bool:
        """Whether the methods were timed on this draw, so that their gradients are known."""
        return (self.data, self.seed) == (TIMED_DATA, TIMED_SEED)


def score_case(
    measured: MeasuredCase, workers: Sequence[WorkerProcess], exact_forms: list[str], limits: TimeLimits
) -> list[Error]:
    """Rows for the timed gradients, and for all other draws by the methods that are fast enough.

    Nothing is timed here, so the workers compute at the same time.
    """
    case, timed = measured.case, measured.timed
    if not timed:
        return []
    fast = [name for name in timed if (measured.call_s(name) or 0.0) <= UNTIMED_CALL_S]
    fast = [name for name in fast if any(one.blob is not None for one in measured.gradients.get(name, ()))]
    kinds = dict.fromkeys((TIMED_DATA, *case.data))
    draws = [_Asked(data, seed, []) for data in kinds for seed in range(case.seeds)]
    draws = [draw for draw in draws if draw.data in case.data or draw.is_timed]
    for draw in draws:
        draw.methods = [] if draw.is_timed else list(fast)
    rows: dict[int, list[Error]] = {}
    left = [place for place, draw in enumerate(draws) if draw.is_timed or draw.methods]
    while left:
        requests = [_request(measured, draws[place], exact_forms) for place in left]
        again = []
        for position, outcome in ask_all(workers[: os.cpu_count()], requests, limits.call_s):
            place = left[position]
            draw = draws[place]
            if isinstance(outcome, WorkerDied) and 0 <= outcome.index < len(draw.methods):
                name = draw.methods.pop(outcome.index)
                draw.failures[name] = blame(outcome, name)
                if draw.methods:
                    again.append(place)
            elif isinstance(outcome, (WorkerDied, WorkerFailed)):
                why = (outcome.status, f"no reference: {outcome}")
                rows[place] = _all_unscored(measured, draw, why)
            else:
                rows[place] = _rows(measured, draw, outcome)
        left = again
    for place in (place for place, draw in enumerate(draws) if draw.is_timed and place in rows):
        rows[place] = [_recheck(measured, row, workers[0], exact_forms, limits) for row in rows[place]]
    return [
        row for place, draw in enumerate(draws) for row in rows.get(place) or _all_unscored(measured, draw, TOO_SLOW)
    ]


def _request(measured: MeasuredCase, draw: _Asked, exact_forms: list[str]) -> dict[str, Any]:
    return {
        "do": "score", "case": measured.case.request(), "data": draw.data, "seed": draw.seed, "methods": draw.methods,
        "bounded": measured.timed if draw.is_timed else draw.methods, "exact_forms": exact_forms,
    }  # fmt: skip


def _recheck(
    measured: MeasuredCase, row: Error, worker: WorkerProcess, exact_forms: list[str], limits: TimeLimits
) -> Error:
    """The row of the timed draw, refuted where its form is a suspect and another evaluation says so."""
    case, method = measured.case, row.cell_id.removeprefix(f"{measured.case.case_id}-")
    if method not in case.problem.forms(case.wrt) or not is_suspect(row, case.dtype):
        return row
    request = {"do": "recheck", "case": case.request(), "method": method, "exact_forms": exact_forms}
    try:
        answer, _ = worker.ask(request, limits.call_s)
    except (WorkerDied, WorkerFailed):
        return row
    reason = Recheck(**answer).refutation(row, case.dtype)
    return row if reason is None else replace(row, status="wrong", reason=reason)


def _rows(measured: MeasuredCase, asked: _Asked, outcome: Answer) -> list[Error]:
    answer, blobs = outcome
    if "undrawn" in answer:
        return _all_unscored(measured, asked, ("skipped", answer["undrawn"]))
    facts = {"loss_finite": answer["loss_finite"], "input_hash": answer["input_hash"]}
    reference, bounds = scoring.reference_of(answer, blobs), scoring.bounds_of(answer, blobs)
    draw = Draw(asked.data, asked.seed, reference, bounds, facts)
    untimed = {} if asked.is_timed else scoring.unpack(answer, blobs)
    rows = []
    for name in measured.timed:
        if asked.is_timed:
            found = measured.gradients.get(name, [])
            found = [replace(gradient, distinct_outputs=len(found)) for gradient in found]
        else:
            found = [untimed[name]] if name in untimed else []
        if found:
            scored = [scoring.error_row(measured.run_id, name, measured.case, draw, gradient) for gradient in found]
            rows.append(scoring.worst_row(scored))
        else:
            rows.append(_unscored(measured, asked, name, asked.failures.get(name, TOO_SLOW)))
    return rows


def _all_unscored(measured: MeasuredCase, draw: _Asked, why: tuple[str, str]) -> list[Error]:
    return [_unscored(measured, draw, name, draw.failures.get(name, why)) for name in measured.timed]


def _unscored(measured: MeasuredCase, draw: _Asked, method: str, why: tuple[str, str]) -> Error:
    cell_id = f"{measured.case.case_id}-{method}"
    return scoring.unscored_row(measured.run_id, cell_id, draw.data, draw.seed, *why)
