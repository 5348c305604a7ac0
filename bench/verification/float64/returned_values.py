"""What a gradient returns when it is really called: several times, with changed inputs, and in other dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.accuracy.gradients import as_tuple
from gradiometer.graph.trace import UnknownOperationError
from gradiometer.problems.inputs import bits
from gradiometer.verification.differences import Array, midpoints_of
from gradiometer.verification.float64.rounding_bounds import (
    UNITS,
    OtherShapeError,
    at_most,
    by_condition,
    by_terms,
    floats,
    in_halves,
    jumps,
)
from gradiometer.verification.functions import UncheckableError, call_on_copies, loss_function, one_line
from gradiometer.verification.instance import Instance, Wrt
from gradiometer.verification.sample_points import Point
from gradiometer.verification.traced import Traced

Function = Callable[..., Any]
CALLS = 5
"""Calls at one point, so that a function that counts its calls is found."""
HALVES = (torch.float16, torch.bfloat16)
COARSE = 0.125
"""Least error in float16 and bfloat16, relative to the largest entry, that is taken for a mistake."""


@dataclass(frozen=True)
class Expected:
    """The true gradient at a point as float64 arrays, and the largest rounding error of each entry."""

    point: Point
    values: list[Array]
    bounds: list[Array]


def expected_at(instance: Instance, wrt: Wrt, form: Traced | None, function: Function, point: Point) -> Expected:
    """The true gradient and the rounding errors of `function` there.

    Raises OtherShapeError as `by_condition` does, and UncheckableError where the function raises.
    """
    values = [midpoints_of(part) for part in instance.derivative_at(wrt, point)[0]]
    bounds = None
    if form is not None:
        bounds = by_terms([form.at(point).graph], point.tensors, UNITS[torch.float64])
    if bounds is None:
        own = floats(call_on_copies(function, point.tensors, instance.names, "the form"))
        try:
            bounds = at_most(by_condition(function, point.tensors, UNITS[torch.float64], own), values)
        except OtherShapeError:
            raise
        except Exception as error:  # at slightly different inputs, code may raise anything
            raise UncheckableError(f"the form raises {one_line(error)} at slightly different inputs") from error
    return Expected(point, values, bounds)


def beyond(returned: Sequence[Array], expected: Sequence[Array], bounds: Sequence[Array]) -> str | None:
    """The first entry that differs by more than its bound, in words; None where there is none.

    A finite true value must be returned as a finite number, except where its bound is not finite either.
    """
    for part, truth, bound in zip(returned, expected, bounds, strict=True):
        if part.shape != truth.shape:
            return f"has shape {part.shape}, should have {truth.shape}"
        with np.errstate(all="ignore"):
            known = np.isfinite(truth) & np.isfinite(bound)
            bad = known & ~(np.abs(part - truth) <= bound)
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            where = f"entry {list(place)}" if place else "it"
            with np.errstate(over="ignore"):
                error = abs(part[place] - truth[place]) / max(abs(truth[place]), np.finfo(np.float64).tiny)
            close = f" (relative error {error:.2g})" if error < 1e-4 else ""
            return f"{where} is {part[place]:.6g}, should be {truth[place]:.6g}{close}"
    return None


def wrong_calls(function: Function, expected: Sequence[Expected], names: tuple[str, ...], what: str) -> str | None:
    """What is wrong with repeated calls: in a row, and with tensors that are changed in place between calls.

    None where all agree within rounding. Raises UncheckableError where a call raises or writes into an input.
    """
    first, last = expected[0], expected[-1]
    for i in range(CALLS):
        returned = floats(call_on_copies(function, first.point.tensors, names, what))
        why = beyond(returned, first.values, first.bounds)
        if why is not None:
            when = "" if i == 0 else f" in call {i + 1}"
            return f"when called{when}, {why}"
    kept = [tensor.clone() for tensor in first.point.tensors]
    for one in (first, last, first):
        for tensor, source in zip(kept, one.point.tensors, strict=True):
            tensor.copy_(source)
        try:
            returned = floats(function(*kept))
        except Exception as error:
            raise UncheckableError(f"{what} raises {one_line(error)} when called again") from error
        why = beyond(returned, one.values, one.bounds)
        if why is not None:
            return f"when called again after its inputs changed in place, {why}"
    for one in expected[1:]:
        why = beyond(floats(call_on_copies(function, one.point.tensors, names, what)), one.values, one.bounds)
        if why is not None:
            return f"when called at {one.point.data} data, {why}"
    return None


def wrong_dtypes(
    instance: Instance, wrt: Wrt, form: Traced | None, function: Function, point: Point
) -> tuple[str | None, str | None]:
    """What is wrong in float32, float16 and bfloat16, and a remark on dtypes in which the form does not run.

    The true gradient at the rounded inputs is computed in float64; its errors are far below these dtypes' roundings.
    """
    if any(tensor.is_complex() for tensor in point.tensors):  # the half types have no complex numbers
        return None, None
    exact = instance.exact(wrt, point).graph
    failing: dict[str, list[str]] = {}
    for dtype in (torch.float32, *HALVES):
        inputs = [tensor.to(dtype) if tensor.is_floating_point() else tensor.clone() for tensor in point.tensors]
        name = str(dtype).removeprefix("torch.")
        before = [bits(tensor) for tensor in inputs]
        try:
            returned = function(*inputs)
        except Exception as error:
            if _runs(loss_function(instance.problem), point, dtype):
                failing.setdefault(f"raises {one_line(error)[:120]}", []).append(name)
            continue
        if [bits(tensor) for tensor in inputs] != before:
            return f"in {name} it writes into its inputs", None
        kinds = {part.dtype for part in as_tuple(returned) if isinstance(part, torch.Tensor)} - {dtype}
        if kinds:
            failing.setdefault(f"returns {str(kinds.pop()).removeprefix('torch.')}", []).append(name)
        values = floats(returned)
        if not all(np.isfinite(part).all() for part in values):
            failing.setdefault("not finite", []).append(name)
        why = _wrong_in(dtype, exact, form, inputs, values)
        if why is not None:
            return f"in {name}, {why}", None
    remark = "; ".join(f"{what} in {', '.join(dtypes)}" for what, dtypes in failing.items())
    return None, remark or None


def _runs(function: Function, point: Point, dtype: torch.dtype) -> bool:
    try:
        function(*(tensor.to(dtype) if tensor.is_floating_point() else tensor.clone() for tensor in point.tensors))
    except Exception:  # the loss may raise anything
        return False
    return True


def _wrong_in(
    dtype: torch.dtype, exact: GraphModule, form: Traced | None, inputs: list[torch.Tensor], returned: list[Array]
) -> str | None:
    """The first entry that is wrong in a dtype; None where there is none, or where rounding decides branches."""
    doubles = [tensor.double() if tensor.is_floating_point() else tensor for tensor in inputs]
    graph = form.first.graph if form is not None else exact
    if dtype in HALVES and (jumps(exact) or jumps(graph)):
        return None
    is_half = dtype in HALVES
    bounds = in_halves(graph, doubles, UNITS[dtype]) if is_half else by_terms([graph, exact], doubles, UNITS[dtype])
    if bounds is None:
        return None
    try:
        with torch.no_grad():
            truth = floats(exact(*doubles))
    except (RuntimeError, UnknownOperationError):
        return None
    if any(part.shape != one.shape for part, one in zip(returned, truth, strict=True)):
        return "it has another shape"
    largest = max((float(np.max(np.abs(part), initial=0.0)) for part in truth), default=0.0)
    if dtype in HALVES:
        bounds = [np.maximum(bound, COARSE * largest) for bound in bounds]
    else:
        bounds = [bound + 2.0**-120 for bound in bounds]
    finite = [np.where(np.isfinite(part), part, one) for part, one in zip(returned, truth, strict=True)]
    return beyond(finite, truth, bounds)
