"""Differences between two gradients, entry by entry, as arrays of balls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import acb, arb

Balls = np.ndarray[Any, Any]
Array = np.ndarray[Any, np.dtype[np.float64]]

LEAST_SCALE = 2.0**-60
"""Smallest scale of an entry, relative to the largest scale. An entry without terms would otherwise need radius 0."""


def scales(absolute_terms: Sequence[Array], truth: Sequence[Balls]) -> list[Array]:
    """The unit of each entry's difference: its sum of absolute terms, or |value| where that sum is not finite."""
    values = [np.array([float(abs(ball)) for ball in part.ravel()]).reshape(part.shape) for part in truth]
    chosen = [np.where(np.isfinite(b), b, v) for b, v in zip(absolute_terms, values, strict=True)]
    largest = max((float(np.max(part, initial=0.0)) for part in chosen), default=0.0)
    return [np.maximum(part, max(largest * LEAST_SCALE, 2.0**-1000)) for part in chosen]


def midpoints_of(part: Balls) -> Array:
    """The midpoints of balls as float64 numbers, or as complex128 ones where some ball is complex."""
    numbers = [complex(ball) if isinstance(ball, acb) else float(ball.mid()) for ball in part.ravel()]
    return np.array(numbers).reshape(part.shape)


def first_complex(name: str, found: Balls, truth: Balls) -> str | None:
    """The first wrong entry of a complex gradient in words; None for a real one."""
    for at in np.ndindex(found.shape):
        if isinstance(found[at], acb) or isinstance(truth[at], acb):
            one, other = complex(found[at]), complex(truth[at])
            if abs(one - other) > 1e-12 * abs(other):
                return f"{name}{list(at)} is {one:.6g}, should be {other:.6g}"
    return None


def differences(found: Sequence[Balls], truth: Sequence[Balls]) -> list[Balls]:
    """Found − truth."""
    return [np.asarray(one - other, dtype=object) for one, other in zip(found, truth, strict=True)]


def _pairs(gaps: Sequence[Balls], scale: Sequence[Array]) -> list[tuple[arb, float]]:
    parts = zip(gaps, scale, strict=True)
    return [pair for gap, b in parts for pair in zip(gap.ravel(), b.ravel().tolist(), strict=True)]


def all_finite(values: Sequence[Balls]) -> bool:
    """Whether every ball is finite."""
    return all(ball.is_finite() for part in values for ball in part.ravel())


def all_zero(gaps: Sequence[Balls], scale: Sequence[Array], share: float) -> bool:
    """Whether every difference is finite, contains 0 and has a radius of at most `share` of its scale."""
    return all(gap.is_finite() and gap.contains(0) and gap.rad() <= share * b for gap, b in _pairs(gaps, scale))


def some_nonzero(gaps: Sequence[Balls]) -> bool:
    """Whether some difference is certainly not 0."""
    return any(gap.is_finite() and not gap.contains(0) for part in gaps for gap in part.ravel())


def agreeing_digits(gaps: Sequence[Balls], scale: Sequence[Array], precision: int) -> float:
    """−log10 of the largest |difference| / scale, between 0 and the number of digits that `precision` bits hold."""
    most = precision * math.log10(2)
    worst = arb(0)
    for gap, b in _pairs(gaps, scale):
        if not gap.is_finite():
            return 0.0
        worst = worst.max(gap.abs_upper() / b)
    if worst.is_zero():
        return most
    return min(most, max(0.0, -float(worst.log() / arb(10).log())))


def largest_share(gaps: Sequence[Balls], scale: Sequence[Array]) -> float:
    """The largest |difference| / scale, as a float64; infinite where a difference is not finite."""
    shares = [float(gap.abs_upper() / b) if gap.is_finite() else math.inf for gap, b in _pairs(gaps, scale)]
    return max(shares, default=0.0)
