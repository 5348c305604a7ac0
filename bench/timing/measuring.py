"""The engine as a library: `measure` times any callables against each other, in this process or in several new ones."""

from __future__ import annotations

import functools
import importlib
import json
import os
import random
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gradiometer.errors import GradiometerError
from gradiometer.timing.clocks import Call, WallClock
from gradiometer.timing.engine import Engine
from gradiometer.timing.garbage_collection import garbage_frozen
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess

if TYPE_CHECKING:
    import pandas as pd

Make = Callable[[], Call]

CALL_LIMIT_S = 60.0
"""A process whose call lasts longer is stopped."""


class CandidateError(GradiometerError):
    """A candidate that another process cannot import."""


def named(candidate: str, make: Make) -> dict[str, Any]:
    """Module, name and keyword arguments by which another process imports `make`. Raises CandidateError."""
    whole = make if isinstance(make, functools.partial) else functools.partial(make)
    module, name = getattr(whole.func, "__module__", None), getattr(whole.func, "__qualname__", "")
    if module in (None, "__main__") or not name.isidentifier() or whole.args:
        raise CandidateError(
            f"candidate {candidate!r}: expected a function at a module's top level, or functools.partial of one with "
            f"keywords, found {module}.{name or type(make).__name__}; move it to a module, or measure with processes=1"
        )
    try:
        json.dumps(whole.keywords)
    except TypeError:
        raise CandidateError(
            f"candidate {candidate!r}: expected strings, numbers or lists of them as keyword arguments, found "
            f"{str(whole.keywords)[:80]}; pass names and build other objects in the function"
        ) from None
    return {"module": module, "name": name, "arguments": whole.keywords}


def imported(spec: Mapping[str, Any]) -> Make:
    """The factory that `named` describes."""
    function = getattr(importlib.import_module(spec["module"]), spec["name"])
    return functools.partial(function, **spec["arguments"])


class Workers:
    """Processes for several measurements: `with Workers(5) as workers: measure(…, workers=workers)`."""

    def __init__(self, processes: int) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        load: dict[str, Any] = {"problems": [], "devices": []}
        self.processes = [WorkerProcess(load, {"PYTHONPATH": path}) for _ in range(processes)]

    def __enter__(self) -> Workers:
        for process in self.processes:
            process.ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self.processes:
            process.stop()


def measure(
    candidates: Mapping[str, Make],
    budget_s: float,
    processes: int = 3,
    *,
    baseline: str | None = None,
    workers: Workers | None = None,
    seed: int = 0,
    stop_on_width: bool = False,
) -> pd.DataFrame:
    """Time callables against each other. Use it for the ratio of two implementations outside any study.

        samples = measure({"sum": make_sum, "mean": make_mean}, budget_s=1.0)
        paired_ratio(samples, "mean", "sum")        # gradiometer.statistics

    A candidate is a factory: `make()` builds the callable that is timed, anew for every segment. `budget_s` is the
    wall-clock time in seconds over all processes, which measure one after the other. New processes must be able to
    import a candidate: it is a function at a module's top level, or a `functools.partial` of one with keywords. With
    `processes=1` it may be any callable and is measured in this process; its interval then describes this process
    alone. `baseline`, by default the first candidate, is in every round. With `stop_on_width` the measurement ends
    once every half-width is on target.

    Returns one row per block, with the columns of `samples` in `storage.schema` (`cell_id` is the candidate's name)
    and `overhead_s` and `interference` of its segment. `attrs["failures"]` maps failed candidates to reasons. Raises
    CandidateError and WorkerFailed.
    """
    base = baseline or next(iter(candidates), "")
    if base not in candidates:
        expected = f"one of {', '.join(candidates)}" if candidates else "at least one candidate"
        raise CandidateError(
            f"measure: expected {expected}, found baseline {baseline!r} and {len(candidates)} candidates"
        )
    if workers is None and processes == 1:
        deadline = perf_counter() + budget_s
        with garbage_frozen():
            return _framed([_share(candidates, deadline, base, f"{seed}", stop_on_width)])
    specs = {name: named(name, make) for name, make in candidates.items()}
    if workers is None:
        with Workers(processes) as workers:
            return _measure_on(workers, specs, budget_s, base, seed, stop_on_width)
    return _measure_on(workers, specs, budget_s, base, seed, stop_on_width)


def _measure_on(
    workers: Workers, specs: dict[str, Any], budget_s: float, baseline: str, seed: int, stop_on_width: bool
) -> pd.DataFrame:
    answers = []
    failures: dict[str, str] = {}
    for place, process in enumerate(workers.processes):
        while remaining := {name: spec for name, spec in specs.items() if name not in failures}:
            request = {
                "do": "measure", "candidates": remaining, "baseline": baseline,
                "budget_s": budget_s / len(workers.processes),
                "seed": f"{seed} {place}", "stop_on_width": stop_on_width,
            }  # fmt: skip
            try:
                answers.append(process.ask(request, CALL_LIMIT_S)[0])
                break
            except WorkerDied as died:
                blamed = list(remaining)[died.index : died.index + 1] if died.index >= 0 else list(remaining)
                failures |= dict.fromkeys(blamed, str(died))
    frame = _framed(answers)
    frame.attrs["failures"] |= failures
    return frame


def _share(
    candidates: Mapping[str, Make],
    deadline: float,
    baseline: str,
    seed: str,
    stop_on_width: bool,
    visiting: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    engine = Engine(candidates, baseline, (WallClock(), None), random.Random(seed), visiting)
    engine.run(deadline, stop_on_width)
    failures = {name: candidate.failure[1] for name, candidate in engine.candidates.items() if candidate.failure}
    return {"samples": engine.samples.columns, "segments": engine.segments, "failures": failures}


def answer(request: Mapping[str, Any], deadline: float, visiting: Callable[[str], None]) -> dict[str, Any]:
    """Measure a worker's share of what `measure` requested, until `deadline` (a value of perf_counter)."""
    makes = {name: imported(spec) for name, spec in request["candidates"].items()}
    return _share(makes, deadline, request["baseline"], request["seed"], request["stop_on_width"], visiting)


def _framed(answers: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for process, found in enumerate(answers):
        if not found["segments"]:  # every candidate failed before the first segment
            continue
        samples = pd.DataFrame(found["samples"]).rename(columns={"candidate": "cell_id"})
        segments = pd.DataFrame(found["segments"])[["segment", "overhead_s", "interference"]]
        parts.append(samples.merge(segments, on="segment").assign(case_id="measure", process=process))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    frame.attrs["failures"] = {name: why for found in answers for name, why in found["failures"].items()}
    return frame


__all__ = ["CandidateError", "WorkerFailed", "Workers", "measure"]
