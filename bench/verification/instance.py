"""A problem at one tuple of dimensions: its points, its traced loss, and the exact derivative of that loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from flint import ctx
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.arithmetic.balls.midpoints import midpoints
from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import UndecidedError, evaluate
from gradiometer.graph.trace import TraceError, UnknownOperationError
from gradiometer.problems.problem import Problem
from gradiometer.verification.coverage.dimensions import DimensionsError
from gradiometer.verification.differences import Array, Balls, all_finite, scales
from gradiometer.verification.functions import (
    UncheckableError,
    call_twice,
    check_loss,
    loss_function,
    one_line,
    torch_function,
)
from gradiometer.verification.quotients import disagreement
from gradiometer.verification.sample_points import Point, sample_points
from gradiometer.verification.traced import PRECISION, Traced, TracedGradient

__all__ = ["PRECISION", "Instance", "TracedGradient"]

LIGHT_PRECISION = 512
"""Bits of balls at further tuples of dimensions, for functions that are not polynomials."""

Wrt = tuple[str, ...]


class Instance:
    """A problem at one tuple of dimensions.

    With `light`, at few points: two integer ones for a polynomial, otherwise the first usable one. Raises
    DimensionsError where the sampler or the loss raises, and UncheckableError for a loss that writes into its inputs or
    draws random numbers.
    """

    def __init__(self, problem: Problem, dims: dict[str, int], seed: int = 0, light: bool = False) -> None:
        self.problem, self.dims, self.names = problem, dims, tuple(problem.shapes)
        self.seed, self.is_light = seed, light
        self._exact: dict[Wrt, Traced] = {}
        self._usable: dict[Wrt, list[Point]] = {}
        self._loss: Traced | TraceError | None = None
        self._distrusted: set[Wrt] = set()
        self._confirmed: set[Wrt] = set()
        try:
            self.points = list(sample_points(problem, dims, seed))
            if not self.points:
                raise DimensionsError("the problem draws no kind of data at these dimensions")
            check_loss(problem, {name: tensor.clone() for name, tensor in self.points[0].inputs.items()})
        except Exception as error:  # the problem's sampler and loss may raise anything
            first = (str(error).strip().splitlines() or [""])[0][:200]
            raise DimensionsError(first if isinstance(error, ValueError) else one_line(error)) from error
        call_twice(loss_function(problem), self.points[0].tensors, self.names, "the loss")

    @property
    def traced_loss(self) -> Traced:
        """The loss as graphs. Raises TraceError where it cannot be traced."""
        if self._loss is None:
            try:
                self._loss = Traced(loss_function(self.problem), self.points[0].tensors, "the loss")
            except TraceError as error:
                self._loss = error
        if isinstance(self._loss, TraceError):
            raise self._loss
        return self._loss

    @property
    def loss(self) -> GraphModule:
        """The graph of the loss, at the first point."""
        return self.traced_loss.first.graph

    def derivatives(self, wrt: Wrt) -> Traced:
        """The exact derivative of the loss as graphs. Raises TraceError and UnknownOperationError."""
        if wrt in self._distrusted:
            raise UnknownOperationError("the derivative contradicts difference quotients of the loss")
        if wrt not in self._exact:
            places = [self.names.index(name) for name in wrt]
            try:
                self._exact[wrt] = self.traced_loss.built(lambda graph, inputs: derivative(graph, inputs, places))
            except UnknownOperationError as error:
                self._exact[wrt] = self._by_torch(wrt, places, error)
        return self._exact[wrt]

    def _by_torch(self, wrt: Wrt, places: list[int], why: UnknownOperationError) -> Traced:
        """PyTorch's backward graph in place of a derivative that no rule gives, if a difference quotient confirms it.

        Raises `why` where it does not, or where the graph cannot be evaluated in high precision.
        """
        try:
            traced = Traced(torch_function(self.problem, wrt), self.points[0].tensors, "torch's derivative")
            for point in [one for one in self.points if not one.is_integer][:2]:
                parts = traced.at(point).midpoints(point)
                if all_finite(parts) and disagreement(self.traced_loss.at(point).graph, point, places, parts) is None:
                    self._confirmed.add(wrt)
                    return traced
        except Exception as error:  # any failure leaves the derivative unknown
            raise why from error
        raise why

    def distrust(self, wrt: Wrt) -> None:
        """Use the exact derivative no more, because difference quotients contradict it."""
        self._distrusted.add(wrt)
        self._usable.pop(wrt, None)

    def exact(self, wrt: Wrt, point: Point | None = None) -> TracedGradient:
        """The exact derivative, at the first point or at the one given. Raises UncheckableError where there is none."""
        try:
            found = self.derivatives(wrt)
            return found.first if point is None else found.at(point)
        except (TraceError, UnknownOperationError) as error:
            raise UncheckableError(str(error)) from error

    def candidates(self, wrt: Wrt) -> list[Point]:
        """The points to compare at: integer ones for polynomials only. Raises UncheckableError."""
        is_polynomial = polynomial(self.exact(wrt).graph, self.points[0].tensors) is not None
        integers = [point for point in self.points if point.is_integer]
        others = [point for point in self.points if not point.is_integer]
        if self.is_light and is_polynomial and integers:
            return integers
        if self.is_light:
            return others[1:2] + others[:1] + others[2:]  # normal data have both signs
        return others + (integers if is_polynomial else [])

    def precision(self, point: Point) -> int:
        """Bits of the first evaluation in balls at a point."""
        return LIGHT_PRECISION if self.is_light and not point.is_integer else PRECISION

    def usable(self, wrt: Wrt) -> list[Point]:
        """The points at which loss and derivative are finite; at a light instance one, or all integer ones.

        Raises UncheckableError where there is none.
        """
        if wrt not in self._usable:
            self._usable[wrt] = list(self._finite(wrt))
        if not self._usable[wrt]:
            raise UncheckableError("the loss or its derivative is not finite at any point drawn")
        return self._usable[wrt]

    def _finite(self, wrt: Wrt) -> Iterator[Point]:
        for point in self.candidates(wrt):
            if self.is_finite_at(wrt, point):
                yield point
                if self.is_light and not point.is_integer:
                    return

    def is_finite_at(self, wrt: Wrt, point: Point) -> bool:
        """Whether loss and derivative are finite at a point. Raises UncheckableError where they cannot be evaluated.

        The formula of a derivative may be finite where the loss is not; the derivative does not exist there.
        """
        try:
            return all_finite(self._loss_at(point)) and all_finite(self.derivative_at(wrt, point)[0])
        except (UnknownOperationError, TraceError) as error:
            raise UncheckableError(str(error)) from error

    def _loss_at(self, point: Point) -> list[Balls]:
        graph = self.traced_loss.at(point).graph
        with ctx.workprec(self.precision(point)):
            try:
                return evaluate(graph, point.values, balls())
            except UndecidedError:
                return evaluate(graph, point.values, midpoints())

    def derivative_at(self, wrt: Wrt, point: Point, precision: int | None = None) -> tuple[list[Balls], bool]:
        """The derivative at a point, in balls where comparisons are decided, and whether they are rigorous.

        Raises UnknownOperationError and TraceError.
        """
        bits = precision or self.precision(point)
        traced = self.derivatives(wrt).at(point)
        if traced.is_rigorous and wrt not in self._confirmed:
            try:
                return traced.at(point, bits).parts, True
            except UndecidedError:
                pass
        return traced.midpoints(point, bits), False

    def scale(self, wrt: Wrt, point: Point) -> list[Array]:
        """The unit in which differences from the derivative are measured: its sums of absolute terms."""
        parts, _ = self.derivative_at(wrt, point)
        try:
            sizes = self.exact(wrt, point).absolute_terms(point)
        except UnknownOperationError:
            sizes = [np.full(part.shape, np.inf) for part in parts]
        return scales(sizes, parts)

    def check_derivative(self, wrt: Wrt) -> str | None:
        """Why the derivative contradicts a difference quotient of the loss in high precision; None where it does not.

        Independent of every derivative rule. Compares one random direction at the first usable point.
        """
        point = self.usable(wrt)[0]
        parts, _ = self.derivative_at(wrt, point)
        return disagreement(self.traced_loss.at(point).graph, point, [self.names.index(n) for n in wrt], parts)
