"""Gradients and references of one draw of a case's inputs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gradiometer.accuracy.refutation import recheck
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import REFERENCE, Answer
from gradiometer.workers.failures import failure_of
from gradiometer.workers.state import WorkerState, pack
from gradiometer.workers.state_guard import StateGuard


def score_draw(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Untimed gradients of one draw by `methods`, its reference, and the error bounds of `bounded` methods."""
    instance = state.instance(request, request["data"], request["seed"])
    if not instance.is_drawn:
        return {"undrawn": f"the problem cannot draw {request['data']} data"}, []
    gradients: dict[str, Any] = {}
    failures: dict[str, tuple[str, str]] = {}
    guard = StateGuard(instance.inputs)
    for index, name in enumerate(request["methods"]):
        state.watch.enter(index)
        try:
            gradients[name] = instance.gradient(name)
        except Exception as error:
            failures[name] = failure_of(error)
        if (change := guard.change(everything=True)) is not None:
            gradients.pop(name, None)
            failures.setdefault(name, ("error", change))
    state.watch.enter(REFERENCE)
    returned, blobs = pack(gradients, instance.point)
    dims, dtype, exact_forms = instance.case["dims"], instance.case["dtype"], request["exact_forms"]
    reference = state.references.of(instance.problem, instance.wrt, dims, instance.rounded, dtype, exact_forms)
    parts = [part for part in (reference.hi, reference.lo, reference.terms) if part is not None]
    bounds = _bounds(state, instance, request["bounded"])
    header = {name: getattr(reference, name) for name in ("kind", "radius_ulp", "is_reliable", "refused")}
    answer = {
        "gradients": returned, "failures": failures, "bounds": list(bounds),
        "reference": header | {"parts": len(parts)},
        "loss_finite": instance.loss_is_finite(), "input_hash": instance.input_hash,
    }  # fmt: skip
    return answer, [*blobs, *(bound.tobytes() for bound in bounds.values()), *(part.tobytes() for part in parts)]


def recheck_form(state: WorkerState, request: dict[str, Any]) -> Answer:
    """The errors of one form evaluated again at the timed draw: the fields of `Recheck`."""
    instance = state.instance(request, TIMED_DATA, TIMED_SEED)
    dims, dtype, form = instance.case["dims"], instance.case["dtype"], instance.forms[request["method"]]
    state.watch.enter(REFERENCE)
    problem, wrt, inputs = instance.problem, instance.wrt, instance.rounded
    reference = state.references.of(problem, wrt, dims, inputs, dtype, request["exact_forms"])
    state.watch.enter(0)
    return asdict(recheck(problem, form, inputs, instance.case["device"], reference)), []


def _bounds(state: WorkerState, instance: CaseInstance, methods: list[str]) -> dict[str, Any]:
    """Worst-case error bounds. They hold only for the CPU's kernels and IEEE products."""
    case = instance.case
    if case["device"] != "cpu" or case["numerics"] != "ieee":
        return {}
    return state.bounds.of(instance.problem, case["wrt"], case["dims"], instance.rounded, case["dtype"], methods)
