"""Verify every form of a problem: does it run, does it fit its inputs, is it equal to the exact derivative."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

from gradiometer.errors import GradiometerError
from gradiometer.graph.trace import TraceError, trace
from gradiometer.problems.problem import Problem
from gradiometer.verification.diagnosis.diagnose import diagnose
from gradiometer.verification.equality import Comparison, chance_log2, compare
from gradiometer.verification.functions import (
    UncheckableError,
    call_twice,
    form_function,
    gradient_mismatch,
    one_line,
    torch_function,
)
from gradiometer.verification.instance import Instance, TracedGradient, instances, third_instance
from gradiometer.verification.returned_values import excess_rounding, returned_values, untraced_values
from gradiometer.verification.sample_points import Point, dims_text
from gradiometer.verification.verdict import TORCH, VERDICTS, Verdict

Function = Callable[..., Any]


class WrongGradientError(Exception):
    """Internal: the gradient is wrong before, or besides, its comparison with the exact derivative."""


def verify(problem: Problem, wrt: str | None = None, form: str | None = None) -> list[Verdict]:
    """Verdicts on all forms of a problem, or of one `wrt`, or on one form; torch's own derivative comes last per `wrt`.

    Use it in a test of your own: `assert all(v.is_right for v in verify(problem))`. Deterministic (fixed
    seeds); computes in float64 on the CPU. Code of the problem that raises gives the verdict `unchecked` with the
    reason. Raises GradiometerError for an unknown `wrt` or form.
    """
    if wrt is not None and wrt not in problem.wrts:
        raise GradiometerError(f"wrt: expected one of {', '.join(problem.wrts)}; found {wrt!r}")
    wanted = problem.wrts if wrt is None else {wrt: problem.wrts[wrt]}
    forms = {text: [one for one in (*problem.forms(text), TORCH) if form in (None, one)] for text in wanted}
    if not any(forms.values()):
        raise GradiometerError(f"form: expected one of {', '.join(problem.forms(next(iter(wanted))))}; found {form!r}")
    try:
        places, note = instances(problem)
    except Exception as error:
        why, bug = _reason(error)
        return [
            Verdict(problem.name, text, one, "unchecked", None, 0, "", why, traceback=bug)
            for text in wanted
            for one in forms[text]
        ]
    return [_verdict(problem, text, one, places, note) for text in wanted for one in forms[text]]


def _reason(error: Exception) -> tuple[str, str | None]:
    """Why there is no comparison; for a bug of the checker also the traceback, since a bug costs one verdict only."""
    if isinstance(error, (GradiometerError, WrongGradientError)):
        return str(error), None
    return f"internal error, please report it: {one_line(error)}", "".join(traceback.format_exception(error))


def _verdict(problem: Problem, wrt: str, form: str, places: Sequence[Instance], note: str | None) -> Verdict:
    """The verdict on one form; `note` says why `places` are not at prime dimensions and is added to the diagnosis."""
    names = problem.wrts[wrt]
    function = torch_function(problem, names) if form == TORCH else form_function(problem, problem.forms(wrt)[form])
    comparisons: list[Comparison] = []
    chances: list[float | None] = []
    digits = diagnosis = chance = bug = None
    try:
        for place in places:
            traced = _traced(place, names, form, function)
            usable = place.usable(names)
            here = [compare(place, names, traced, point) for point in usable]
            comparisons += here
            for point in usable:
                _check_returned(place, names, form, traced, function, point)
            chances.append(chance_log2(place, names, traced, here))
        verdict = max((comparison.verdict for comparison in comparisons), key=list(VERDICTS).index)
        digits = min(comparison.digits for comparison in comparisons)
        if verdict == "wrong":
            diagnosis = diagnose(names, function, [*_evidence(comparisons), *_third(problem, names, form, function)])
        elif verdict == "exact" and None not in chances:
            verdict, chance = "proved", max(one for one in chances if one is not None)
    except Exception as error:
        verdict = "wrong" if digits is not None or isinstance(error, WrongGradientError) else "unchecked"
        diagnosis, bug = _reason(error)
    dims = "; ".join(dims_text(place.dims) for place in places)
    joined = "; ".join(filter(None, (diagnosis, note))) or None
    return Verdict(
        problem.name, wrt, form, verdict, digits, len(comparisons), dims, joined, None, chance, traceback=bug
    )


def _label(form: str) -> str:
    return "torch's derivative of the loss" if form == TORCH else form


def _traced(place: Instance, names: tuple[str, ...], form: str, function: Function) -> TracedGradient:
    """The form as a graph. Raises UncheckableError, and WrongGradientError where it does not fit its inputs."""
    point = place.points[0]
    returned = call_twice(function, point.tensors, place.names, _label(form))
    why = gradient_mismatch(returned, tuple(point.inputs[name] for name in names))
    if why is not None:
        raise WrongGradientError(why)
    try:
        return TracedGradient(trace(function, point.tensors, name=_label(form)))
    except TraceError as error:
        raise UncheckableError(str(error)) from error


def _check_returned(
    place: Instance, names: tuple[str, ...], form: str, traced: TracedGradient, function: Function, point: Point
) -> None:
    """Check the values that the function itself returns at a point. Raises UncheckableError and WrongGradientError."""
    returned = returned_values(function, point, place.names, _label(form))
    if form == TORCH:
        why = excess_rounding(place, names, traced, point, returned)
        if why is not None:
            raise WrongGradientError(why)
    else:
        why = untraced_values(traced, point, returned)
        if why is not None:
            raise UncheckableError(f"{form} {why}")


def _evidence(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The first wrong comparison at each tuple of dimensions."""
    found: dict[int, Comparison] = {}
    for comparison in comparisons:
        if comparison.verdict == "wrong":
            found.setdefault(id(comparison.instance), comparison)
    return list(found.values())


def _third(problem: Problem, names: tuple[str, ...], form: str, function: Function) -> list[Comparison]:
    """One comparison at a third tuple of dimensions, which separates a dimension from a constant; empty without one."""
    place = third_instance(problem)
    if place is None:
        return []
    try:
        return [compare(place, names, _traced(place, names, form, function), place.usable(names)[0])]
    except (UncheckableError, WrongGradientError):
        return []
