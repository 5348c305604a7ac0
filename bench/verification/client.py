"""Runs verification in a worker process, so that a form that crashes or hangs affects only its own verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from gradiometer.problems import Source
from gradiometer.verification.coverage.dimensions import new_seed
from gradiometer.verification.verdict import TORCH, Verdict
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess, ask_again

LIMIT_S = 60.0
"""Default limit of one request: all forms of one wrt (typically 1–2 s), or one form alone."""

log = logging.getLogger(__name__)


def load_request(sources: Iterable[Source], devices: list[str]) -> dict[str, object]:
    """The request that makes a worker load these problems and warm up on these devices."""
    entries = [
        {"name": source.problem.name, "path": None if source.is_shipped else str(source.path), "sha256": source.sha256}
        for source in sources
    ]
    return {"problems": entries, "devices": devices}


def verdicts_on(
    source: Source, worker: WorkerProcess, limit_s: float = LIMIT_S, seed: int | None = None
) -> list[Verdict]:
    """Verdicts on all forms of a problem, torch's own derivative last in each wrt.

    `seed` determines dimensions and points; by default it is drawn anew. If the worker dies, each form of that wrt is
    verified alone, in a fresh worker, and announced by a logged warning: a form that hangs takes `limit_s` seconds, the
    limit of a request, once more.
    """
    seed = new_seed(source.sha256) if seed is None else seed
    found: list[Verdict] = []
    name = source.problem.name
    for wrt in source.problem.wrts:
        forms = (*source.problem.forms(wrt), TORCH)
        try:
            found += _ask(source, worker, wrt, None, limit_s, seed)
        except WorkerFailed as failure:
            found += [_unchecked(source, wrt, form, failure, seed) for form in forms]
        except WorkerDied as death:
            log.warning("%s %s: %s; each of the %d forms is now verified alone", name, wrt, death, len(forms))
            for place, form in enumerate(forms, 1):
                log.warning("%s %s %s: verifying it (%d of %d)", name, wrt, form, place, len(forms))
                try:
                    found += _ask(source, worker, wrt, form, limit_s, seed)
                except (WorkerFailed, WorkerDied) as failure:
                    found.append(_unchecked(source, wrt, form, failure, seed))
    return found


def _ask(source: Source, worker: WorkerProcess, wrt: str, form: str | None, limit_s: float, seed: int) -> list[Verdict]:
    """Verdicts on one form or on all of them (None). If a worker is killed, one form alone is asked for again."""
    request = {"do": "verify", "problem": source.problem.name, "wrt": wrt, "form": form, "seed": seed}
    answer, _ = worker.ask(request, limit_s) if form is None else ask_again(worker, request, limit_s)
    verdicts = [Verdict(**verdict) for verdict in answer["verdicts"]]
    for verdict in verdicts:
        if verdict.traceback:
            log.error("%s\n%s", verdict.text, verdict.traceback)
    return verdicts


def _unchecked(source: Source, wrt: str, form: str, failure: Exception, seed: int) -> Verdict:
    return Verdict(source.problem.name, wrt, form, "unchecked", None, 0, "", str(failure), seed=seed)
