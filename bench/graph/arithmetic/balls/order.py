"""Comparisons, roundings and selections, decided on balls.

Where a ball leaves a decision open, the functions raise UndecidedError; a higher precision may decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from math import nan, prod
from typing import Any

import numpy as np
import torch
from flint import arb, ctx

from gradiometer.graph.arithmetic.arrays import Array, dims_of
from gradiometer.graph.arithmetic.balls.core import NAN, as_array, as_ball, entrywise
from gradiometer.graph.evaluate import UndecidedError
from gradiometer.graph.open_decisions import OpenDecision


def _is_greater(a: Any, b: Any) -> bool:
    if a is b or a is NAN or b is NAN or a <= b:
        return False
    if a > b:
        return True
    raise UndecidedError("two enclosures overlap, so their order cannot be decided")


def _is_equal(a: Any, b: Any) -> bool:
    if a is b:
        return not a.is_nan()
    if a is NAN or b is NAN:
        return False
    if a == b:
        return True
    if a != b:
        return False
    raise UndecidedError("two enclosures overlap, so their equality cannot be decided")


def _is_at_least(a: Any, b: Any) -> bool:
    return a is not NAN and b is not NAN and not _is_greater(b, a)


def decided(holds: Callable[..., bool], arity: int = 2) -> Callable[..., torch.Tensor | OpenDecision]:
    """A property of balls as booleans, open where it holds for a part of a ball only."""

    def outcome(*balls: Any) -> bool | None:
        try:
            return holds(*map(as_ball, balls))
        except UndecidedError:
            return None

    broadcast = np.frompyfunc(outcome, arity, 1)

    def apply(*operands: Any) -> torch.Tensor | OpenDecision:
        found = as_array(broadcast(*operands))
        known = np.array([entry is not None for entry in found.ravel()], dtype=bool).reshape(found.shape)
        booleans = torch.from_numpy(found.astype(bool))
        return booleans if known.all() else OpenDecision(torch.from_numpy(known), booleans)

    return apply


def either(decision: OpenDecision, a: Any, b: Any) -> Array:
    """The entries that a decision selects; where it is open, a ball that contains both.

    Raises UndecidedError where that ball is wide, as then the outcome matters.
    """

    def entry(known: bool, holds: bool, one: Any, other: Any) -> Any:
        one, other = as_ball(one), as_ball(other)
        if known or one is other:
            return one if holds else other
        both = one.union(other)
        if not both.is_finite() or both.rad() > (1 + abs(both)) * arb(2) ** (-ctx.prec // 2):
            raise UndecidedError("two enclosures overlap, so their order cannot be decided")
        return both

    return entrywise(entry, 4)(decision.known.numpy(), decision.holds.numpy(), a, b)


def sign(x: Array) -> Array:
    """−1, 0 or 1."""
    return entrywise(lambda a: arb(int(_is_greater(a, arb(0))) - int(_is_greater(arb(0), a))))(x)


def _whole(rounded: arb) -> arb:
    """The only integer in a ball of rounded numbers. Raises UndecidedError where it contains several."""
    whole = rounded.unique_fmpz()
    if whole is None and rounded.is_finite():
        raise UndecidedError("an enclosure spans an integer, so its integer part cannot be decided")
    return rounded if whole is None else arb(whole)


def _truncated(a: arb) -> arb:
    return arb(0) if abs(a) < 1 else _whole(a.floor() if a >= 0 else a.ceil())


def rounded(x: Array, decimals: int = 0) -> Array:
    """The nearest number with so many decimal places; of two, the one with an even last digit."""

    def nearest(a: arb) -> arb:
        shifted = a * arb(10) ** decimals
        if (shifted * 2).is_exact() and (shifted - arb(1) / 2).is_integer():
            low = shifted.floor()
            return (low if (low / 2).is_integer() else low + 1) / arb(10) ** decimals
        return _whole((shifted + arb(1) / 2).floor()) / arb(10) ** decimals

    return entrywise(nearest)(x)


def integer_part(x: Array) -> torch.Tensor:
    """Balls rounded towards zero, as integers. Raises UndecidedError where a ball has numbers of two integer parts."""

    def whole(a: arb) -> int:
        if (found := _truncated(a).unique_fmpz()) is None:
            raise UndecidedError("an enclosure is not finite, so its integer part cannot be decided")
        return int(found)

    return torch.from_numpy(np.asarray(entrywise(whole)(x), dtype=np.int64))


def _is_infinite(a: arb) -> bool:
    if a.is_finite() or a.is_nan():
        return False
    if abs(a) > 0 and not abs(a).contains(1) and a.rad() == 0:
        return True
    raise UndecidedError("an enclosure is not bounded, so whether it is infinite cannot be decided")


def _positions_of_largest(row: Sequence[arb]) -> list[int]:
    """The positions of the largest entry of a row. Raises UndecidedError where several may be the largest."""
    if undefined := [i for i, a in enumerate(row) if a.is_nan()]:
        return undefined
    best = max(row, key=lambda a: a.mid())
    return [i for i, a in enumerate(row) if not _is_greater(best, a) and _is_equal(best, a)]


def is_largest(x: Array, dims: Any) -> torch.Tensor:
    """Whether an entry is the largest along `dims`. Raises UndecidedError where several may be the largest."""
    axes = dims_of(x, dims)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    order = [*kept, *axes]
    moved = np.transpose(x, order)
    rows = moved.reshape(prod(x.shape[axis] for axis in kept), prod(x.shape[axis] for axis in axes))
    found = np.zeros(rows.shape, dtype=bool)
    for row, flags in zip(rows, found, strict=True):
        flags[_positions_of_largest(row.tolist())] = True
    return torch.from_numpy(np.ascontiguousarray(np.transpose(found.reshape(moved.shape), np.argsort(order))))


def _ranks_of(row: Sequence[arb]) -> list[float]:
    """For each entry, how many smaller values the row has; NaN for NaN."""
    numbers = [i for i, a in enumerate(row) if not a.is_nan()]

    def order_of(i: int, j: int) -> int:
        return _is_greater(row[i], row[j]) - _is_greater(row[j], row[i])

    order = sorted(numbers, key=cmp_to_key(order_of))
    ranks, rank = [nan] * len(row), 0
    for before, after in zip([*order[:1], *order], order, strict=False):
        rank += not _is_equal(row[before], row[after])
        ranks[after] = float(rank)
    return ranks


def ranks(x: Array, dim: int | None, which: str) -> torch.Tensor:
    """A tensor with the order of the entries along a dimension, as `Arithmetic` says. Raises UndecidedError."""
    if which != "all":
        extreme = is_largest(x if which == "largest" else as_array(-x), dim).double()
        return extreme if which == "largest" else -extreme
    axis = -1 if dim is None else dim
    rows = np.moveaxis(np.atleast_1d(x), axis, -1)
    found = np.array([_ranks_of(row.tolist()) for row in rows.reshape(-1, rows.shape[-1])], dtype=np.float64)
    return torch.from_numpy(np.moveaxis(found.reshape(rows.shape), -1, axis).reshape(x.shape).copy())


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "either": either,
    "ceil": entrywise(lambda a: _whole(a.ceil())),
    "eq": decided(_is_equal),
    "floor": entrywise(lambda a: _whole(a.floor())),
    "ge": decided(_is_at_least),
    "gt": decided(_is_greater),
    "integer_part": integer_part,
    "is_largest": is_largest,
    "isinf": decided(_is_infinite, 1),
    "isnan": decided(lambda a: bool(a.is_nan()), 1),
    "le": decided(lambda a, b: _is_at_least(b, a)),
    "lt": decided(lambda a, b: _is_greater(b, a)),
    "ne": decided(lambda a, b: not _is_equal(a, b)),
    "ranks": ranks,
    "round": rounded,
    "sign": sign,
    "trunc": entrywise(_truncated),
}
"""Operation → its function in balls."""
