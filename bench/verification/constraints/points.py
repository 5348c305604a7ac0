"""Points whose inputs meet constraints exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.problems.draws import seeded
from gradiometer.problems.problem import Problem
from gradiometer.verification.constraints.table import BY_KIND, CONSTRAINTS, Constraint

if TYPE_CHECKING:
    from gradiometer.verification.sample_points import Point


class Refinements(Mapping[str, Array]):
    """Balls by input, each computed when it is first asked for."""

    def __init__(self, compute: Mapping[str, Callable[[], Array]]) -> None:
        self._compute, self._known = dict(compute), dict[str, Array]()

    def __getitem__(self, name: str) -> Array:
        if name not in self._known:
            self._known[name] = self._compute[name]()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._compute)

    def __len__(self) -> int:
        return len(self._compute)


def refinements(problem: Problem, inputs: Mapping[str, torch.Tensor]) -> Refinements:
    """Balls for the inputs whose declared kind float64 meets to rounding only."""
    return Refinements(
        {
            name: partial(BY_KIND[problem.kinds[name]], tensor)
            for name, tensor in inputs.items()
            if problem.kinds.get(name) in BY_KIND
        }
    )


def held_to_rounding(point: Point, names: tuple[str, ...]) -> dict[str, list[Constraint]]:
    """The constraints that inputs out of `names` meet to rounding, and that balls can meet exactly."""
    found: dict[str, list[Constraint]] = {}
    for name in names:
        x = point.inputs[name]
        if x.dtype != torch.float64 or not torch.isfinite(x).all():
            continue
        fitting = [one for one in CONSTRAINTS if one.refine is not None and one.fits(tuple(x.shape))]
        held = [one for one in fitting if one.holds(x)]
        if held:
            found[name] = held
    return found


def refined_points(point: Point, names: tuple[str, ...]) -> Iterator[tuple[Point, str]]:
    """The point with inputs out of `names` that meet their constraints exactly, and the constraints in words.

    Use it for inputs of a problem's own sampler. Each further result uses the next constraint of every input.
    """
    held = held_to_rounding(point, names)
    for i in range(max(map(len, held.values()), default=0)):
        chosen = {name: own[min(i, len(own) - 1)] for name, own in held.items()}
        balls = {name: one.refine(point.inputs[name]) for name, one in chosen.items() if one.refine is not None}
        changed = {name: ball for name, ball in balls.items() if _differs(ball, point.inputs[name])}
        if changed:
            words = [chosen[name].text(name, tuple(point.inputs[name].shape)) for name in changed]
            yield replace(point, refined={**point.refined, **changed}), f"where {' and '.join(words)} exactly"


def _differs(balls: Array, x: torch.Tensor) -> bool:
    """Whether balls are anything else than the float64 values."""
    pairs = zip(balls.ravel(), x.reshape(-1).tolist(), strict=True)
    return not all(ball == value for ball, value in pairs)  # balls that overlap are neither equal nor different


def constrained_points(
    points: Sequence[Point], names: tuple[str, ...]
) -> Iterator[tuple[str, list[Point], list[Point], str]]:
    """For each input out of `names` and each constraint: its name, and the points with the input drawn to meet it.

    With them come the same points with the input doubled, or none where that meets the constraint too, and words that
    complete "right": `where S is symmetric; declare S as symmetric`. Use it for inputs that the gradient is not with
    respect to: it may be right only where one of them meets a constraint.
    """
    for name in names:
        shapes = [tuple(point.inputs[name].shape) for point in points]
        for one in CONSTRAINTS:
            if all(map(one.fits, shapes)):
                changed = [_constrained(point, name, one, seeded(name, i)) for i, point in enumerate(points)]
                doubled = [] if one.is_cone else [_doubled(point, name) for point in changed]
                yield name, changed, doubled, f"where {one.text(name, shapes[0])}; {one.remedy.format(x=name)}"


def with_others_scaled(point: Point, kept: str, names: tuple[str, ...], scale: float) -> Point:
    """The point with the inputs out of `names` multiplied by a number, except the input `kept`."""
    changed = {name: scale * point.inputs[name] for name in names if name != kept}
    others = {other: partial(point.refined.__getitem__, other) for other in point.refined if other not in changed}
    return replace(point, inputs={**point.inputs, **changed}, refined=Refinements(others))


def _doubled(point: Point, name: str) -> Point:
    others = {other: partial(point.refined.__getitem__, other) for other in point.refined if other != name}
    return replace(point, inputs={**point.inputs, name: 2 * point.inputs[name]}, refined=Refinements(others))


def _constrained(point: Point, name: str, one: Constraint, generator: torch.Generator) -> Point:
    x = point.inputs[name]
    x = x.abs() if one.draw is None else one.draw(tuple(x.shape), generator)
    compute = {other: partial(point.refined.__getitem__, other) for other in point.refined if other != name}
    if one.refine is not None:
        compute[name] = partial(one.refine, x)
    return replace(point, inputs={**point.inputs, name: x}, is_integer=False, refined=Refinements(compute))
