"""Decisions on a wrong comparison: whether a constraint on inputs, met exactly, makes the gradient right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradiometer.verification.constraints.points import constrained_points, refined_points, with_others_scaled
from gradiometer.verification.equality import Comparison, compare
from gradiometer.verification.instance import Instance, Wrt
from gradiometer.verification.sample_points import Point, free_inputs, sampled_inputs
from gradiometer.verification.traced import Traced

OTHER_SCALES = (64.0, 2.0**-6)
"""Factors of the other inputs at which a constraint must make the gradient right, too."""
ROUNDED_DIGITS = 8
"""Least digits in which a form agrees that is right where a constraint holds exactly instead of to rounding."""


def where_exact(found: Comparison, wrt: Wrt, form: Traced) -> tuple[Comparison, str] | None:
    """The comparison where inputs of the sampler meet exactly the constraints that they meet to rounding, and where.

    None where the gradient is wrong there too, or differs by more than the rounding of inputs explains. Raises
    UncheckableError.
    """
    place, point = found.instance, found.point
    if point.is_integer or place.problem.sample is None or found.digits < ROUNDED_DIGITS:
        return None
    for refined, where in refined_points(point, sampled_inputs(place.problem, place.dims, point.data)):
        again = compare(place, wrt, form, refined)
        if again.verdict != "wrong":
            return again, where
    return None


def right_where(evidence: Sequence[Comparison], wrt: Wrt, is_right: Callable[[Instance, Point], bool]) -> str | None:
    """The constraint on an undeclared input under which a wrong gradient is right, and the remedy; None without one.

    Every wrong comparison is repeated with such an input. A gradient that stays right where the input is doubled is
    right because of zeros or directions, not because of the constraint; one that is wrong where the other inputs are
    larger or smaller is right in one branch. The inputs of `wrt` are left: the derivative
    with respect to them is that of the loss as a function of free numbers.
    """
    drawn = [one for one in evidence if not one.point.is_integer] or list(evidence)
    first = drawn[0]
    free = free_inputs(first.instance.problem, first.instance.dims, "uniform")
    names = tuple(name for name in free if name not in wrt and not first.point.inputs[name].is_complex())
    places = [one.instance for one in drawn]
    for name, changed, doubled, where in constrained_points([one.point for one in drawn], names):
        if not all(map(is_right, places, changed)) or (doubled and all(map(is_right, places, doubled))):
            continue
        if all(is_right(places[0], with_others_scaled(changed[0], name, free, scale)) for scale in OTHER_SCALES):
            return where
    return None
