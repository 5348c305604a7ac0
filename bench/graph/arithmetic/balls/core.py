"""Ball arithmetic: numpy object arrays of FLINT's `arb` (Johansson 2017, doi 10.1109/TC.2017.2690633).

A ball is a midpoint and a radius; it contains the value of exact arithmetic. The precision is that of FLINT's context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import torch
from flint import arb, arb_mat

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
_difference = entrywise(lambda a, b: a - b, 2)
multiply = entrywise(lambda a, b: a * b, 2)
maximum = entrywise(lambda a, b: arb.max(arb(a), arb(b)), 2)
minimum = entrywise(lambda a, b: arb.min(arb(a), arb(b)), 2)


def add(a: Any, b: Any, alpha: Any = None) -> Array:
    """The sum a + alpha·b."""
    return _sum(a, b if alpha is None else multiply(b, alpha))


def subtract(a: Any, b: Any, alpha: Any = None) -> Array:
    """The difference a − alpha·b."""
    return _difference(a, b if alpha is None else multiply(b, alpha))


def divide(a: Any, b: Any) -> Array:
    """The quotient a / b; a Python integer is exact."""
    return entrywise(lambda x, y: arb(x) / y, 2)(a, b)


def power(a: Any, exponent: Any) -> Array:
    """A power. An integer exponent is computed by products, which allows a negative base."""
    return entrywise(lambda x, y: arb(x) ** y, 2)(a, exponent)


def mm(a: Array, b: Array) -> Array:
    """The product (m × k) (k × n), by FLINT."""
    (rows, inner), (_, columns) = a.shape, b.shape
    product = arb_mat(rows, inner, a.ravel().tolist()) * arb_mat(inner, columns, b.ravel().tolist())
    return as_array(product.entries()).reshape(rows, columns)


def bmm(a: Array, b: Array) -> Array:
    """The products (batch × m × k) (batch × k × n)."""
    return np.stack([mm(one, other) for one, other in zip(a, b, strict=True)])


def sum_over(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
    """The sum over `dims`; over all dimensions where none is named."""
    return as_array(np.sum(x, axis=dims_of(x, dims), keepdims=keepdim))


def mean(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
    """The sum divided by the exact number of entries."""
    return divide(sum_over(x, dims, keepdim), count_of(x, dims))


def reduced(take: Callable[..., Array]) -> Callable[..., Array]:
    """A reduction over dimensions by a function of two operands."""

    def over(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
        axes = dims_of(x, dims)
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        rows = np.transpose(x, [*axes, *kept]).reshape(-1, *(x.shape[axis] for axis in kept))
        shape = [1 if axis in axes else n for axis, n in enumerate(x.shape) if keepdim or axis not in axes]
        return as_array(reduce(take, rows)).reshape(shape)

    return over


def clamp(x: Array, low: Any = None, high: Any = None) -> Array:
    """x limited to the range from `low` to `high`, numbers or arrays."""
    raised = x if low is None else maximum(x, low)
    return raised if high is None else minimum(raised, high)


def _is_greater(a: Any, b: Any) -> bool:
    if a > b:
        return True
    if a <= b:
        return False
    raise UndecidedError("two enclosures overlap, so their order cannot be decided")


def _is_equal(a: Any, b: Any) -> bool:
    if a is b or a == b:
        return True
    if a != b:
        return False
    raise UndecidedError("two enclosures overlap, so their equality cannot be decided")


def comparison(holds: Callable[[arb, arb], bool]) -> Callable[[Any, Any], torch.Tensor]:
    """A comparison of balls as a boolean tensor. Raises UndecidedError where balls overlap."""
    broadcast = np.frompyfunc(lambda a, b: holds(arb(a), arb(b)), 2, 1)
    return lambda a, b: torch.from_numpy(np.asarray(broadcast(a, b), dtype=bool))


def sign(x: Array) -> Array:
    """−1, 0 or 1."""
    return entrywise(lambda a: arb(int(_is_greater(a, 0)) - int(_is_greater(0, a))))(x)


def is_largest(x: Array, dims: Any) -> torch.Tensor:
    """Whether an entry is the largest along `dims`. Raises UndecidedError where balls overlap."""
    largest = reduced(entrywise(lambda a, b: a if _is_greater(a, b) else b, 2))(x, dims, True)
    return torch.from_numpy(np.asarray(entrywise(_is_equal, 2)(x, np.broadcast_to(largest, x.shape)), dtype=bool))


def argmax(x: Array, dim: int, keepdim: bool = False) -> torch.Tensor:
    """The first index of the largest entry along a dimension."""
    return is_largest(x, dim).int().argmax(dim, keepdim)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **SAME_ENTRIES,
    "abs": entrywise(abs),
    "add": add,
    "amax": reduced(maximum),
    "amin": reduced(minimum),
    "argmax": argmax,
    "argmin": lambda x, dim, keepdim=False: argmax(-x, dim, keepdim),
    "atan": entrywise(arb.atan),
    "bmm": bmm,
    "clamp": clamp,
    "cos": entrywise(arb.cos),
    "cosh": entrywise(arb.cosh),
    "cumsum": lambda x, dim: as_array(np.cumsum(x, axis=dim)),
    "div": divide,
    "eq": comparison(_is_equal),
    "erf": entrywise(arb.erf),
    "exp": entrywise(arb.exp),
    "expm1": entrywise(arb.expm1),
    "ge": comparison(lambda a, b: not _is_greater(b, a)),
    "gt": comparison(_is_greater),
    "index_put": index_put,
    "is_largest": is_largest,
    "isnan": lambda x: torch.from_numpy(np.asarray(entrywise(lambda a: a.is_nan())(x), dtype=bool)),
    "le": comparison(lambda a, b: not _is_greater(a, b)),
    "log": entrywise(arb.log),
    "log1p": entrywise(arb.log1p),
    "lt": comparison(lambda a, b: _is_greater(b, a)),
    "maximum": maximum,
    "mean": mean,
    "minimum": minimum,
    "mm": mm,
    "mul": multiply,
    "ne": comparison(lambda a, b: not _is_equal(a, b)),
    "neg": entrywise(lambda a: -a),
    "pow": power,
    "reciprocal": entrywise(lambda a: 1 / a),
    "relu": lambda x: maximum(x, 0),
    "rsqrt": entrywise(arb.rsqrt),
    "scatter_add": scatter_add,
    "sigmoid": entrywise(lambda a: 1 / (1 + (-a).exp())),
    "sign": sign,
    "sin": entrywise(arb.sin),
    "sinh": entrywise(arb.sinh),
    "sqrt": entrywise(arb.sqrt),
    "sub": subtract,
    "sum": sum_over,
    "tanh": entrywise(arb.tanh),
}


def lift(tensor: torch.Tensor) -> Array:
    """The entries of a tensor as exact balls."""
    return entrywise(arb)(tensor.detach().cpu().double().numpy())
