"""Worst-case error bounds of a case's methods, each from the graph of what it computes, traced in the case's dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from bench.graph.bounds import worst_case
from bench.graph.trace import TraceError, UnknownOperationError, trace
from bench.methods import METHODS
from bench.problems import Problem
from bench.verify.forms import form_function, torch_function
from bench.verify.verdict import TORCH

Array = np.ndarray[Any, np.dtype[np.float64]]


def graph_name(problem: Problem, wrt: str, method: str) -> str | None:
    """Which graph bounds a method: a form's own, or torch's derivative for all of reverse mode; null for the rest.

    Forward mode evaluates another graph, and a finite difference errs by more than rounding.
    """
    if method in problem.forms(wrt):
        return method
    return TORCH if METHODS[method].family == "reverse" else None


class Bounds:
    """Bounds of one process's cases; a graph is traced once per problem, wrt, dims and dtype, whatever the data."""

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
        """Graph's name → a bound on |Ĝ − G| per entry, flat; without the graphs that have none at these inputs."""
        found = {}
        for name in dict.fromkeys(graph_name(problem, wrt, method) for method in methods):
            graph = None if name is None else self._graph(problem, wrt, dims, inputs, dtype, name)
            parts = None if graph is None else worst_case(graph, list(inputs.values()), dtype)
            if name is not None and parts is not None:
                found[name] = np.concatenate([np.ravel(part) for part in parts])
        return found

    def _graph(
        self,
        problem: Problem,
        wrt: str,
        dims: Mapping[str, int],
        inputs: Mapping[str, torch.Tensor],
        dtype: str,
        name: str,
    ) -> GraphModule | None:
        key = (problem.name, wrt, tuple(dims.items()), dtype, name)
        if key not in self._graphs:
            function = (
                torch_function(problem, problem.wrts[wrt])
                if name == TORCH
                else form_function(problem, problem.forms(wrt)[name])
            )
            try:
                self._graphs[key] = trace(function, list(inputs.values()))
            except (TraceError, UnknownOperationError):
                self._graphs[key] = None
        return self._graphs[key]
