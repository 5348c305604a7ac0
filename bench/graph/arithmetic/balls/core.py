"""Ball arithmetic: numpy object arrays of FLINT's `arb` (Johansson 2017, doi 10.1109/TC.2017.2690633).

A ball is a midpoint and a radius; it contains the value of exact arithmetic. The precision is that of FLINT's context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key, reduce
from math import nan, prod
from operator import methodcaller
from typing import Any

import numpy as np
import torch
from flint import acb, acb_mat, arb, arb_mat

from gradiometer.graph.arithmetic.arrays import (
    SAME_ENTRIES,
    Array,
    count_of,
    dims_of,
    index_put,
    scatter_add,
)
from gradiometer.graph.evaluate import UndecidedError


def as_array(value: Any) -> Array:
    """An object array; numpy returns a bare object where a result has no dimensions."""
    return np.asarray(value, dtype=object)


def entrywise(function: Callable[..., Any], arity: int = 1) -> Callable[..., Array]:
    """A function of balls, broadcast over arrays of balls and Python integers."""
    broadcast = np.frompyfunc(function, arity, 1)
    return lambda *operands: as_array(broadcast(*operands))


_sum = entrywise(lambda a, b: a + b, 2)
_difference = entrywise(lambda a, b: arb(0) if a is b and isinstance(a, (arb, acb)) and a.is_finite() else a - b, 2)
multiply = entrywise(lambda a, b: a * b, 2)


def _ball(value: Any) -> Any:
    """A number as a ball; a ball as the same object, as one object is equal to itself whatever its radius."""
    return value if isinstance(value, (arb, acb)) else arb(value)


def _larger(a: Any, b: Any) -> Any:
    if a is b or a >= b:
        return _ball(a)
    return _ball(b) if b >= a else arb.max(_ball(a), _ball(b))


def _smaller(a: Any, b: Any) -> Any:
    if a is b or a <= b:
        return _ball(a)
    return _ball(b) if b <= a else arb.min(_ball(a), _ball(b))


maximum = entrywise(_larger, 2)
minimum = entrywise(_smaller, 2)


def add(a: Any, b: Any, alpha: Any = None) -> Array:
    """The sum a + alpha·b."""
    return _sum(a, b if alpha is None else multiply(b, alpha))


def subtract(a: Any, b: Any, alpha: Any = None) -> Array:
    """The difference a − alpha·b."""
    return _difference(a, b if alpha is None else multiply(b, alpha))


def divide(a: Any, b: Any) -> Array:
    """The quotient a / b; a Python integer is exact."""
    return entrywise(lambda x, y: _ball(x) / y, 2)(a, b)


def power(a: Any, exponent: Any) -> Array:
    """A power. An integer exponent is computed by products, which allows a negative base."""
    return entrywise(lambda x, y: _ball(x) ** y, 2)(a, exponent)


def mm(a: Array, b: Array) -> Array:
    """The product (m × k) (k × n), by FLINT."""
    (rows, inner), (_, columns) = a.shape, b.shape
    one, other = a.ravel().tolist(), b.ravel().tolist()
    kind = acb_mat if any(isinstance(entry, acb) for entry in (*one, *other)) else arb_mat
    return as_array((kind(rows, inner, one) * kind(inner, columns, other)).entries()).reshape(rows, columns)


def bmm(a: Array, b: Array) -> Array:
    """The products (batch × m × k) (batch × k × n)."""
    return np.stack([mm(one, other) for one, other in zip(a, b, strict=True)])


def sum_over(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
    """The sum over `dims`; over all dimensions where none is named."""
    total = as_array(np.sum(x, axis=dims_of(x, dims), keepdims=keepdim))
    return total if x.size else np.full(total.shape, arb(0), dtype=object)


def mean(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
    """The sum divided by the exact number of entries."""
    return divide(sum_over(x, dims, keepdim), count_of(x, dims))


def reduced(take: Callable[..., Array]) -> Callable[..., Array]:
    """A reduction over dimensions by a function of two operands."""

    def over(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
        axes = dims_of(x, dims)
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        rows = np.transpose(x, [*axes, *kept]).reshape(count_of(x, axes), *(x.shape[axis] for axis in kept))
        shape = [1 if axis in axes else n for axis, n in enumerate(x.shape) if keepdim or axis not in axes]
        return as_array(reduce(take, rows)).reshape(shape)

    return over


def clamp(x: Array, low: Any = None, high: Any = None) -> Array:
    """x limited to the range from `low` to `high`, numbers or arrays."""
    raised = x if low is None else maximum(x, low)
    return raised if high is None else minimum(raised, high)


def _is_greater(a: Any, b: Any) -> bool:
    if a is b or a <= b:
        return False
    if a > b:
        return True
    raise UndecidedError("two enclosures overlap, so their order cannot be decided")


def _is_equal(a: Any, b: Any) -> bool:
    if a is b:
        return not a.is_nan()
    if a == b:
        return True
    if a != b:
        return False
    raise UndecidedError("two enclosures overlap, so their equality cannot be decided")


def decided(holds: Callable[..., bool], arity: int = 2) -> Callable[..., torch.Tensor]:
    """A property of balls as a boolean tensor. Raises UndecidedError where it holds for a part of a ball only."""
    broadcast = np.frompyfunc(lambda *balls: holds(*map(_ball, balls)), arity, 1)
    return lambda *operands: torch.from_numpy(np.asarray(broadcast(*operands), dtype=bool))


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
    **SAME_ENTRIES,
    "abs": entrywise(abs),
    "add": add,
    "amax": reduced(maximum),
    "amin": reduced(minimum),
    "atan": entrywise(methodcaller("atan")),
    "bmm": bmm,
    "ceil": entrywise(lambda a: _whole(a.ceil())),
    "clamp": clamp,
    "cos": entrywise(methodcaller("cos")),
    "cosh": entrywise(methodcaller("cosh")),
    "cumsum": lambda x, dim: as_array(np.cumsum(x, axis=dim)),
    "div": divide,
    "eq": decided(_is_equal),
    "erf": entrywise(methodcaller("erf")),
    "exp": entrywise(methodcaller("exp")),
    "expm1": entrywise(methodcaller("expm1")),
    "floor": entrywise(lambda a: _whole(a.floor())),
    "ge": decided(lambda a, b: not _is_greater(b, a)),
    "gt": decided(_is_greater),
    "index_put": index_put,
    "integer_part": integer_part,
    "is_largest": is_largest,
    "isinf": decided(_is_infinite, 1),
    "isnan": decided(lambda a: bool(a.is_nan()), 1),
    "le": decided(lambda a, b: not _is_greater(a, b)),
    "log": entrywise(lambda a: arb("-inf") if isinstance(a, arb) and a == 0 else a.log()),
    "log1p": entrywise(methodcaller("log1p")),
    "lt": decided(lambda a, b: _is_greater(b, a)),
    "maximum": maximum,
    "mean": mean,
    "minimum": minimum,
    "mm": mm,
    "mul": multiply,
    "ne": decided(lambda a, b: not _is_equal(a, b)),
    "neg": entrywise(lambda a: -a),
    "pow": power,
    "ranks": ranks,
    "reciprocal": entrywise(lambda a: 1 / a),
    "relu": lambda x: maximum(x, 0),
    "rsqrt": entrywise(methodcaller("rsqrt")),
    "scatter_add": scatter_add,
    "sigmoid": entrywise(lambda a: 1 / (1 + (-a).exp())),
    "sign": sign,
    "sin": entrywise(methodcaller("sin")),
    "sinh": entrywise(methodcaller("sinh")),
    "sqrt": entrywise(methodcaller("sqrt")),
    "sub": subtract,
    "sum": sum_over,
    "tanh": entrywise(methodcaller("tanh")),
    "trunc": entrywise(_truncated),
}


def lift(tensor: torch.Tensor) -> Array:
    """The entries of a tensor as exact balls."""
    entries = tensor.detach().cpu().resolve_conj().resolve_neg()
    if tensor.is_complex():
        return entrywise(acb)(entries.to(torch.complex128).numpy())
    return entrywise(arb)(entries.double().numpy())
