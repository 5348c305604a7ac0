"""One tuple of dimensions: the loss traced there, its derivative, and both sides' values in balls at every point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from flint import ctx
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.balls import Widening, balls
from gradiometer.graph.arithmetic.magnitudes import magnitudes
from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.problems.problem import Problem
from gradiometer.verification.compare import Array, Balls, is_finite, scales
from gradiometer.verification.forms import UncheckableError, called, check_loss, loss_function
from gradiometer.verification.sample_points import PRIMES, SIZES, Point, dims_text, points, prime_dims

PRECISION = 1024
"""Bits of the balls, to begin with."""


@dataclass(frozen=True)
class Values:
    """A gradient's parts in balls; whether constants were widened in it, and the precision of the coarsest of them."""

    parts: list[Balls]
    coarsest: int
    is_widened: bool


@dataclass
class Traced:
    """A traced gradient; what it is worth at each point is computed once."""

    graph: GraphModule
    _kept: dict[Any, Any] = field(default_factory=dict)

    def at(self, point: Point, precision: int = PRECISION, widened: bool = False) -> Values:
        """The parts in balls. Raises UnknownOperationError and UndecidedError."""
        key = id(point), precision, widened
        if key not in self._kept:
            widening = Widening() if widened else None
            with ctx.workprec(precision):
                parts = evaluate(self.graph, point.tensors, balls(widening))
            found = Values(parts, *(widening.coarsest, widening.count > 0) if widening else (53, False))
            self._kept[key] = found
        kept: Values = self._kept[key]
        return kept

    def magnitudes(self, point: Point) -> list[Array]:
        """B of each part."""
        key = id(point), "magnitudes"
        if key not in self._kept:
            self._kept[key] = magnitudes(self.graph, point.tensors)
        kept: list[Array] = self._kept[key]
        return kept


class Setting:
    """A problem at one tuple of dimensions.

    Raises UncheckableError for a loss that changes its inputs or is random, and what sampling or the loss raises.
    """

    def __init__(self, problem: Problem, dims: dict[str, int], seed: int = 0) -> None:
        self.problem, self.dims, self.names = problem, dims, tuple(problem.shapes)
        self.points: list[Point] = []
        self._truths: dict[tuple[str, ...], Traced] = {}
        self._usable: dict[tuple[str, ...], list[Point]] = {}
        for point in points(problem, dims, seed):
            if not self.points:
                check_loss(problem, {name: tensor.clone() for name, tensor in point.inputs.items()})
                called(loss_function(problem), point.tensors, self.names, "the loss")
            self.points.append(point)
        if not self.points:
            raise ValueError("the problem draws no kind of data at these dimensions")

    @cached_property
    def loss(self) -> GraphModule:
        """The loss's forward graph."""
        return trace(loss_function(self.problem), self.points[0].tensors, name="the loss")

    def truth(self, wrt: tuple[str, ...]) -> Traced:
        """The exact derivative of the loss's forward graph. Raises UncheckableError where it has none that is known."""
        if wrt not in self._truths:
            places = [self.names.index(name) for name in wrt]
            try:
                self._truths[wrt] = Traced(derivative(self.loss, self.points[0].tensors, places))
            except (TraceError, UnknownOperationError) as error:
                raise UncheckableError(str(error)) from error
        return self._truths[wrt]

    def usable(self, wrt: tuple[str, ...]) -> list[Point]:
        """The points at which the derivative is finite, integers only for a polynomial. Raises UncheckableError."""
        if wrt not in self._usable:
            truth = self.truth(wrt)
            is_polynomial = polynomial(truth.graph, [tensor.shape for tensor in self.points[0].tensors]) is not None
            points = [point for point in self.points if is_polynomial or not point.is_integer]
            try:
                finite = [point for point in points if is_finite(self._loss_at(point))]
                self._usable[wrt] = [point for point in finite if is_finite(truth.at(point).parts)]
            except (UnknownOperationError, ArithmeticError) as error:
                raise UncheckableError(str(error)) from error
        if not self._usable[wrt]:
            raise UncheckableError("the loss, or its derivative, is not finite at any point drawn")
        return self._usable[wrt]

    def _loss_at(self, point: Point) -> list[Balls]:
        """The loss in balls: where it is not a number, neither is its derivative, whatever a formula says."""
        with ctx.workprec(PRECISION):
            return evaluate(self.loss, point.tensors, balls())

    def scale(self, wrt: tuple[str, ...], point: Point) -> list[Array]:
        """B of the derivative's entries: what differences and radii are measured in."""
        truth = self.truth(wrt)
        try:
            sizes = truth.magnitudes(point)
        except UnknownOperationError:
            sizes = [np.full(part.shape, np.inf) for part in truth.at(point).parts]
        return scales(sizes, truth.at(point).parts)


def settings(problem: Problem) -> tuple[list[Setting], str | None]:
    """The problem at two tuples of primes, or, with a note why, at sizes of its own. Raises UncheckableError."""
    try:
        return [Setting(problem, prime_dims(problem, which)) for which in ((0, 1) if problem.dims else (0,))], None
    except UncheckableError:
        raise
    except Exception as error:
        refusal = _one_line(error)
    found: list[Setting] = []
    for size in SIZES:
        try:
            found.append(Setting(problem, problem.dims_at(size)))
        except Exception as error:
            refusal = _one_line(error)
    if not found:
        raise UncheckableError(f"the loss cannot be evaluated: {refusal}")
    return found[:2], f"not at dimensions {dims_text(dict(zip(problem.dims, PRIMES[0], strict=False)))}: {refusal}"


def _one_line(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return first if isinstance(error, ValueError) else f"{type(error).__name__}: {first}"


def third(problem: Problem) -> Setting | None:
    """One more setting, for a diagnosis, where the problem can take it."""
    try:
        return Setting(problem, prime_dims(problem, 2))
    except Exception:
        return None


def kernel_values(function: Callable[..., Any], point: Point) -> list[Array]:
    """What a function really returns in float64 at a point. Raises UncheckableError where it raises."""
    try:
        returned = function(*(tensor.clone() for tensor in point.tensors))
    except Exception as error:
        raise UncheckableError(f"it raises on {point.data} data: {_one_line(error)}") from error
    return [part.detach().double().numpy() for part in returned if isinstance(part, torch.Tensor)]
