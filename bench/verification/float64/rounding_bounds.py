"""Worst-case rounding errors of a gradient's float64 values, and of its values in other dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.magnitudes import as_real, roundings, values_and_terms
from gradiometer.graph.operation_kinds import LIKES, MOVES
from gradiometer.graph.trace import UnknownOperationError, overload_name
from gradiometer.verification.differences import Array

UNITS = {torch.float64: 2.0**-53, torch.float32: 2.0**-24, torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
"""Unit roundoff of each dtype."""
SAFETY = 8.0
"""Factor on the worst-case bound: sums of absolute terms are estimates, and kernels may round more than once."""
SPREAD_FACTOR = 2.0**10
"""Factor on the spread of the values when the inputs change by one unit roundoff."""
PERTURBATIONS = 4
LARGEST_SHARE = 0.125
"""Largest error, relative to the largest true entry, that the spread of a function's own values may explain.

A function that returns values of other calls has a large spread, which is no rounding error.
"""


class OtherShapeError(Exception):
    """A function whose results have other shapes where its inputs change by one unit roundoff."""


DISCONTINUOUS = {
    "argmax", "argmin", "argsort", "ceil", "eq", "floor", "ge", "gt", "is_largest", "kthvalue", "le", "lt", "median",
    "mode", "ne", "round", "sign", "sort", "topk", "trunc",
}  # fmt: skip
"""Operations whose results jump where their arguments are rounded."""


def in_halves(graph: GraphModule, tensors: Sequence[torch.Tensor], unit: float) -> list[Array] | None:
    """2 n u B in float16 or bfloat16, with n the operations that compute; None where B is not known.

    Products and sums accumulate in float32 and round once (Blanchard, Higham, Lopez, Mary & Pranesh 2020).
    """
    nodes = [node for node in graph.graph.nodes if node.op == "call_function" and node.all_input_nodes]
    count = sum(overload_name(node.target) not in MOVES | LIKES for node in nodes)
    terms = by_terms([graph], tensors, 1.0, safety=1.0, count=1)
    return None if terms is None else [2 * count * unit * part for part in terms]


def jumps(graph: GraphModule) -> bool:
    """Whether rounding may change the results of a graph by more than a rounding error."""
    return any(overload_name(node.target) in DISCONTINUOUS for node in graph.graph.nodes)


def by_terms(
    graphs: Sequence[GraphModule],
    tensors: Sequence[torch.Tensor],
    unit: float,
    safety: float = SAFETY,
    count: int | None = None,
) -> list[Array] | None:
    """SAFETY · γ_n · B of each entry: n the roundings of the graphs, B the first graph's sum of absolute terms.

    None where B is not known (Higham, *Accuracy and Stability of Numerical Algorithms*, chapter 3).
    """
    count = sum(map(roundings, graphs)) + 4 if count is None else count
    share = safety * count * unit
    try:
        parts = map(as_real, values_and_terms(graphs[0], tensors))
        return [share * part.terms + np.finfo(np.float64).tiny for part in parts]
    except (UnknownOperationError, ArithmeticError, AttributeError, TypeError, ValueError):
        return None


def by_condition(
    function: Callable[..., Any], tensors: Sequence[torch.Tensor], unit: float, values: Sequence[Array]
) -> list[Array]:
    """SPREAD_FACTOR times the spread of a gradient when its floating inputs change by one unit roundoff.

    Plus as many unit roundoffs of the largest entry, which covers roundings of intermediate results. Raises
    OtherShapeError where the results change their shapes; the function's own exceptions pass through.
    """
    generator = torch.Generator().manual_seed(0)
    spread = [np.zeros(part.shape) for part in values]
    for _ in range(PERTURBATIONS):
        moved = [
            tensor * (1 + 2 * unit * (2 * torch.randint(0, 2, tensor.shape, generator=generator).double() - 1))
            if tensor.is_floating_point()
            else tensor.clone()
            for tensor in tensors
        ]
        found = floats(function(*moved))
        if [part.shape for part in found] != [part.shape for part in values]:
            shapes = [", ".join(str(part.shape) for part in parts) for parts in (values, found)]
            raise OtherShapeError(f"has shape {shapes[0]}, and {shapes[1]} where its inputs change by one rounding")
        spread = [np.fmax(s, np.abs(one - v)) for s, one, v in zip(spread, found, values, strict=True)]
    largest = max((float(np.max(np.abs(part), initial=0.0, where=np.isfinite(part))) for part in values), default=0.0)
    return [SPREAD_FACTOR * (part + unit * largest) for part in spread]


def at_most(bounds: list[Array], truth: Sequence[Array]) -> list[Array]:
    """The bounds, none above LARGEST_SHARE of the largest entry; as they are where every entry is zero."""
    largest = max((float(np.max(np.abs(part), initial=0.0)) for part in truth), default=0.0)
    return [np.minimum(bound, LARGEST_SHARE * largest) for bound in bounds] if largest else bounds


def floats(returned: Any) -> list[Array]:
    """Returned tensors as float64 arrays; complex ones have their two parts in a last dimension."""
    parts = returned if isinstance(returned, (tuple, list)) else (returned,)
    tensors = [part.detach().cpu() for part in parts if isinstance(part, torch.Tensor)]
    real = [torch.view_as_real(t.resolve_conj()) if t.is_complex() else t for t in tensors]
    return [np.asarray(t.double().numpy()) for t in real]
