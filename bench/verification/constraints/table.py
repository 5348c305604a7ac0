"""Constraints between the entries of an input, with balls that meet them exactly.

Float64 often meets a constraint to rounding only: no float64 entries of an orthogonal matrix need be orthogonal. A form
that uses the constraint then differs from the derivative by a rounding error, although it is right. Balls around exact
values near the float64 ones decide such cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from flint import arb, arb_mat, ctx

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.problems.kinds import KINDS

BITS = 2200
"""Bits of refined inputs: more than any comparison uses."""
STEPS = 7
"""Steps of Newton's iteration for orthogonality: each doubles the correct bits, from at least 40."""

Refine = Callable[[torch.Tensor], Array]


@dataclass(frozen=True)
class Constraint:
    """A constraint on one input.

    `words` names it, `{x}` being the input; `of_vector` names it for an input of one dimension. `holds(tensor)` tells
    whether a tensor meets it to rounding. `refine` gives balls that meet it, around values next to the tensor's; None
    where float64 meets it exactly. `draw(shape, generator)` draws float64 entries that meet it; None where absolute
    values do. `remedy` tells a user how to have the input drawn so. `least` is the least number of dimensions. A cone
    holds the positive multiples of its elements.
    """

    words: str
    holds: Callable[[torch.Tensor], bool]
    refine: Refine | None
    draw: Callable[[tuple[int, ...], torch.Generator], torch.Tensor] | None
    remedy: str
    of_vector: str = ""
    least: int = 1
    is_square: bool = False
    is_cone: bool = False

    def text(self, name: str, shape: tuple[int, ...]) -> str:
        """The constraint on the input of this name and shape, in words."""
        return (self.of_vector if len(shape) == 1 and self.of_vector else self.words).format(x=name)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an input of this shape can meet the constraint and violate it."""
        if len(shape) < self.least or (self.is_square and shape[-1] != shape[-2]):
            return False
        return self.least == 0 or shape[-1] > 1


def _balls(x: torch.Tensor) -> Array:
    entries = np.array([arb(value) for value in x.reshape(-1).tolist()], dtype=object)
    return entries.reshape(tuple(x.shape))


def _divided(x: torch.Tensor, axis: int | None, by_norm: bool = False) -> Array:
    """x divided by its sums, or by its norms, along an axis."""
    with ctx.workprec(BITS):
        entries = _balls(x)
        sums = np.asarray(np.sum(entries * entries if by_norm else entries, axis=axis, keepdims=True), dtype=object)
        return np.asarray(entries / (np.frompyfunc(arb.sqrt, 1, 1)(sums) if by_norm else sums), dtype=object)


def _mirrored(x: torch.Tensor) -> Array:
    with ctx.workprec(BITS):
        entries = _balls(x)
        return np.asarray((entries + np.swapaxes(entries, -1, -2)) / 2, dtype=object)


def _orthogonal(x: torch.Tensor) -> Array:
    """The orthogonal factor U of X = U H by X ← X (3 I − XᵀX)/2 (Higham, *Functions of Matrices*, 8.3).

    The radius is Σ|XᵀX − I| ≥ ‖XᵀX − I‖ ≥ ‖X − U‖, because |σ − 1| ≤ |σ² − 1| for every singular value σ.
    """
    height, width = x.shape[-2:]
    is_wide = height < width
    parts = (x.mT if is_wide else x).reshape(-1, max(height, width), min(height, width))
    found = np.array([_nearest_orthogonal(part) for part in parts], dtype=object)
    found = np.swapaxes(found, -1, -2) if is_wide else found
    return np.asarray(found.reshape(tuple(x.shape)), dtype=object)


def _nearest_orthogonal(x: torch.Tensor) -> list[list[arb]]:
    height, width = x.shape
    with ctx.workprec(BITS):
        values = arb_mat(height, width, [arb(value) for value in x.reshape(-1).tolist()])
        unit = arb_mat(width, width, [int(i == j) for i in range(width) for j in range(width)])
        for step in range(STEPS):
            with ctx.workprec(min(BITS, 96 * 2**step)):
                values = (values * (3 * unit - values.transpose() * values) / 2).mid()
        gaps = (values.transpose() * values - unit).entries()
        radius = arb(0, sum(map(abs, gaps), arb(0)).abs_upper())
        return [[values[i, j] + radius for j in range(width)] for i in range(height)]


def _unit_sums(axis: int | None) -> Callable[[torch.Tensor], bool]:
    def holds(x: torch.Tensor) -> bool:
        return KINDS["simplex"].holds(x.reshape(1, -1) if axis is None else x.movedim(axis, -1))

    return holds


def _simplex(axis: int | None) -> Callable[[tuple[int, ...], torch.Generator], torch.Tensor]:
    def draw(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
        if axis is None:
            return KINDS["simplex"].draw((torch.Size(shape).numel(),), "uniform", generator).reshape(shape)
        turned = list(shape)
        turned[axis], turned[-1] = turned[-1], turned[axis]
        return KINDS["simplex"].draw(tuple(turned), "uniform", generator).transpose(axis, -1).contiguous()

    return draw


def _of(kind: str, *arguments: Any) -> Callable[[tuple[int, ...], torch.Generator], torch.Tensor]:
    return lambda shape, generator: KINDS[kind].draw(shape, "normal", generator, *arguments)


def _bits(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return KINDS["boolean"].draw(shape, "uniform", generator).double()


BY_SAMPLE = "draw {x} so in sample"
CONSTRAINTS: tuple[Constraint, ...] = (
    Constraint(
        "{x} is orthogonal", KINDS["orthogonal"].holds, _orthogonal, _of("orthogonal"), "declare {x} as orthogonal",
        least=2,
    ),
    Constraint(
        "{x} is symmetric", KINDS["symmetric"].holds, _mirrored, _of("symmetric"), "declare {x} as symmetric",
        least=2, is_square=True, is_cone=True,
    ),
    Constraint(
        "the rows of {x} sum to 1", _unit_sums(-1), lambda x: _divided(x, -1), _simplex(-1), "declare {x} as simplex",
        "the entries of {x} sum to 1",
    ),
    Constraint(
        "the columns of {x} sum to 1", _unit_sums(-2), lambda x: _divided(x, -2), _simplex(-2), BY_SAMPLE, least=2,
    ),
    Constraint(
        "all entries of {x} sum to 1", _unit_sums(None), lambda x: _divided(x, None), _simplex(None), BY_SAMPLE,
        least=2,
    ),
    Constraint(
        "the rows of {x} are one-hot", KINDS["one_hot"].holds, None, _of("one_hot"), "declare {x} as one_hot",
        "{x} is one-hot",
    ),
    Constraint(
        "the rows of {x} have norm 1", KINDS["unit"].holds, lambda x: _divided(x, -1, True), _of("unit"),
        "declare {x} as unit", "{x} has norm 1",
    ),
    Constraint(
        "the entries of {x} are 0 or 1", lambda x: bool(((x == 0) | (x == 1)).all()), None, _bits, BY_SAMPLE, least=0,
    ),
    Constraint(
        "{x} is positive", lambda x: bool((x > 0).all()), None, None, "declare {x} as positive", least=0,
        is_cone=True,
    ),
)  # fmt: skip
"""Constraints, each before those that it implies for refining. Declared kinds are in KINDS of problems/kinds.py."""
BY_KIND: Mapping[str, Refine] = {"orthogonal": _orthogonal, "unit": lambda x: _divided(x, -1, True)}
"""Declared kind → balls that meet it, where float64 cannot."""
