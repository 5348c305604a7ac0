"""Points at which gradients are compared: dimensions that are distinct primes, and random inputs of each kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from gradiometer.errors import GradiometerError
from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.problems import inputs
from gradiometer.problems.problem import Problem
from gradiometer.storage.schema import DATA

PRIMES = ((13, 7, 5, 17, 23, 31, 41, 47), (11, 7, 3, 19, 29, 37, 43, 53), (17, 11, 7, 13, 19, 23, 29, 31))
"""Tuples of dimensions, in the problem's order. Distinct odd primes: no ratio of two equals a third, and 2/m is not a
binary fraction. Gradients are compared at the first two tuples; the third serves diagnosis.
"""
SIZES = (7, 12, 17)
"""Sizes for a problem that cannot take the primes; its dimensions then follow from its own factors."""

INTEGER_POINTS = 2
"""Number of points with integer inputs."""
INTEGER_BITS = 40
"""Integer inputs are drawn from {−2⁴⁰, …, 2⁴⁰ − 1}."""


class DimensionsError(GradiometerError):
    """Dimensions at which the problem cannot be sampled, or its loss cannot be evaluated."""


@dataclass(frozen=True)
class Point:
    """Float64 inputs by name, in the problem's order; `is_integer` where all of them are random integers.

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


def dims_text(dims: dict[str, int]) -> str:
    """`m=13 n=7`."""
    return " ".join(f"{name}={value}" for name, value in dims.items()) or "no named dimension"


def prime_dims(problem: Problem, which: int) -> dict[str, int]:
    """The problem's dimensions from PRIMES[which]. Raises DimensionsError for a problem with more than eight."""
    if len(problem.dims) > len(PRIMES[which]):
        raise DimensionsError(f"{len(problem.dims)} dimensions, at most {len(PRIMES[which])} are supported")
    return dict(zip(problem.dims, PRIMES[which], strict=False))


def _is_unconstrained(problem: Problem, dims: dict[str, int]) -> bool:
    """Whether the sampler leaves every uniform input as it is drawn, so that integers may replace them."""
    if problem.sample is None:
        return True
    return problem.sample("uniform", dict(dims), torch.Generator().manual_seed(0)) == {}


def sample_points(problem: Problem, dims: dict[str, int], seed: int = 0) -> Iterator[Point]:
    """One point of every kind of data that the problem can draw, then integer points where inputs are unconstrained.

    Raises what the problem's sampler raises.
    """
    for data in (*DATA, *problem.data):
        drawn = inputs.draw(problem, dims, data, seed)
        if drawn is not None:
            yield Point(data, drawn)
    with contextlib.suppress(Exception):  # a sampler that raises for uniform data takes no integers either
        if _is_unconstrained(problem, dims):
            bound = 2**INTEGER_BITS
            for i in range(INTEGER_POINTS):
                generator = torch.Generator().manual_seed(INTEGER_POINTS * seed + i)
                shapes = {name: problem.shape_of(name, dims) for name in problem.shapes}
                drawn = {
                    name: torch.randint(-bound, bound, shape, generator=generator).double()
                    for name, shape in shapes.items()
                }
                yield Point("integer", drawn, is_integer=True)
