"""Whether a gradient equals the exact derivative at a point, and whether it equals it as a polynomial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lcm

from flint import arb, ctx

from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.evaluate import UndecidedError
from gradiometer.graph.trace import TraceError, UnknownOperationError
from gradiometer.verification.constants.explain import SMALL_VALUE, Pair, value_digits
from gradiometer.verification.differences import (
    Array,
    Balls,
    agreeing_digits,
    all_finite,
    all_zero,
    differences,
    largest_share,
    some_nonzero,
)
from gradiometer.verification.functions import UncheckableError
from gradiometer.verification.instance import Instance, Wrt
from gradiometer.verification.sample_points import INTEGER_BITS, Point
from gradiometer.verification.traced import Traced

LAST_PRECISION = 2048
"""Bits of the last evaluation in balls; the precision doubles until then."""


@dataclass(frozen=True)
class Comparison:
    """A gradient (`found`) and the exact derivative (`exact`) at one point, and their differences (`gaps`).

    `scale` is the unit of each difference, the sum of absolute terms; `verdict` and `digits` are as in `Verdict`.
    `constants`: the rounded constants that explain the difference, in words; the verdict is then `agrees`.
    """

    verdict: str
    digits: float
    instance: Instance
    point: Point
    found: list[Balls]
    exact: list[Balls]
    gaps: list[Balls]
    scale: list[Array]
    constants: tuple[str, ...] = ()


def compare(instance: Instance, wrt: Wrt, form: Traced, point: Point) -> Comparison:
    """Compare at one point: in balls with increasing precision, then in high precision that is not rigorous.

    Raises UncheckableError where neither gives a verdict.
    """
    try:
        scale = instance.scale(wrt, point)
        precision = instance.precision(point)
        while precision <= LAST_PRECISION and form.at(point).is_rigorous:
            try:
                found = form.at(point).at(point, precision).parts
                expected, is_rigorous = instance.derivative_at(wrt, point, precision)
            except UndecidedError:
                break  # enclosures that still overlap at this precision are almost always equal
            if not is_rigorous:
                break
            decided = _in_balls(instance, wrt, form, point, found, expected, scale, precision)
            if decided is not None:
                return decided
            precision *= 2
        return _in_midpoints(instance, wrt, form, point, scale)
    except (UnknownOperationError, TraceError) as error:
        raise UncheckableError(str(error)) from error


def _in_balls(
    instance: Instance, wrt: Wrt, form: Traced, point: Point, found: list[Balls], expected: list[Balls],
    scale: list[Array], precision: int,
) -> Comparison | None:  # fmt: skip
    with ctx.workprec(precision):
        gaps = differences(found, expected)
        verdict: str | None = None
        if all_zero(gaps, scale, 2.0 ** -(precision // 2)):
            verdict = "exact"
        elif some_nonzero(gaps):
            verdict = "wrong"
        elif precision == LAST_PRECISION and not all_finite(found):
            verdict = "wrong"  # NaN or infinite at any precision
        if verdict is None:
            return None
        digits = agreeing_digits(gaps, scale, precision)
        return _by_constants(Comparison(verdict, digits, instance, point, found, expected, gaps, scale), wrt, form)


def _in_midpoints(instance: Instance, wrt: Wrt, form: Traced, point: Point, scale: list[Array]) -> Comparison:
    """The comparison in arithmetic that is not rigorous, at two precisions, which must give the same answer."""
    low, high = instance.precision(point), 3 * instance.precision(point) // 2
    gaps, found, expected = {}, {}, {}
    for bits in (low, high):
        found[bits] = form.at(point).midpoints(point, bits)
        expected[bits] = instance.derivatives(wrt).at(point).midpoints(point, bits)
        with ctx.workprec(bits):
            gaps[bits] = differences(found[bits], expected[bits])
    with ctx.workprec(low):
        shares = {bits: largest_share(gaps[bits], scale) for bits in gaps}
        digits = agreeing_digits(gaps[low], scale, low)
        values = (found[low], expected[low], gaps[low], scale)
        if max(shares.values()) <= 2.0 ** -(low // 2):
            return Comparison("agrees", digits, instance, point, *values)
        if not all_finite(found[high]) or shares[low] <= 2 * shares[high] <= 4 * shares[low]:
            return _by_constants(Comparison("wrong", digits, instance, point, *values), wrt, form)
    raise UncheckableError("two precisions of arithmetic that is not rigorous give two answers")


LEAST_ROUNDING = 2.0**-100
"""A smaller difference, relative to the scale, does not come from constants that were rounded to float64."""


def _by_constants(comparison: Comparison, wrt: Wrt, form: Traced) -> Comparison:
    """The comparison; `agrees` for a wrong one whose difference rounded constants explain at all points so far.

    The digits of both are relative to the values.
    """
    point, exact = comparison.point, comparison.instance.derivatives(wrt).at(comparison.point)
    form.fit.add(Pair(form.at(point).graph, exact.graph, point.values, comparison.scale))
    if comparison.verdict != "wrong":
        return comparison
    constants = form.fit.explain() if all_finite(comparison.found) else None
    if not constants and largest_share(comparison.gaps, comparison.scale) < LEAST_ROUNDING:
        constants = None
    if constants is None:
        form.fit.pairs.pop()
    share = 0.0 if constants is None else SMALL_VALUE
    digits = value_digits(comparison.gaps, comparison.exact, comparison.digits, share)
    verdict = "wrong" if constants is None else "agrees"
    return replace(comparison, verdict=verdict, digits=digits, constants=constants or ())


def chance_log2(instance: Instance, wrt: Wrt, form: Traced, comparisons: Sequence[Comparison]) -> float | None:
    """log2 of the probability that two different polynomials agree at all integer points; None without a proof.

    Two different polynomials of degree d agree at a random point of Sⁿ with probability at most d/|S| (Schwartz 1980,
    Zippel 1979). They agree exactly at an integer point where the common denominator q times the difference lies within
    a ball that contains 0 and has a radius below ½, since q times the difference is an integer.
    """
    if form.branches_on_data or instance.derivatives(wrt).branches_on_data:
        return None
    tensors = instance.points[0].tensors
    both = [polynomial(graph, tensors) for graph in (instance.exact(wrt).graph, form.first.graph)]
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
