"""Has the derivations of problems verified in a worker process: a form that crashes or hangs costs its own verdict."""

from __future__ import annotations

from collections.abc import Iterable

from gradiometer.problems import Source
from gradiometer.verification.verdict import TORCH, Verdict
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess

LIMIT_S = 60.0
"""Verifying all forms of one wrt takes a second or two; a form that is checked alone may take this long."""


def load_request(sources: Iterable[Source], devices: list[str]) -> dict[str, object]:
    """What a worker needs to rebuild these problems; with devices, it warms up on them."""
    entries = [
        {
            "name": source.problem.name,
            "path": None if source.is_shipped else str(source.path),
            "sha256": source.sha256,
        }
        for source in sources
    ]
    return {"problems": entries, "devices": devices}


def verdicts_on(source: Source, worker: WorkerProcess, limit_s: float = LIMIT_S) -> list[Verdict]:
    """The verdict on every form of a problem, torch's own derivative last in each wrt."""
    found: list[Verdict] = []
    for wrt in source.problem.wrts:
        forms = (*source.problem.forms(wrt), TORCH)
        try:
            found += _asked(source, worker, wrt, None, limit_s)
        except WorkerFailed as failure:
            found += [_unchecked(source, wrt, form, failure) for form in forms]
        except WorkerDied:
            for form in forms:
                found += _alone(source, worker, wrt, form, limit_s)
    return found


def _asked(source: Source, worker: WorkerProcess, wrt: str, form: str | None, limit_s: float) -> list[Verdict]:
    request = {"do": "verify", "problem": source.problem.name, "wrt": wrt, "form": form}
    answer, _ = worker.ask(request, limit_s)
    return [Verdict(**verdict) for verdict in answer["verdicts"]]


def _alone(source: Source, worker: WorkerProcess, wrt: str, form: str, limit_s: float) -> list[Verdict]:
    try:
        return _asked(source, worker, wrt, form, limit_s)
    except (WorkerDied, WorkerFailed) as failure:
        return [_unchecked(source, wrt, form, failure)]


def _unchecked(source: Source, wrt: str, form: str, failure: Exception) -> Verdict:
    return Verdict(source.problem.name, wrt, form, "unchecked", None, 0, "", str(failure))
