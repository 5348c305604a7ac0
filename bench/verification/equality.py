"""Whether a gradient equals the exact derivative at a point, and whether it equals it as a polynomial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from flint import arb, ctx

from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.evaluate import UndecidedError
from gradiometer.graph.trace import UnknownOperationError
from gradiometer.verification.differences import (
    Array,
    Balls,
    agreeing_digits,
    all_finite,
    all_zero,
    differences,
    some_nonzero,
)
from gradiometer.verification.functions import UncheckableError
from gradiometer.verification.instance import PRECISION, Instance, TracedGradient
from gradiometer.verification.sample_points import INTEGER_BITS, Point

LAST_PRECISION = 4096
"""Bits of the last evaluation in balls; the precision starts at PRECISION and doubles."""
WIDENED_SHARE = {53: 2.0**-40, 24: 2.0**-18}
"""Bits of the coarsest rounded constant → the largest radius, relative to the scale, at which a difference with widened
constants is conclusive. A constant that is multiplied by a huge factor makes the radius larger and excuses nothing.
"""


@dataclass(frozen=True)
class Comparison:
    """A gradient (`found`) and the exact derivative (`exact`) at one point, and their differences (`gaps`).

    `scale` is the unit of each difference, the sum of absolute terms; `verdict` and `digits` are as in `Verdict`.
    """

    verdict: str
    digits: float
    instance: Instance
    point: Point
    found: list[Balls]
    exact: list[Balls]
    gaps: list[Balls]
    scale: list[Array]


def compare(instance: Instance, wrt: tuple[str, ...], form: TracedGradient, point: Point) -> Comparison:
    """Compare at one point, with increasing precision until the verdict is certain.

    Raises UncheckableError where the balls stay too wide for a verdict.
    """
    exact, scale = instance.exact(wrt), instance.scale(wrt, point)
    why, precision = "", PRECISION
    while precision <= LAST_PRECISION:
        try:
            found, expected = form.at(point, precision).parts, exact.at(point, precision).parts
        except UndecidedError as error:
            why = str(error)
        except UnknownOperationError as error:
            raise UncheckableError(str(error)) from error
        else:
            with ctx.workprec(precision):
                gaps = differences(found, expected)
                verdict = None
                if all_zero(gaps, scale, 2.0 ** -(precision // 2)):
                    verdict = "exact"
                elif some_nonzero(gaps):
                    verdict = "agrees" if _within_constants(instance, wrt, form, point) else "wrong"
                elif precision == LAST_PRECISION and not all_finite(found):
                    verdict = "wrong"  # NaN or infinite at any precision
                if verdict is not None:
                    digits = agreeing_digits(gaps, scale, precision)
                    return Comparison(verdict, digits, instance, point, found, expected, gaps, scale)
            why = "the enclosures are too wide"
        precision *= 2
    raise UncheckableError(f"{why}, even with {LAST_PRECISION} bits")


def _within_constants(instance: Instance, wrt: tuple[str, ...], form: TracedGradient, point: Point) -> bool:
    """Whether the gradients can be equal if each rounded constant is any number of its interval."""
    try:
        found, expected = form.at(point, widened=True), instance.exact(wrt).at(point, widened=True)
    except UndecidedError as error:
        raise UncheckableError(f"with rounded constants widened to intervals, {error}") from error
    if not (found.is_widened or expected.is_widened):
        return False
    share = WIDENED_SHARE[53 if min(found.coarsest, expected.coarsest) == 53 else 24]
    with ctx.workprec(PRECISION):
        return all_zero(differences(found.parts, expected.parts), instance.scale(wrt, point), share)


def chance_log2(
    instance: Instance, wrt: tuple[str, ...], form: TracedGradient, comparisons: Sequence[Comparison]
) -> float | None:
    """log2 of the probability that two different polynomials agree at all integer points; None without a proof.

    Two different polynomials of degree d agree at a random point of Sⁿ with probability at most d/|S| (Schwartz 1980,
    Zippel 1979). They agree exactly at an integer point where the common denominator q times the difference lies within
    a ball that contains 0 and has a radius below ½, since q times the difference is an integer.
    """
    shapes = [tensor.shape for tensor in instance.points[0].tensors]
    both = [polynomial(graph, shapes) for graph in (instance.exact(wrt).graph, form.graph)]
    if both[0] is None or both[1] is None:
        return None
    denominator = arb(lcm(both[0].denominator, both[1].denominator))
    degree = max(both[0].degree, both[1].degree, 1)
    at_integers = [comparison for comparison in comparisons if comparison.point.is_integer]
    for comparison in at_integers:
        for gap in comparison.gaps:
            if not all(ball.contains(0) and ball.rad() * denominator < 0.5 for ball in gap.ravel()):
                return None
    return len(at_integers) * (math.log2(degree) - INTEGER_BITS - 1) if at_integers else None
