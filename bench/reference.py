"""The gradient of a case with a proved radius: the loss's forward graph, differentiated exactly, in exact arithmetic.

Each entry's radius is below 2⁻²⁰ · max(ulp(g), u·B) in the case's dtype. What cannot be traced, or costs too much,
falls back to autograd in float64, marked as such; for a float64 case that is no reference at all, hence none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from bench.graph.adjoint import derivative
from bench.graph.enclosure import PrecisionError, exact
from bench.graph.magnitudes import magnitudes
from bench.graph.trace import TraceError, UnknownOperationError, overload_name, trace
from bench.methods import objective
from bench.metrics import ulp_of
from bench.problems import Problem
from bench.schema import DTYPES
from bench.verify.forms import loss_function

Array = np.ndarray[Any, np.dtype[np.float64]]

RADIUS_SHARE = 2.0**-20
MOST_PRODUCTS = 4e9
"""Multiplications beyond which exact arithmetic takes many seconds, and float64 serves."""

ENGINES = {"limbs": "integer", "integers": "integer", "balls": "ball"}


@dataclass(frozen=True)
class Reference:
    """|G − (hi + lo)| is at most `radius_ulp` · max(ulp(g), u·B); all flat float64, the inputs' gradients in a row.

    `kind` is a value of the column `reference`; for `float64`, `lo` is zero and the radius unknown. `terms` is B, the
    sum of the absolute values of the terms of each entry; null where it could not be had.
    """

    kind: str
    hi: Array
    lo: Array
    radius_ulp: float | None
    terms: Array | None


class References:
    """References of one process's cases; a graph is traced once per problem, wrt and dims, whatever the data."""

    def __init__(self) -> None:
        self._graphs: dict[Any, GraphModule | None] = {}

    def of(
        self,
        problem: Problem,
        wrt: tuple[str, ...],
        dims: Mapping[str, int],
        inputs: Mapping[str, torch.Tensor],
        dtype: str,
    ) -> Reference:
        """The reference gradient at these inputs, which are on the CPU and in the case's dtype."""
        graph = self._graph(problem, wrt, dims, inputs)
        if graph is not None:
            try:
                return _certified(graph, inputs, dtype)
            except (PrecisionError, UnknownOperationError):
                pass
        return _in_float64(problem, wrt, inputs)

    def _graph(
        self, problem: Problem, wrt: tuple[str, ...], dims: Mapping[str, int], inputs: Mapping[str, torch.Tensor]
    ) -> GraphModule | None:
        key = (problem.name, wrt, tuple(dims.items()))
        if key not in self._graphs:
            self._graphs[key] = _derivative(problem, wrt, inputs)
        return self._graphs[key]


def _derivative(problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor]) -> GraphModule | None:
    tensors = [tensor.double() for tensor in inputs.values()]
    names = list(inputs)
    try:
        graph = derivative(trace(loss_function(problem), tensors), tensors, [names.index(name) for name in wrt])
    except (TraceError, UnknownOperationError, ValueError):
        return None
    return graph if products(graph) <= MOST_PRODUCTS else None


def products(graph: GraphModule) -> int:
    """Multiplications in the graph's matrix products."""
    count = 0
    for node in graph.graph.nodes:
        if node.op == "call_function" and overload_name(node.target) in ("mm", "bmm"):
            left, right = (part.meta["val"].shape for part in node.args[:2])
            count += left.numel() * right[-1]
    return count


def _certified(graph: GraphModule, inputs: Mapping[str, torch.Tensor], dtype: str) -> Reference:
    form = DTYPES[dtype]
    sizes = magnitudes(graph, [tensor.double() for tensor in inputs.values()])

    def unit(result: int, hi: Array) -> Array:
        """max(ulp(g), u·B): what a radius is measured in, since ulp(0) would be absurd for a transcendental."""
        size: Array = np.nan_to_num(sizes[result], nan=0.0, posinf=0.0)
        return np.maximum(ulp_of(hi, form), form.unit_roundoff * size)

    found = exact(graph, list(inputs.values()), lambda result, hi: RADIUS_SHARE * unit(result, hi))
    radii = [float(np.max(part.radius / unit(i, part.hi), initial=0.0)) for i, part in enumerate(found.results)]
    return Reference(
        ENGINES[found.engine],
        np.concatenate([part.hi.ravel() for part in found.results]),
        np.concatenate([part.lo.ravel() for part in found.results]),
        max(radii),
        np.concatenate([size.ravel() for size in sizes]),
    )


def _in_float64(problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor]) -> Reference:
    asked = objective(problem, wrt, {name: tensor.double() for name, tensor in inputs.items()})
    leaves = asked.leaves()
    parts = torch.autograd.grad(asked.loss(*leaves), leaves)
    hi = np.concatenate([part.numpy().ravel() for part in parts])
    return Reference("float64", hi, np.zeros_like(hi), None, None)
