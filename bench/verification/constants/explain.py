"""Whether rounded constants explain the difference between a gradient and the derivative, and which constants do.

A difference is explained where one change per constant, within the digits that the constant has, makes both sides equal
at every entry and every point. The changes are found by Newton's method from a least-squares problem, and the equality
is evaluated anew in high precision, so a difference of another kind stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flint import arb, arb_mat, ctx
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.balls.constants import Constants
from gradiometer.graph.arithmetic.balls.midpoints import midpoints
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.literals import Literal, half_unit
from gradiometer.verification.constants.closed_forms import closed_form, closed_value
from gradiometer.verification.differences import Array, Balls

BITS = 512
"""Precision of all evaluations."""
STEP = 2.0**-60
"""Step of the difference quotient by a constant, relative to the constant's radius."""
MOST_CONSTANTS = 24
MOST_STEPS = 12
DAMPINGS = (2.0**-40, 2.0**-100, 2.0**-150)
"""Multiples of the identity that are tried in the normal equations.

A large one ignores directions in which constants of many digits would fit what is left by those of few digits; a small
one separates nearly parallel constants.
"""
EQUAL = 2.0**-100
"""Largest remaining difference, relative to what the constants can explain."""
SMALL_VALUE = 2.0**-10
"""Share of the largest entry below which an entry with an explained difference is measured by that share."""
MOST_NAMED = 2
"""Constants that are named; one more is, too, if it is the last."""
NAMED = 1e-3
"""A constant is named where it makes at least this share of the difference of some entry."""

Changes = Mapping[Literal, arb]


@dataclass(frozen=True)
class Pair:
    """A gradient and the exact derivative as graphs at one point.

    `values` are the inputs, `scale` the unit of each entry's difference.
    """

    found: GraphModule
    exact: GraphModule
    values: Sequence[Any]
    scale: Sequence[Array]


