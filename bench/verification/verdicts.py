"""The verdict on one gradient: exact, equal up to rounded constants, or wrong; and whether equality is proved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from flint import arb, ctx

from gradiometer.graph.arithmetic.magnitudes import roundings
from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.evaluate import UndecidedError
from gradiometer.graph.trace import UnknownOperationError
from gradiometer.verification.compare import Array, Balls, differences, digits, is_finite, refuted, vanish
from gradiometer.verification.forms import UncheckableError
from gradiometer.verification.instance import PRECISION, Setting, Traced
from gradiometer.verification.sample_points import INTEGER_BITS, Point

LAST_PRECISION = 4096
ROUNDED_SHARE = {53: 2.0**-40, 24: 2.0**-18}
"""Precision of the coarsest widened constant → the largest radius, in units of B, that still says something."""
UNIT = 2.0**-53


@dataclass(frozen=True)
class Comparison:
    """A gradient beside the truth at one point."""

    verdict: str
    digits: float
    setting: Setting
    point: Point
    found: list[Balls]
    truth: list[Balls]
    gaps: list[Balls]
    scale: list[Array]


def compare(setting: Setting, wrt: tuple[str, ...], form: Traced, point: Point) -> Comparison:
    """The verdict at one point. Raises UncheckableError where balls cannot tell."""
    truth, scale = setting.truth(wrt), setting.scale(wrt, point)
    why, precision = "", PRECISION
    while precision <= LAST_PRECISION:
        try:
            found, expected = form.at(point, precision).parts, truth.at(point, precision).parts
        except UndecidedError as error:
            why = str(error)
        except UnknownOperationError as error:
            raise UncheckableError(str(error)) from error
        else:
            with ctx.workprec(precision):
                gaps = differences(found, expected)
                verdict = _settled(setting, wrt, form, point, gaps, scale, precision)
                if verdict is None and precision == LAST_PRECISION and not is_finite(found):
                    verdict = "wrong"  # no precision makes a number of it
                if verdict is not None:
                    return Comparison(
                        verdict, digits(gaps, scale, precision), setting, point, found, expected, gaps, scale
                    )
            why = "the enclosures stay too wide"
        precision *= 2
    raise UncheckableError(f"{why}, even with {LAST_PRECISION} bits")


def _settled(
    setting: Setting,
    wrt: tuple[str, ...],
    form: Traced,
    point: Point,
    gaps: Sequence[Balls],
    scale: Sequence[Array],
    precision: int,
) -> str | None:
    """The verdict, or None where the differences' balls are too wide for one."""
    if vanish(gaps, scale, 2.0 ** -(precision // 2)):
        return "exact"
    if refuted(gaps):
        return "rounded_constants" if _is_within_rounding(setting, wrt, form, point) else "wrong"
    return None


def _is_within_rounding(setting: Setting, wrt: tuple[str, ...], form: Traced, point: Point) -> bool:
    """Whether the gradients can be equal when each rounded constant is the interval it was rounded from."""
    try:
        found, expected = form.at(point, widened=True), setting.truth(wrt).at(point, widened=True)
    except UndecidedError as error:
        raise UncheckableError(f"with rounded constants widened, {error}") from error
    if not (found.is_widened or expected.is_widened):
        return False
    share = ROUNDED_SHARE[53 if min(found.coarsest, expected.coarsest) == 53 else 24]
    with ctx.workprec(PRECISION):
        return vanish(differences(found.parts, expected.parts), setting.scale(wrt, point), share)


def frozen(form: Traced, point: Point, returned: Sequence[Array]) -> str | None:
    """Why the traced graph is not what the function computes: its values differ; None where they agree."""
    try:
        sizes, parts = form.magnitudes(point), form.at(point).parts
    except (UnknownOperationError, UndecidedError):
        return None
    for part, values, size in zip(parts, returned, sizes, strict=True):
        traced = np.array([float(ball) for ball in part.ravel()]).reshape(part.shape)
        known = np.isfinite(traced) & np.isfinite(values) & np.isfinite(size)
        if (np.abs(traced[known] - values[known]) > 2.0**-16 * size[known] + 2.0**-1000).any():
            return "what it returns is not what its traced operations give: it reads its data outside of torch"
    return None


def kernel_excess(
    setting: Setting, wrt: tuple[str, ...], traced: Traced, point: Point, returned: Sequence[Array]
) -> str | None:
    """How torch's float64 kernels miss the truth by more than their roundings allow; None where they do not.

    The bound is γ_n·B with n the roundings of the whole graph, its constants included (Higham, chapter 3). It is void
    where something overflows.
    """
    try:
        sizes = traced.magnitudes(point)
    except UnknownOperationError:
        return None
    count = roundings(traced.graph) + roundings(setting.loss)
    bound = count * UNIT / (1 - count * UNIT)
    for part, values, size in zip(setting.truth(wrt).at(point).parts, returned, sizes, strict=True):
        for place in np.ndindex(part.shape):
            if not (math.isfinite(values[place]) and math.isfinite(size[place])):
                continue
            error = abs(float(part[place] - float(values[place])))
            if error > bound * size[place] + 2.0**-1000:
                return f"torch's kernels are off by {error / (UNIT * size[place]):.3g} u·B at {list(place)}"
    return None


def proof(setting: Setting, wrt: tuple[str, ...], form: Traced, comparisons: Sequence[Comparison]) -> float | None:
    """log2 of the probability that equality at the integer points is chance (Schwartz 1980, Zippel 1979), or None.

    Two different polynomials of degree d agree at a random point of Sⁿ with probability at most d/|S|. Equality at a
    point is exact where q times the difference is an integer whose ball contains 0 and has a radius below ½.
    """
    shapes = [tensor.shape for tensor in setting.points[0].tensors]
    both = [polynomial(graph, shapes) for graph in (setting.truth(wrt).graph, form.graph)]
    if both[0] is None or both[1] is None:
        return None
    denominator = arb(lcm(both[0].denominator, both[1].denominator))
    degree = max(both[0].degree, both[1].degree, 1)
    here = [comparison for comparison in comparisons if comparison.point.is_integer]
    for comparison in here:
        for gap in comparison.gaps:
            if not all(ball.contains(0) and ball.rad() * denominator < 0.5 for ball in gap.ravel()):
                return None
    return len(here) * (math.log2(degree) - INTEGER_BITS - 1) if here else None
