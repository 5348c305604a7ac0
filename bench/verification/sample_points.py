"""Points at which gradients are compared: random inputs of each kind of data, and variations of them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.problems import inputs
from gradiometer.problems.problem import Problem
from gradiometer.storage.schema import DATA
from gradiometer.verification.constraints.points import refinements

INTEGER_POINTS = 2
"""Number of points with integer inputs."""
INTEGER_BITS = 40
"""Integer inputs are drawn from {−2⁴⁰, …, 2⁴⁰ − 1}."""
SCALES = (4.0, 16.0, 64.0, 2.0**-4, 2.0**-8, 256.0, 1024.0, -1.0, -4.0, -64.0)
SHIFTS = (1.0, -1.0, 4.0, -4.0, 16.0, -16.0, 64.0, -64.0, 256.0, -256.0)
"""Variations of a point's free inputs, by which the other sides of branches are looked for."""
REDRAWS = 6
"""Further draws of a problem's sampler that are tried for the same purpose."""


@dataclass(frozen=True, eq=False)
class Point:
    """Float64 inputs by name, in the problem's order; `is_integer` where all numbers are random integers.

    `refined` holds balls for inputs that meet a constraint exactly where float64 meets it to rounding only.
    """

    data: str
    inputs: dict[str, torch.Tensor]
    is_integer: bool = False
    refined: Mapping[str, Array] = field(default_factory=dict)

    @property
    def values(self) -> tuple[torch.Tensor | Array, ...]:
        """The inputs for exact arithmetic, in the problem's order."""
        return tuple(self.refined.get(name, tensor) for name, tensor in self.inputs.items())

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The inputs in the problem's order."""
        return tuple(self.inputs.values())


def free_inputs(problem: Problem, dims: dict[str, int], data: str = "uniform") -> tuple[str, ...]:
    """The inputs without a declared kind that the sampler leaves as they are drawn: other numbers may replace them."""
    undeclared = tuple(name for name in problem.shapes if problem.kinds.get(name, "complex") == "complex")
    if problem.sample is None:
        return undeclared
    if data in problem.data:
        return ()
    sampled = problem.sample(data, dict(dims), torch.Generator().manual_seed(0))
    return () if sampled is None else tuple(name for name in undeclared if name not in sampled)


def sampled_inputs(problem: Problem, dims: dict[str, int], data: str) -> tuple[str, ...]:
    """The undeclared inputs that the sampler draws; they may meet any constraint."""
    free = free_inputs(problem, dims, data if data in problem.data else "uniform")
    return tuple(name for name in problem.shapes if name not in free and name not in problem.kinds)


def sample_points(problem: Problem, dims: dict[str, int], seed: int = 0) -> Iterator[Point]:
    """One point of every kind of data that the problem can draw, then integer points where inputs are unconstrained.

    Raises what the problem's sampler raises.
    """
    for data in (*DATA, *problem.data):
        drawn = inputs.draw(problem, dims, data, seed)
        if drawn is not None:
            yield Point(data, drawn, refined=refinements(problem, drawn))
            yield from _uniform_masks(problem, Point(data, drawn, refined=refinements(problem, drawn)))
    with contextlib.suppress(Exception):  # a sampler that raises for uniform data takes no integers either
        key = hashlib.sha256(f"integers {seed} {sorted(dims.items())}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "little") >> 1)
        for _ in range(INTEGER_POINTS):
            drawn = inputs.integer_draws(problem, dims, generator, 2**INTEGER_BITS)
            if drawn is not None:
                yield Point("integer", drawn, is_integer=True)


def _uniform_masks(problem: Problem, point: Point) -> Iterator[Point]:
    """A point with all entries of the declared masks false, and with all of them true."""
    masks = [name for name, kind in problem.kinds.items() if kind == "boolean"]
    for value in (False, True) if masks and point.data == DATA[0] else ():
        changed = {name: torch.full_like(point.inputs[name], value) for name in masks}
        yield replace(point, data=f"{point.data}, masks {str(value).lower()}", inputs={**point.inputs, **changed})


def varied_points(problem: Problem, dims: dict[str, int], points: list[Point], seed: int) -> Iterator[Point]:
    """Variations of points: free inputs scaled and shifted, together and one at a time, and further draws."""
    bases = [point for point in points if not point.is_integer][:2]
    for base in bases:
        try:
            free = free_inputs(problem, dims, base.data)
        except Exception:  # the sampler may raise anything
            free = ()
        groups = [free, *((name,) for name in free)] if len(free) > 1 else [free] if free else []
        generator = torch.Generator().manual_seed(seed)
        for _ in range(2 if free else 0):
            mixed = {
                name: tensor * 4.0 ** torch.randint(-3, 4, tensor.shape, generator=generator).double()
                if name in free
                else tensor
                for name, tensor in base.inputs.items()
            }
            yield replace(base, data=f"{base.data}, entries scaled by powers of 4", inputs=mixed)
        for group in groups:
            which = "" if group == tuple(base.inputs) else f" in {', '.join(group)}"
            for scale in SCALES:
                changed = {n: scale * t if n in group else t for n, t in base.inputs.items()}
                yield replace(base, data=f"{base.data} × {scale:g}{which}", inputs=changed)
            for shift in SHIFTS:
                changed = {n: t + shift if n in group else t for n, t in base.inputs.items()}
                yield replace(base, data=f"{base.data} {shift:+g}{which}", inputs=changed)
    for i in range(1, REDRAWS + 1):
        for base in bases:
            with contextlib.suppress(Exception):
                drawn = inputs.draw(problem, dims, base.data, seed + i)
                if drawn is not None:
                    yield Point(base.data, drawn, refined=refinements(problem, drawn))