@dataclass
class ConstantFit:
    """The comparisons of one form at one tuple of dimensions; its constants have one change at all of them."""

    pairs: list[Pair] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        """Add a comparison."""
        self.pairs.append(pair)

    def explain(self) -> tuple[str, ...] | None:
        """The constants that explain all differences, in words; None where they do not."""
        with ctx.workprec(BITS):
            try:
                return self._explain()
            except (ArithmeticError, ValueError):  # an overflow, a division by zero, or an undecided comparison
                return None

    def _explain(self) -> tuple[str, ...] | None:
        base, met = self._gaps({}), self._met()
        in_form, in_loss = met
        if len(in_form | in_loss) > MOST_CONSTANTS:
            return None
        own = {one for one in in_form | in_loss if one.radius and (one not in in_loss or one.fills_format)}
        for free in (own, {one for one in in_form | in_loss if one.radius}):
            known = self._closed(free)
            if known is not None:
                return self._words(known, in_form | in_loss)
            ordered = sorted(free, key=lambda one: one.value)
            for damping in DAMPINGS:
                changes = self._solved(base, ordered, damping)
                if changes is not None:
                    return self._words(changes, in_form | in_loss)
        return None

    def _met(self) -> tuple[set[Literal], set[Literal]]:
        found, exact = Constants(), Constants()
        for pair in self.pairs:
            _evaluated(pair.found, pair.values, found)
            _evaluated(pair.exact, pair.values, exact)
        return found.met, exact.met

    def _gaps(self, changes: Changes) -> list[arb]:
        """The differences of all entries at all points with changed constants."""
        gaps = []
        for pair in self.pairs:
            found = _evaluated(pair.found, pair.values, Constants(changes))
            exact = _evaluated(pair.exact, pair.values, Constants(changes))
            for one, other in zip(found, exact, strict=True):
                gaps += [(a - b).mid() for a, b in zip(one.ravel(), other.ravel(), strict=True)]
        return gaps

    def _closed(self, free: set[Literal]) -> dict[Literal, arb] | None:
        """The changes to the numbers of closed form that the constants can stand for, if the differences vanish there.

        Two constants with proportional effects, as in √2 and √(2π) of a normal density, cannot be solved for.
        """
        values = {one: closed_value(one) for one in free}
        changes = {
            one: value - arb(one.decimal.numerator) / one.decimal.denominator
            for one, value in values.items()
            if value is not None
        }
        if not changes:
            return None
        units = [b for pair in self.pairs for part in pair.scale for b in part.ravel().tolist()]
        gaps = zip(self._gaps(changes), units, strict=True)
        return changes if all(abs(gap) <= arb(b) * arb(2) ** (-BITS // 2) for gap, b in gaps) else None

    def _solved(self, base: list[arb], free: Sequence[Literal], damping: float) -> dict[Literal, arb] | None:
        """A change for each free constant that makes all differences vanish; None where there is none."""
        units = [b for pair in self.pairs for part in pair.scale for b in part.ravel().tolist()]
        noise = [arb(b) * arb(2) ** (-BITS // 2) for b in units]
        slopes = [self._slopes(base, one) for one in free]  # per constant and radius
        most = [max((abs(slope[i]) for slope in slopes), default=arb(0)) for i in range(len(base))]
        rows = [i for i, size in enumerate(most) if size > noise[i]]
        matrix = [[(slope[i] / most[i]).mid() for slope in slopes] for i in rows]
        others = [i for i, size in enumerate(most) if size <= noise[i]]
        changes = {one: arb(0) for one in free}
        gaps, previous = base, math.inf
        for _ in range(MOST_STEPS):
            if any(not abs(gaps[i]) <= noise[i] for i in others):
                return None
            sides = [-(gaps[i] / most[i]) for i in rows]
            largest = max((abs(side) for side in sides), default=arb(0))
            if not largest <= len(free) + 1:
                return None
            if largest <= EQUAL:
                return changes
            if not float(largest) < previous / 4:
                return None
            previous = float(largest)
            step = _least_squares(matrix, [side / largest for side in sides], damping)
            for one, part in zip(free, step, strict=True):
                changes[one] = (changes[one] + part * largest * one.radius).mid()
                if not abs(changes[one]) <= 1.001 * one.radius:
                    return None
            gaps = self._gaps(changes)
        return None

    def _slopes(self, base: list[arb], one: Literal) -> list[arb]:
        """How the differences change with a constant, per radius of the constant."""
        moved = self._gaps({one: arb(one.radius) * STEP})
        return [(after - before) / STEP for after, before in zip(moved, base, strict=True)]

    def _words(self, changes: Changes, met: set[Literal]) -> tuple[str, ...]:
        """The constants that make the difference, in words."""
        meant = {one: arb(one.decimal.numerator) / one.decimal.denominator for one in met}
        offsets = {one: meant[one] + changes.get(one, arb(0)) - arb(one.value) for one in met}
        moved = {one: offset for one, offset in offsets.items() if not offset.is_zero()}
        written = self._gaps({one: arb(one.value) - meant[one] for one in met})
        shares = {}
        for one in moved:
            others = {other: arb(other.value) - meant[other] for other in met if other is not one}
            without = self._gaps({**others, one: changes.get(one, arb(0))})
            pairs = zip(written, without, strict=True)
            shares[one] = max((abs(float((a - b) / a)) for a, b in pairs if not a.is_zero()), default=0.0)
        named = sorted((one for one in moved if shares[one] >= NAMED), key=lambda one: one.digits)
        decimals = [one for one in met if not one.fills_format]
        words = [_named(one, meant[one] + changes.get(one, arb(0)), decimals) for one in named]
        more = len(words) - MOST_NAMED
        return (*words[:MOST_NAMED], f"{more} further constants are rounded") if more > 1 else tuple(words)


def _least_squares(matrix: Sequence[Sequence[arb]], sides: Sequence[arb], damping: float) -> list[arb]:
    """The solution of least norm, from the normal equations with a small multiple of the identity."""
    rows = arb_mat([list(row) for row in matrix])
    turned = rows.transpose()
    size = turned.nrows()
    normal = turned * rows + arb_mat([[arb(i == j) * damping for j in range(size)] for i in range(size)])
    solved = normal.mid().solve((turned * arb_mat([[side] for side in sides])).mid())
    return [solved[i, 0].mid() for i in range(size)]


def _named(one: Literal, value: arb, decimals: Sequence[Literal]) -> str:
    """A constant with its digits, and with what it is where that is known."""
    if not one.fills_format and abs(value - arb(one.value)) <= 4 * half_unit(one.value, one.bits):
        return f"the constant {one.text} is rounded to float{64 if one.bits == 53 else 32}"
    closed = closed_form(value, [other for other in decimals if other.digits < one.digits]) if one.radius else None
    digits = one.digits
    if one.fills_format:
        error = abs(value / arb(one.value) - 1)
        digits = min(one.digits, int(-math.log10(float(error)))) if error > 0 else one.digits
    known = f"is {closed} to" if closed else "has"
    return f"the constant {one.text} {known} {digits} digit{'s' * (digits != 1)}"


def _evaluated(graph: GraphModule, values: Sequence[Any], constants: Constants) -> list[Balls]:
    arithmetic = replace(midpoints(), literal=constants.tensor, scalar=constants.number)
    parts: list[Balls] = evaluate(graph, values, arithmetic)
    return parts


def value_digits(gaps: Sequence[Balls], exact: Sequence[Balls], most: float, share: float = 0.0) -> float:
    """−log10 of the largest relative difference of an entry, between 0 and `most`.

    An entry below `share` of the largest one of its part is measured by that share of the largest one.
    """
    worst = arb(0)
    for gap, part in zip(gaps, exact, strict=True):
        sizes = [abs(ball).mid() for ball in part.ravel()]
        least = max(sizes, default=arb(0)) * share
        for difference, size in zip(gap.ravel(), sizes, strict=True):
            if not difference.is_finite():
                return 0.0
            unit = max(size, least)
            if not difference.mid().is_zero():
                worst = max(worst, abs(difference.mid()) / unit) if unit > 0 else arb(1)
    return min(most, max(0.0, -math.log10(float(worst)))) if worst > 0 else most
