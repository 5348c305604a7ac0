"""Where derivations are checked: dimensions that tell a dimension from a constant, and random points."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gradiometer.problems import inputs
from gradiometer.problems.problem import Problem
from gradiometer.storage.schema import DATA

PRIMES = ((13, 7, 5, 17, 23, 31, 41, 47), (11, 7, 3, 19, 29, 37, 43, 53), (17, 11, 7, 13, 19, 23, 29, 31))
"""Dimensions in the problem's order, set directly: distinct odd primes, so that no ratio of two is a third, and 2/m is
not dyadic. Derivations are judged at the first two tuples; the third settles a diagnosis."""
SIZES = (7, 12, 17)
"""For a problem that cannot take such dimensions: its own factors, at these sizes."""

INTEGER_POINTS = 2
INTEGER_BITS = 40
"""Integer inputs are drawn from S = {−2⁴⁰, …, 2⁴⁰ − 1}."""


@dataclass(frozen=True)
class Point:
    """Float64 inputs by name, in the problem's order; `is_integer` says that they are all integers of S."""

    data: str
    inputs: dict[str, torch.Tensor]
    is_integer: bool = False

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The inputs in the problem's order."""
        return tuple(self.inputs.values())


def dims_text(dims: dict[str, int]) -> str:
    """`m=13 n=7`."""
    return " ".join(f"{name}={value}" for name, value in dims.items()) or "no named dimension"


def prime_dims(problem: Problem, which: int) -> dict[str, int]:
    """The problem's named dimensions as distinct odd primes. Raises ValueError for more dimensions than there are."""
    return dict(zip(problem.dims, PRIMES[which][: len(problem.dims)], strict=True))


def _is_free(problem: Problem, dims: dict[str, int]) -> bool:
    """Whether uniform inputs are under no constraint, so that integers may stand for them."""
    if problem.sample is None:
        return True
    return problem.sample("uniform", dict(dims), torch.Generator().manual_seed(0)) == {}


def points(problem: Problem, dims: dict[str, int], seed: int = 0) -> Iterator[Point]:
    """Points of every kind of data that the problem can draw, then integer points where its inputs are free."""
    for data in DATA:
        drawn = inputs.draw(problem, dims, data, seed)
        if drawn is not None:
            yield Point(data, drawn)
    with contextlib.suppress(Exception):  # a sampler that raises for bare dimensions has said so above
        if _is_free(problem, dims):
            bound = 2**INTEGER_BITS
            for i in range(INTEGER_POINTS):
                generator = torch.Generator().manual_seed(INTEGER_POINTS * seed + i)
                shapes = {name: problem.shape_of(name, dims) for name in problem.shapes}
                drawn = {
                    name: torch.randint(-bound, bound, shape, generator=generator).double()
                    for name, shape in shapes.items()
                }
                yield Point("integer", drawn, is_integer=True)
