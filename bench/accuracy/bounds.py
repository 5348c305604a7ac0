"""Worst-case rounding bounds of a case's methods, from the graph of each method, traced in the case's dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.accuracy.gradients import as_tuple
from gradiometer.accuracy.metrics import Array
from gradiometer.graph.arithmetic.error_bounds import worst_case
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.methods import METHODS, objective
from gradiometer.problems import Problem
from gradiometer.verification.functions import form_function, torch_function
from gradiometer.verification.verdict import TORCH

FORWARD = "jacfwd"
"""The method whose graph bounds all forward-mode methods. `jacobian_forward` maps over dual numbers and cannot be
traced; it computes the same products and sums, and a bound holds for any order of a sum.
"""
MOST_TANGENT_ENTRIES = 2**24
"""Largest number of entries of forward-mode tangents; a bound for more would take gigabytes."""
GRAPHS = {"reverse": TORCH, "forward": FORWARD}
"""Family → name of the graph that bounds its methods. Finite differences have truncation errors, hence no bound."""


def graph_name(problem: Problem, wrt: str, method: str) -> str | None:
    """Name of the graph that bounds a method: the form's own, or that of the family. None where there is none."""
    return method if method in problem.forms(wrt) else GRAPHS.get(METHODS[method].family)


def forward_function(problem: Problem, wrt: tuple[str, ...]) -> Callable[..., Any]:
    """Derivative of the loss in forward mode: a function of all inputs in order, which returns a tuple."""
    names = tuple(problem.shapes)

    def gradient(*tensors: torch.Tensor) -> tuple[Any, ...]:
        asked = objective(problem, wrt, dict(zip(names, tensors, strict=True)))
        return as_tuple(METHODS[FORWARD].prepare(asked)()())

    return gradient


def _is_too_large(problem: Problem, wrt: tuple[str, ...], dims: Mapping[str, int]) -> bool:
    sizes = {name: prod(problem.shape_of(name, dims)) for name in problem.shapes}
    return sum(sizes[name] for name in wrt) * max(sizes.values()) > MOST_TANGENT_ENTRIES


class Bounds:
    """Bounds of a process's cases. Graphs are traced once per problem, wrt, dims and dtype."""

    def __init__(self) -> None:
        self._graphs: dict[Any, GraphModule | None] = {}

    def of(
        self,
        problem: Problem,
        wrt: str,
        dims: Mapping[str, int],
        inputs: Mapping[str, torch.Tensor],
        dtype: str,
        methods: Sequence[str],
    ) -> dict[str, Array]:
        """Name of a graph → bound on |Ĝ − G| per entry, flat. Graphs without a bound at these inputs are left out."""
        found = {}
        for name in dict.fromkeys(graph_name(problem, wrt, method) for method in methods):
            if name is None:
                continue
            key = (problem.name, wrt, tuple(dims.items()), dtype, name)
            if key not in self._graphs:
                self._graphs[key] = _traced(problem, wrt, dims, inputs, name)
            graph = self._graphs[key]
            parts = None if graph is None else worst_case(graph, list(inputs.values()), dtype)
            if parts is not None:
                found[name] = np.concatenate([np.ravel(part) for part in parts])
        return found


def _traced(
    problem: Problem, wrt: str, dims: Mapping[str, int], inputs: Mapping[str, torch.Tensor], name: str
) -> GraphModule | None:
    names = problem.wrts[wrt]
    if name == FORWARD and _is_too_large(problem, names, dims):
        return None
    functions = {TORCH: torch_function, FORWARD: forward_function}
    if name in functions:
        function = functions[name](problem, names)
    else:
        function = form_function(problem, problem.forms(wrt)[name])
    try:
        return trace(function, list(inputs.values()))
    except (TraceError, UnknownOperationError):
        return None
