"""Comparison in float64: for functions that cannot be traced, and at dimensions that are too large for balls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gradiometer.graph.trace import TraceError, UnknownOperationError
from gradiometer.verification.differences import Array, midpoints_of
from gradiometer.verification.float64.returned_values import beyond
from gradiometer.verification.float64.rounding_bounds import UNITS, OtherShapeError, at_most, by_condition, floats
from gradiometer.verification.functions import UncheckableError, call_on_copies, loss_function, one_line, torch_function
from gradiometer.verification.instance import Instance, Wrt
from gradiometer.verification.sample_points import Point

UNIT = 2.0**-53
MOST_DIGITS = 53 * math.log10(2)


@dataclass(frozen=True)
class Float64Comparison:
    """A comparison of returned float64 values with the derivative: `agrees_float64` or `wrong`, digits, and why."""

    verdict: str
    digits: float
    instance: Instance
    point: Point
    why: str | None


def truth_at(instance: Instance, wrt: Wrt, point: Point, by_torch: bool) -> list[Array]:
    """The best known derivative at a point: the exact one, or `torch.autograd` of the loss in float64.

    Raises UncheckableError where neither is known.
    """
    if not by_torch:
        try:
            parts, _ = instance.derivative_at(wrt, point)
            return [midpoints_of(part) for part in parts]
        except (UncheckableError, TraceError, UnknownOperationError):
            pass
    function = torch_function(instance.problem, wrt)
    return floats(call_on_copies(function, point.tensors, instance.names, "torch's derivative of the loss"))


def compare_float64(
    instance: Instance, wrt: Wrt, function: Callable[..., Any], point: Point, what: str, by_torch: bool = False
) -> Float64Comparison | None:
    """Compare what a function returns with the best known derivative; None where that or the loss is not finite.

    Raises UncheckableError where the function raises.
    """
    truth = truth_at(instance, wrt, point, by_torch)
    loss = call_on_copies(loss_function(instance.problem), point.tensors, instance.names, "the loss")
    if not torch.isfinite(loss).all() or not all(np.isfinite(part).all() for part in truth):
        return None
    returned = floats(call_on_copies(function, point.tensors, instance.names, what))
    try:
        bounds = at_most(by_condition(function, point.tensors, UNIT, returned), truth)
        of_truth = by_condition(torch_function(instance.problem, wrt), point.tensors, UNIT, truth)
    except OtherShapeError as error:
        return Float64Comparison("wrong", 0.0, instance, point, str(error))
    except Exception as error:  # at slightly different inputs, code may raise anything
        raise UncheckableError(f"{what} raises {one_line(error)} at slightly different inputs") from error
    bounds = [one + other for one, other in zip(bounds, of_truth, strict=True)]
    why = beyond(returned, truth, bounds)
    return Float64Comparison(
        "agrees_float64" if why is None else "wrong", _digits(returned, truth), instance, point, why
    )


def _digits(returned: list[Array], truth: list[Array]) -> float:
    """−log10 of the largest error relative to the largest entry, at most what float64 holds."""
    largest = max((float(np.max(np.abs(part), initial=0.0)) for part in truth), default=0.0)
    with np.errstate(all="ignore"):
        errors = [np.abs(one - other) for one, other in zip(returned, truth, strict=True)]
    worst = max((float(np.max(part, initial=0.0)) for part in errors), default=0.0)
    if not math.isfinite(worst):
        return 0.0
    if worst == 0:
        return MOST_DIGITS
    # A difference of logarithms, since the quotient may underflow.
    return min(MOST_DIGITS, max(0.0, math.log10(largest) - math.log10(worst))) if largest else 0.0


__all__ = ["UNITS", "Float64Comparison", "compare_float64", "truth_at"]
