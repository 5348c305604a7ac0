"""Timing: one worker's share of a case, or of a measurement of arbitrary callables."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import torch

from gradiometer.cost import memory
from gradiometer.machine import interference, numerics
from gradiometer.methods import Make
from gradiometer.problems import ProblemError
from gradiometer.storage.schema import BASELINE, TIMED_DATA, TIMED_SEED
from gradiometer.timing import measuring
from gradiometer.timing.candidate import nothing
from gradiometer.timing.clocks import clocks_for
from gradiometer.timing.engine import Engine
from gradiometer.timing.preparation import timed_preparation
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import NO_CANDIDATE, Answer
from gradiometer.workers.failures import failure_of
from gradiometer.workers.outputs import Outputs
from gradiometer.workers.state import WorkerState, pack_all
from gradiometer.workers.state_guard import StateGuard
from gradiometer.workers.worker_setup import freeze_gc


class UnknownWriterError(Exception):
    """The inputs changed during a segment, and the version counters do not tell by which method."""


def time_methods(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Samples and segments of `methods`, which methods failed, and the gradients that were timed.

    If an unknown method changed the inputs, everything is timed again, and the inputs are compared after every block.
    """
    try:
        return _share(state, request, check_blocks=False)
    except UnknownWriterError:
        return _share(state, request, check_blocks=True)


def time_callables(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Samples of callables that are no gradients, for `measure`."""
    deadline = perf_counter() + request["budget_s"]
    names = list(request["candidates"])
    torch.set_num_threads(1)
    freeze_gc()
    return measuring.answer(request, deadline, lambda name: state.watch.enter(names.index(name))), []


def _share(state: WorkerState, request: dict[str, Any], check_blocks: bool) -> Answer:
    deadline = perf_counter() + request["budget_s"]
    names, case = request["methods"], request["case"]
    instance = state.instance(request, TIMED_DATA, TIMED_SEED)
    if not instance.is_drawn:
        raise ProblemError(f"sample draws no {TIMED_DATA} data, on which methods are timed; return at least {{}}")
    clocks = clocks_for(case["device"], case["cache"])
    interference.watch(case["device"])
    guard = StateGuard(instance.inputs)
    prepared = _prepare(state, instance, names, guard, case["device"] == "cuda")
    visits = _Visits(state, names, guard, check_blocks)
    rng = random.Random(f"{request['case_id']} {request['process']}")
    outputs = Outputs(instance.inputs.values())
    engine = Engine(prepared.makes, BASELINE, clocks, rng, visits.enter, failure_of, outputs.add, visits.end_segment)
    visits.engine = engine
    if prepared.makes:
        engine.run(deadline)
        visits.end_segment()
    state.watch.enter(NO_CANDIDATE)
    candidates = engine.candidates.values()
    failures = prepared.failures | {one.name: one.failure for one in candidates if one.failure}
    columns = engine.samples.columns
    columns["candidate"] = [names.index(name) for name in columns["candidate"]]
    kept = {name: found for name, found in outputs.kept.items() if name not in failures}
    returned, blobs = pack_all(kept, instance.point, request["known"])
    answer = {
        "samples": columns, "segments": engine.segments, "failures": failures, "setup_s": prepared.setup_s,
        "numerics": numerics.switches(), "peak_memory_bytes": prepared.peaks, "gradients": returned,
        "notes": {name: note for name, note in outputs.notes.items() if name in instance.forms},
    }  # fmt: skip
    return answer, blobs


@dataclass
class _Prepared:
    """What preparing the methods gave, by method."""

    makes: dict[str, Make] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    setup_s: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)


def _prepare(
    state: WorkerState, instance: CaseInstance, names: Sequence[str], guard: StateGuard, is_cuda: bool
) -> _Prepared:
    """Prepare every method. On a GPU also call it once: first calls load kernels, and only there are peaks recorded."""
    found = _Prepared()
    for index, name in enumerate(names):
        state.watch.enter(index)
        try:
            resident = memory.allocated() if is_cuda else 0
            if instance.prepares(name):
                synchronize = torch.cuda.synchronize if is_cuda else nothing
                make, found.setup_s[name] = timed_preparation(partial(instance.prepare, name), synchronize)
            else:
                make = instance.prepare(name)
            if is_cuda:
                kept = memory.allocated() - resident
                call = make()
                call()
                if (peak := memory.peak_of(call, kept)) is not None:
                    found.peaks[name] = peak
            found.makes[name] = make
        except Exception as error:
            found.failures[name] = failure_of(error)
        if (change := guard.change(everything=True)) is not None:
            found.makes.pop(name, None)
            found.failures.setdefault(name, ("error", change))
    return found


class _Visits:
    """Follows the engine: notes each visit in the watch, and checks between visits that the shared state is unchanged.

    All bits of the inputs are compared after a method's first visit and at the end of each segment, or after each visit
    (`check_blocks`). The version counters are compared after each visit.
    """

    engine: Engine

    def __init__(self, state: WorkerState, names: Sequence[str], guard: StateGuard, check_blocks: bool) -> None:
        self._state, self._guard, self._check_blocks = state, guard, check_blocks
        self._index = {name: index for index, name in enumerate(names)}
        self._unchecked = set(names)
        self._last: str | None = None

    def enter(self, name: str) -> None:
        """The engine calls this method next."""
        if name != self._last:
            self._leave()
            self._last = name
        self._state.watch.enter(self._index[name])

    def end_segment(self) -> None:
        """Compare everything. Raises UnknownWriterError if the inputs changed by an unknown method."""
        if self._last is None:
            return
        self._leave()
        if self._guard.change(everything=True) is not None:
            raise UnknownWriterError

    def _leave(self) -> None:
        name, self._last = self._last, None
        if name is None:
            return
        change = self._guard.change(self._check_blocks or name in self._unchecked)
        self._unchecked.discard(name)
        candidate = self.engine.candidates[name]
        if change is not None and candidate.failure is None:
            candidate.failure = ("error", change)
