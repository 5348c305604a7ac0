"""Exact results of a graph as three float64 arrays: hi + lo, and a radius that bounds the remaining error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from flint import arb, ctx
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.arithmetic.limbs import EXACT, LIMBS, WIDTH, Limbs, RangeError
from gradiometer.graph.evaluate import UndecidedError, evaluate
from gradiometer.graph.trace import UnknownOperationError

Array = np.ndarray[Any, np.dtype[np.float64]]

FIRST_PRECISION, LAST_PRECISION = 128, 8192
"""First and last precision of balls in bits; the precision is doubled in between."""
SLACK = 1 + 2.0**-40
"""Factor that makes a radius computed in float64 an upper bound in spite of its own rounding errors."""


class PrecisionError(ArithmeticError):
    """A result whose balls are too wide at any precision, or that overflows float64."""


@dataclass(frozen=True)
class Enclosure:
    """|true value − (hi + lo)| ≤ radius for every entry; hi is the float64 nearest to it, or that one's neighbour."""

    hi: Array
    lo: Array
    radius: Array


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """The rounded sum and its exact error (Knuth)."""
    total = a + b
    shadow = total - a
    return total, (a - (total - shadow)) + (b - shadow)


def _two_product(a: Any, b: float) -> tuple[Any, Any]:
    """The rounded product and its exact error (Dekker)."""
    parts = []
    for x in (a, b):
        scaled = x * (2.0**27 + 1)
        high = scaled - (scaled - x)
        parts.append((high, x - high))
    (a1, a2), (b1, b2) = parts
    product = a * b
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def of_limbs(value: Limbs) -> Enclosure:
    """The sum of the limbs, from the largest to those below 2⁻¹³⁰ of it. Raises RangeError close to overflow."""
    if WIDTH * value.top > 1000:
        raise RangeError("a result is close to the largest float64 or overflows")
    hi = lo = rest = np.zeros(value.shape)
    for place in range(value.top - 1, value.low - 1, -1):
        unit = math.ldexp(1.0, WIDTH * place)
        hi, error = _two_sum(hi, value.at(place) * unit)
        lo, error = _two_sum(lo, error)
        rest = rest + np.abs(error)
        smallest = float(np.min(np.abs(hi), initial=math.inf))
        if unit < smallest * 2.0**-130:
            rest = rest + unit  # the sum of all lower limbs is below the unit of this one
            break
    hi, lo = _two_sum(hi, lo)
    if value.denominator != 1:
        hi, lo, rest = _divided(hi, lo, rest, value.denominator)
    return Enclosure(hi, lo, rest * SLACK)


def _divided(hi: Array, lo: Array, rest: Array, denominator: int) -> tuple[Array, Array, Array]:
    if denominator > EXACT:
        raise RangeError(f"expected a denominator up to 2^53, found {denominator}")
    below = float(denominator)
    quotient = hi / below
    product, error = _two_product(quotient, below)
    left = (hi - product) - error + lo
    rounding = 2.0**-50 * (np.abs(hi - product) + np.abs(error) + np.abs(lo))
    hi, lo = _two_sum(quotient, left / below)
    return hi, lo, (rest + rounding) / below * SLACK


def of_ball(ball: arb) -> tuple[float, float, float]:
    """A ball as hi, lo and radius; nan, nan and inf where it is not finite.

    The radius is 0 only where hi + lo is the value itself. Raises PrecisionError for overflow, and
    UnknownOperationError for a complex number.
    """
    if not isinstance(ball, arb):
        raise UnknownOperationError("expected real results, found complex ones; a certified reference is real")
    if not ball.is_finite():
        return math.nan, math.nan, math.inf
    hi = float(ball.mid())
    if math.isinf(hi):
        raise PrecisionError("a value overflows float64")
    rest = ball - hi
    lo = float(rest.mid())
    left = rest - lo
    return hi, lo, 0.0 if left == 0 else math.nextafter(float(left.abs_upper()), math.inf)


def of_balls(values: np.ndarray[Any, Any]) -> Enclosure:
    """An object array of balls."""
    parts = np.array([of_ball(ball) for ball in values.ravel()], dtype=np.float64).reshape(-1, 3)
    return Enclosure(*(parts[:, i].reshape(values.shape) for i in range(3)))


@dataclass(frozen=True)
class Exact:
    """Results with proved radii; `engine` is limbs or balls, `precision` the bits of the balls."""

    results: tuple[Enclosure, ...]
    engine: str
    precision: int | None = None


Tolerance = Callable[[int, Array], Array]
"""(index of a result, its hi) → the largest radius allowed for each entry."""


def in_limbs(graph: GraphModule, inputs: Sequence[torch.Tensor]) -> Exact:
    """The results in limbs, computed by float64 BLAS. Raises RangeError and UnknownOperationError; then use balls."""
    return Exact(tuple(of_limbs(value) for value in evaluate(graph, inputs, LIMBS)), "limbs")


def in_balls(graph: GraphModule, inputs: Sequence[torch.Tensor], tolerance: Tolerance) -> Exact:
    """The results in balls; the precision doubles until all radii are within the tolerance. Raises PrecisionError."""
    precision = FIRST_PRECISION
    while precision <= LAST_PRECISION:
        with ctx.workprec(precision):
            try:
                results = tuple(of_balls(value) for value in evaluate(graph, inputs, balls()))
            except UndecidedError:
                results = ()
        if results and all((x.radius <= tolerance(i, x.hi)).all() for i, x in enumerate(results)):
            return Exact(results, "balls", precision)
        precision *= 2
    raise PrecisionError(f"{graph.meta.get('function')}: the radius is too wide even with {LAST_PRECISION} bits")


def exact(graph: GraphModule, inputs: Sequence[torch.Tensor], tolerance: Tolerance) -> Exact:
    """The results with radii within the tolerance, in limbs where possible, else in balls.

    Inputs of any dtype and the constants of the program are exact. Raises UnknownOperationError and PrecisionError.
    """
    try:
        found = in_limbs(graph, inputs)
        if all((x.radius <= tolerance(i, x.hi)).all() for i, x in enumerate(found.results)):
            return found
    except (RangeError, UnknownOperationError):
        pass
    return in_balls(graph, inputs, tolerance)
