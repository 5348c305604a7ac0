"""What a diagnosis knows: the wrong comparisons of one gradient, rounded to float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradiometer.verification.differences import Array, Balls
from gradiometer.verification.equality import Comparison

CLOSE = 1e-8
"""Largest relative distance of values that count as equal."""


@dataclass(frozen=True)
class Diagnosis:
    """A mistake: its `kind` (a name in the table of hypotheses, or `unknown`) and one line of text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Part:
    """The gradient of one input at one point, rounded to float64.

    `gap` is found − truth, computed before rounding; `wrong` marks the entries that differ.
    """

    name: str
    dims: dict[str, int]
    found: Array
    truth: Array
    gap: Array
    wrong: np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Evidence:
    """The wrong comparisons of a gradient with respect to `wrt`, and the part `i` that is diagnosed.

    A hypothesis must hold at all of them. `function` is the gradient as a function of all inputs.
    """

    wrt: tuple[str, ...]
    i: int
    function: Callable[..., Any]
    comparisons: tuple[Comparison, ...]

    @cached_property
    def parts(self) -> list[Part]:
        """The diagnosed part at each comparison."""
        return [part_of(comparison, self.wrt, self.i) for comparison in self.comparisons]


def floats(balls: Balls) -> Array:
    """The midpoints of balls in float64."""
    return np.array([float(ball.mid()) for ball in balls.ravel()]).reshape(balls.shape)


def _wrong(gaps: Balls, scale: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The entries that differ by more than rounded constants may explain; if there are none, all that differ."""
    found = [not (gap.is_finite() and gap.contains(0)) for gap in gaps.ravel()]
    differs = np.array(found, dtype=bool).reshape(gaps.shape)
    clearly = np.asarray(differs & ~(np.abs(floats(gaps)) <= 2.0**-48 * scale))
    return clearly if clearly.any() else differs


def part_of(comparison: Comparison, names: Sequence[str], i: int) -> Part:
    """One input's gradient at a comparison."""
    found, truth, gap = comparison.found[i], comparison.exact[i], comparison.gaps[i]
    wrong = _wrong(gap, comparison.scale[i])
    return Part(names[i], comparison.instance.dims, floats(found), floats(truth), floats(gap), wrong)


def is_same(one: Array, other: Array) -> bool:
    """Whether two arrays agree entry by entry, relative to the largest entry."""
    if one.shape != other.shape or not np.isfinite(other).all():
        return False
    size = float(np.max(np.abs(other), initial=0.0))
    return size > 0 and bool((np.abs(one - other) <= CLOSE * size).all())
