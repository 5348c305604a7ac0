"""Traced functions at points: their graphs, and their values in balls, in midpoints and in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from flint import ctx
from torch.fx import GraphModule, Node

from gradiometer.graph.arithmetic import balls as ball_families
from gradiometer.graph.arithmetic.balls import OPERATIONS, balls
from gradiometer.graph.arithmetic.balls.midpoints import midpoints
from gradiometer.graph.arithmetic.magnitudes import Magnitude, as_real, values_and_terms
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import overload_name, trace
from gradiometer.verification.constants.explain import ConstantFit
from gradiometer.verification.differences import Array, Balls
from gradiometer.verification.sample_points import Point

PRECISION = 1024
"""Bits of the first evaluation in balls."""


@dataclass(frozen=True)
class BallValues:
    """The parts of a gradient in balls."""

    parts: list[Balls]


@dataclass
class TracedGradient:
    """A gradient as a graph. Each of its values at a point is computed once and kept.

    A complex part has its real and imaginary parts in a last dimension of size 2.
    """

    graph: GraphModule
    _kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def is_rigorous(self) -> bool:
        """Whether every operation has a rigorous enclosure."""
        names: frozenset[str] = getattr(ball_families, "NOT_RIGOROUS", frozenset())
        return not any(overload_name(node.target) in names for node in self.graph.graph.nodes)

    def at(self, point: Point, precision: int = PRECISION) -> BallValues:
        """The values at a point, in balls of `precision` bits. Raises UnknownOperationError and UndecidedError."""

        def in_balls() -> BallValues:
            with ctx.workprec(precision):
                return BallValues(self._real(evaluate(self.graph, point.values, balls())))

        found: BallValues = self._once((point, precision), in_balls)
        return found

    def midpoints(self, point: Point, precision: int = PRECISION) -> list[Balls]:
        """The values at a point in high precision that is not rigorous. Raises UnknownOperationError."""

        def compute() -> list[Balls]:
            with ctx.workprec(precision):
                return self._real(evaluate(self.graph, point.values, midpoints()))

        found: list[Balls] = self._once((point, precision, "midpoints"), compute)
        return found

    def float64(self, point: Point) -> list[Magnitude]:
        """The values in float64 with their sums of absolute terms. Raises UnknownOperationError."""

        def compute() -> list[Magnitude]:
            return [as_real(part) for part in values_and_terms(self.graph, point.tensors)]

        found: list[Magnitude] = self._once((point, "float64"), compute)
        return found

    @property
    def _is_complex(self) -> list[bool]:
        """Which results are complex."""
        returned: Any = self.graph.graph.output_node().args[0]
        nodes = returned if isinstance(returned, (list, tuple)) else [returned]
        return [isinstance(node, Node) and bool(node.meta["val"].is_complex()) for node in nodes]

    def _real(self, parts: list[Balls]) -> list[Balls]:
        """The results with real and imaginary parts of complex ones in a last dimension of size 2."""
        view = OPERATIONS["view_as_real"]
        return [view(x) if is_complex else x for x, is_complex in zip(parts, self._is_complex, strict=True)]

    def absolute_terms(self, point: Point) -> list[Array]:
        """The sum of absolute terms of each entry. Raises UnknownOperationError."""
        return [part.terms for part in self.float64(point)]

    def _once(self, key: Any, compute: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]


class Traced:
    """A function traced at the points of an instance: one graph, or one for each point where it branches on the data.

    Raises TraceError where it cannot be traced at the first point.
    """

    def __init__(self, function: Callable[..., Any], first: Sequence[torch.Tensor], name: str) -> None:
        graph = trace(function, first, name, at_point=True)
        self.branches_on_data = bool(graph.meta["branches_on_data"])
        self.reads_numbers = bool(graph.meta["reads_numbers"])
        self.first = TracedGradient(graph)
        self.fit = ConstantFit()
        self._start = first
        self._graph_at: Callable[[Sequence[torch.Tensor]], GraphModule] = partial(
            trace, function, name=name, at_point=True
        )
        self._at: dict[Point, TracedGradient] = {}

    def at(self, point: Point) -> TracedGradient:
        """The graph that holds at a point. Raises TraceError and UnknownOperationError."""
        if not self.branches_on_data:
            return self.first
        if point not in self._at:
            self._at[point] = TracedGradient(self._graph_at(point.tensors))
        return self._at[point]

    def built(self, build: Callable[[GraphModule, Sequence[torch.Tensor]], GraphModule]) -> Traced:
        """The functions whose graphs `build` makes of these graphs and inputs. Raises what it raises."""
        made = copy.copy(self)
        made._at = {}
        made.first = TracedGradient(build(self.first.graph, self._start))
        made._graph_at = lambda inputs: build(self._graph_at(inputs), inputs)
        return made
