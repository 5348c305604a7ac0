"""Takes every form of a problem through the questions: does it run, does it fit, is it equal, and if not, why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradiometer.graph.trace import TraceError, trace
from gradiometer.problems.problem import Problem
from gradiometer.verification.diagnosis.diagnose import diagnose
from gradiometer.verification.forms import UncheckableError, called, form_function, misfit, torch_function
from gradiometer.verification.instance import Setting, Traced, kernel_values, settings, third
from gradiometer.verification.sample_points import Point, dims_text
from gradiometer.verification.verdict import ORDER, TORCH, Verdict
from gradiometer.verification.verdicts import Comparison, compare, frozen, kernel_excess, proof

Function = Callable[..., Any]


class WrongKernelError(ValueError):
    """torch's formula is right and what its kernels return is not."""


def verify(problem: Problem, wrt: str | None = None, form: str | None = None) -> list[Verdict]:
    """The verdict on every form of every wrt (or of one, or on that form alone), torch's own derivative last in each.

    Deterministic: points come from fixed seeds. Whatever a problem's functions raise ends in an `unchecked` verdict
    with its reason. Uses float64 on the CPU, whatever the problem is measured in. Raises KeyError for an unknown wrt.
    """
    wanted = problem.wrts if wrt is None else {wrt: problem.wrts[wrt]}
    try:
        places, note = settings(problem)
    except UncheckableError as error:
        return [
            Verdict(problem.name, text, one, "unchecked", None, 0, "", str(error))
            for text in wanted
            for one in (*problem.forms(text), TORCH)
            if form in (None, one)
        ]
    return [
        _verdict(problem, text, names, one, function, places, note)
        for text, names in wanted.items()
        for one, function in _functions(problem, text, names).items()
        if form in (None, one)
    ]


def _functions(problem: Problem, wrt: str, names: tuple[str, ...]) -> dict[str, Function]:
    forms = {form: form_function(problem, value) for form, value in problem.forms(wrt).items()}
    return {**forms, TORCH: torch_function(problem, names)}


def _verdict(
    problem: Problem,
    wrt: str,
    names: tuple[str, ...],
    form: str,
    function: Function,
    places: Sequence[Setting],
    note: str | None,
) -> Verdict:
    dims = "; ".join(dims_text(place.dims) for place in places)
    comparisons: list[Comparison] = []
    chances: list[float | None] = []
    try:
        for place in places:
            traced = _traced(place, names, form, function)
            if isinstance(traced, str):
                return Verdict(problem.name, wrt, form, "wrong", None, 0, dims, traced)
            usable = place.usable(names)
            here = [compare(place, names, traced, point) for point in usable]
            comparisons += here
            for point in usable:
                _check_kernels(place, names, form, traced, function, point)
            chances.append(proof(place, names, traced, here))
    except UncheckableError as error:
        return Verdict(problem.name, wrt, form, "unchecked", None, len(comparisons), dims, _joined(str(error), note))
    except WrongKernelError as error:
        return Verdict(problem.name, wrt, form, "wrong", None, len(comparisons), dims, _joined(str(error), note))
    except Exception as error:  # a problem's code may raise anything, wherever it is called
        why = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:300]
        return Verdict(problem.name, wrt, form, "unchecked", None, len(comparisons), dims, _joined(why, note))
    verdict = max((comparison.verdict for comparison in comparisons), key=ORDER.index)
    digits = min(comparison.digits for comparison in comparisons)
    diagnosis, chance = None, None
    if verdict == "wrong":
        diagnosis = diagnose(names, function, [*_evidence(comparisons), *_further(problem, names, form, function)])
    elif verdict == "exact" and all(one is not None for one in chances):
        chance = max(one for one in chances if one is not None)
    return Verdict(
        problem.name, wrt, form, verdict, digits, len(comparisons), dims,
        _joined(diagnosis, note), chance is not None, chance,
    )  # fmt: skip


def _traced(place: Setting, names: tuple[str, ...], form: str, function: Function) -> Traced | str:
    """The form as a graph, or why it is no gradient of these inputs. Raises UncheckableError."""
    point = place.points[0]
    spoken = "torch's derivative of the loss" if form == TORCH else form
    returned = called(function, point.tensors, place.names, spoken)
    why = misfit(returned, tuple(point.inputs[name] for name in names))
    if why is not None:
        return why
    try:
        return Traced(trace(function, point.tensors, name=spoken))
    except TraceError as error:
        raise UncheckableError(str(error)) from error


def _check_kernels(
    place: Setting, names: tuple[str, ...], form: str, traced: Traced, function: Function, point: Point
) -> None:
    returned = kernel_values(function, point)
    if form == TORCH:
        excess = kernel_excess(place, names, traced, point, returned)
        if excess is not None:
            raise WrongKernelError(excess)
    else:
        why = frozen(traced, point, returned)
        if why is not None:
            raise UncheckableError(f"{form}: {why}")


def _evidence(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The first wrong comparison at each tuple of dimensions."""
    found: dict[int, Comparison] = {}
    for comparison in comparisons:
        if comparison.verdict == "wrong":
            found.setdefault(id(comparison.setting), comparison)
    return list(found.values())


def _further(problem: Problem, names: tuple[str, ...], form: str, function: Function) -> list[Comparison]:
    """One comparison at a third tuple, where the problem can take it: it tells a dimension from a constant."""
    place = third(problem)
    if place is None:
        return []
    try:
        traced = _traced(place, names, form, function)
        return [compare(place, names, traced, place.usable(names)[0])] if isinstance(traced, Traced) else []
    except UncheckableError:
        return []


def _joined(*said: str | None) -> str | None:
    return "; ".join(one for one in said if one) or None
