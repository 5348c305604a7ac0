"""A problem at one tuple of dimensions: its points, its traced loss, and the exact derivative of that loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from flint import ctx
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.balls import Widening, balls
from gradiometer.graph.arithmetic.magnitudes import absolute_terms
from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import UndecidedError, evaluate
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.problems.problem import Problem
from gradiometer.verification.differences import Array, Balls, all_finite, scales
from gradiometer.verification.functions import UncheckableError, call_twice, check_loss, loss_function, one_line
from gradiometer.verification.sample_points import (
    PRIMES,
    SIZES,
    DimensionsError,
    Point,
    dims_text,
    prime_dims,
    sample_points,
)

PRECISION = 1024
"""Bits of the first evaluation in balls."""


@dataclass(frozen=True)
class BallValues:
    """The parts of a gradient in balls.

    `is_widened`: some rounded constant was replaced by an interval. `coarsest`: the fewest bits of such a constant.
    """

    parts: list[Balls]
    coarsest: int = 53
    is_widened: bool = False


@dataclass
class TracedGradient:
    """A gradient as a graph. Each of its values at a point is computed once and kept."""

    graph: GraphModule
    _kept: dict[Any, Any] = field(default_factory=dict)

    def at(self, point: Point, precision: int = PRECISION, widened: bool = False) -> BallValues:
        """The values at a point, in balls of `precision` bits; with `widened`, rounded constants become intervals.

        Raises UnknownOperationError and UndecidedError.
        """

        def in_balls() -> BallValues:
            widening = Widening() if widened else None
            with ctx.workprec(precision):
                parts = evaluate(self.graph, point.values, balls(widening))
            return BallValues(parts, widening.coarsest, widening.count > 0) if widening else BallValues(parts)

        found: BallValues = self._once((id(point), precision, widened), in_balls)
        return found

    def absolute_terms(self, point: Point) -> list[Array]:
        """The sum of absolute terms of each entry. Raises UnknownOperationError."""
        found: list[Array] = self._once(id(point), lambda: absolute_terms(self.graph, point.tensors))
        return found

    def _once(self, key: Any, compute: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]


class Instance:
    """A problem at one tuple of dimensions.

    Raises DimensionsError where the sampler or the loss raises, and UncheckableError for a loss that writes into its
    inputs or draws random numbers.
    """

    def __init__(self, problem: Problem, dims: dict[str, int]) -> None:
        self.problem, self.dims, self.names = problem, dims, tuple(problem.shapes)
        self._exact: dict[tuple[str, ...], TracedGradient] = {}
        self._usable: dict[tuple[str, ...], list[Point]] = {}
        try:
            self.points = list(sample_points(problem, dims))
            if not self.points:
                raise DimensionsError("the problem draws no kind of data at these dimensions")
            check_loss(problem, {name: tensor.clone() for name, tensor in self.points[0].inputs.items()})
        except Exception as error:  # the problem's sampler and loss may raise anything
            first = (str(error).strip().splitlines() or [""])[0][:200]
            raise DimensionsError(first if isinstance(error, ValueError) else one_line(error)) from error
        call_twice(loss_function(problem), self.points[0].tensors, self.names, "the loss")

    @cached_property
    def loss(self) -> GraphModule:
        """The graph of the loss."""
        return trace(loss_function(self.problem), self.points[0].tensors, name="the loss")

    def exact(self, wrt: tuple[str, ...]) -> TracedGradient:
        """The exact derivative of the loss. Raises UncheckableError where the loss cannot be traced or derived."""
        if wrt not in self._exact:
            places = [self.names.index(name) for name in wrt]
            try:
                self._exact[wrt] = TracedGradient(derivative(self.loss, self.points[0].tensors, places))
            except (TraceError, UnknownOperationError) as error:
                raise UncheckableError(str(error)) from error
        return self._exact[wrt]

    def usable(self, wrt: tuple[str, ...]) -> list[Point]:
        """The points at which loss and derivative are finite; integer points for polynomials only.

        Raises UncheckableError where there is none.
        """
        if wrt not in self._usable:
            exact = self.exact(wrt)
            is_polynomial = polynomial(exact.graph, [tensor.shape for tensor in self.points[0].tensors]) is not None
            points = [point for point in self.points if is_polynomial or not point.is_integer]
            try:
                finite = [point for point in points if all_finite(self._loss_at(point))]
                self._usable[wrt] = [point for point in finite if all_finite(exact.at(point).parts)]
            except (UnknownOperationError, UndecidedError) as error:
                raise UncheckableError(str(error)) from error
        if not self._usable[wrt]:
            raise UncheckableError("the loss or its derivative is not finite at any point drawn")
        return self._usable[wrt]

    def _loss_at(self, point: Point) -> list[Balls]:
        """The loss in balls. A formula may be finite where the loss is not; the derivative does not exist there."""
        with ctx.workprec(PRECISION):
            return evaluate(self.loss, point.values, balls())

    def scale(self, wrt: tuple[str, ...], point: Point) -> list[Array]:
        """The unit in which differences from the derivative are measured: its sums of absolute terms."""
        exact = self.exact(wrt)
        try:
            sizes = exact.absolute_terms(point)
        except UnknownOperationError:
            sizes = [np.full(part.shape, np.inf) for part in exact.at(point).parts]
        return scales(sizes, exact.at(point).parts)


def instances(problem: Problem) -> tuple[list[Instance], str | None]:
    """The problem at two tuples of primes and None; else at two sizes of its own, and why not at the primes.

    Raises UncheckableError where the loss cannot be evaluated at any of them.
    """
    try:
        return [Instance(problem, prime_dims(problem, which)) for which in ((0, 1) if problem.dims else (0,))], None
    except DimensionsError as error:
        refusal = str(error)
    found: list[Instance] = []
    for size in SIZES:
        try:
            found.append(Instance(problem, problem.dims_at(size)))
        except DimensionsError as error:
            refusal = str(error)
    if not found:
        raise UncheckableError(f"the loss cannot be evaluated: {refusal}")
    return found[:2], f"not at dimensions {dims_text(dict(zip(problem.dims, PRIMES[0], strict=False)))}: {refusal}"


def third_instance(problem: Problem) -> Instance | None:
    """The problem at a third tuple of primes; None where it cannot take them."""
    try:
        return Instance(problem, prime_dims(problem, 2))
    except (DimensionsError, UncheckableError):
        return None
