"""Checks on the float64 values that a gradient returns: against its traced graph, and against rounding error bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from gradiometer.graph.arithmetic.magnitudes import roundings
from gradiometer.graph.evaluate import UndecidedError
from gradiometer.graph.trace import UnknownOperationError
from gradiometer.verification.differences import Array
from gradiometer.verification.functions import call_on_copies
from gradiometer.verification.instance import Instance, TracedGradient
from gradiometer.verification.sample_points import Point

UNIT = 2.0**-53
"""Unit roundoff of float64."""


def returned_values(function: Callable[..., Any], point: Point, names: tuple[str, ...], what: str) -> list[Array]:
    """The float64 values that a function returns at a point. Raises UncheckableError as `call_on_copies` does."""
    returned = call_on_copies(function, point.tensors, names, what)
    return [part.detach().double().numpy() for part in returned if isinstance(part, torch.Tensor)]


def untraced_values(traced: TracedGradient, point: Point, returned: Sequence[Array]) -> str | None:
    """Why the traced graph is not what the function computes, as a message; None where their values agree."""
    try:
        sizes, parts = traced.absolute_terms(point), traced.at(point).parts
    except (UnknownOperationError, UndecidedError):
        return None
    for part, values, size in zip(parts, returned, sizes, strict=True):
        expected = np.array([float(ball) for ball in part.ravel()]).reshape(part.shape)
        known = np.isfinite(expected) & np.isfinite(values) & np.isfinite(size)
        if (np.abs(expected[known] - values[known]) > 2.0**-16 * size[known] + 2.0**-1000).any():
            return "returns other values than the operations that were traced, so its graph is not known"
    return None


def excess_rounding(
    instance: Instance, wrt: tuple[str, ...], traced: TracedGradient, point: Point, returned: Sequence[Array]
) -> str | None:
    """By how much returned values miss the exact derivative beyond their rounding errors; None where they do not.

    The bound is γ_n times the sum of absolute terms, with n the roundings of the whole graph and of its loss (Higham,
    *Accuracy and Stability of Numerical Algorithms*, chapter 3). Entries that overflow are left out.
    """
    try:
        sizes = traced.absolute_terms(point)
    except UnknownOperationError:
        return None
    count = roundings(traced.graph) + roundings(instance.loss)
    bound = count * UNIT / (1 - count * UNIT)
    for part, values, size in zip(instance.exact(wrt).at(point).parts, returned, sizes, strict=True):
        for place in np.ndindex(part.shape):
            if not (math.isfinite(values[place]) and math.isfinite(size[place])):
                continue
            error = abs(float(part[place] - float(values[place])))
            if error > bound * size[place] + 2.0**-1000:
                return (
                    f"PyTorch's kernels are off by {error / (UNIT * size[place]):.3g} roundings of the sum of absolute "
                    f"terms at entry {list(place)}, at most {count} are expected"
                )
    return None
