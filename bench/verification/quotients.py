"""Difference quotients of a loss in high precision: a derivative that needs no rule.

The central quotient (L(x + h v) − L(x − h v)) / 2h with h = 2^(−p/3) at p bits has an error near h², so 1024 bits give
about 200 digits. Results of `detach` keep the values that they have at x, as they are constants for the derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from flint import arb, ctx
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.balls.core import lift
from gradiometer.graph.arithmetic.balls.midpoints import midpoints
from gradiometer.graph.evaluate import evaluate
from gradiometer.verification.differences import Balls
from gradiometer.verification.sample_points import Point

BITS = 1024
STEP = 2.0 ** -(BITS // 3)
SHARE = 2.0**-200
"""Largest relative disagreement between a derivative and a quotient of BITS bits."""
MOST_ENTRIES = 64
"""Largest number of entries that are differentiated one by one."""


class _Frozen:
    """The operation `detach`: the first pass records its operands, later passes return them."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.place: int | None = None

    def __call__(self, x: Any) -> Any:
        if self.place is None:
            self.kept.append(x)
            return x
        self.place += 1
        return self.kept[self.place - 1]


class Quotients:
    """Central quotients of a loss at a point. Raises UnknownOperationError where the loss cannot be evaluated."""

    def __init__(self, loss: GraphModule, point: Point) -> None:
        self._loss = loss
        self._frozen = _Frozen()
        self._arithmetic = midpoints({"detach": self._frozen})
        self._values = [lift(value) if isinstance(value, torch.Tensor) else value for value in point.values]
        self._is_number = [tensor.is_floating_point() for tensor in point.tensors]
        self._tensors = point.tensors
        self._at([])

    def _at(self, steps: Sequence[tuple[int, Any]]) -> arb:
        inputs: list[Any] = [
            value if number else tensor
            for value, number, tensor in zip(self._values, self._is_number, self._tensors, strict=True)
        ]
        for place, step in steps:
            inputs[place] = np.asarray(inputs[place] + step, dtype=object)
        with ctx.workprec(BITS):
            (found,) = evaluate(self._loss, inputs, self._arithmetic)
        self._frozen.place = 0
        return arb(found.ravel()[0])

    def along(self, direction: Sequence[tuple[int, Any]]) -> arb:
        """The derivative along a direction: (place of an input, array of numbers) for each input that changes."""
        with ctx.workprec(BITS):
            up, down = (self._at([(place, sign * arb(STEP) * v) for place, v in direction]) for sign in (1, -1))
            return (up - down) / (2 * arb(STEP))

    def gradient(self, place: int) -> Balls:
        """The derivative with respect to every entry of an input."""
        shape = self._tensors[place].shape
        found = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            unit = np.full(shape, arb(0), dtype=object)
            unit[at] = arb(1)
            found[at] = self.along([(place, unit)])
        return found


def _directions(point: Point, places: Sequence[int]) -> Iterator[tuple[int, Any]]:
    generator = torch.Generator().manual_seed(1)
    for place in places:
        shape = point.tensors[place].shape
        numbers = torch.randint(1, 2**20, shape, generator=generator)
        yield place, np.frompyfunc(arb, 1, 1)(np.asarray(numbers.tolist(), dtype=object).reshape(shape))


def disagreement(loss: GraphModule, point: Point, places: Sequence[int], parts: Sequence[Balls]) -> str | None:
    """By how much a derivative differs from the quotient along a random direction; None where they agree.

    Raises UnknownOperationError where the loss cannot be evaluated.
    """
    direction = [(place, np.asarray(v, dtype=object)) for place, v in _directions(point, places)]
    found = Quotients(loss, point).along(direction)
    with ctx.workprec(BITS):
        terms = [
            a.mid() * b
            for part, (_, v) in zip(parts, direction, strict=True)
            for a, b in zip((part if part.ndim == v.ndim else part[..., 0]).ravel(), v.ravel(), strict=True)
        ]
        expected, size = sum(terms, arb(0)), sum(map(abs, terms), arb(0)) + abs(found)
        gap = abs(expected - found)
    if gap <= size * SHARE or (size == 0 and gap == 0):
        return None
    return (
        f"the derivative along a random direction is {float(found):.6g} by differences, {float(expected):.6g} by rules"
    )
