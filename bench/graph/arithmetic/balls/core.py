"""Ball arithmetic: numpy object arrays of FLINT's `arb` (Johansson 2017, doi 10.1109/TC.2017.2690633).

A ball is a midpoint and a radius; it contains the value of exact arithmetic. The precision is that of FLINT's context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from math import isnan
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

NAN = arb("nan")
"""The NaN of an input or a constant. A ball that is NaN otherwise may be the enclosure of a number."""


def exact(value: float) -> arb:
    """A float as a ball of radius 0."""
    return NAN if isnan(value) else arb(value)


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


def as_ball(value: Any) -> Any:
    """A number as a ball; a ball as the same object, as one object is equal to itself whatever its radius."""
    return value if isinstance(value, (arb, acb)) else arb(value)


def _larger(a: Any, b: Any) -> Any:
    if a is b or a >= b:
        return as_ball(a)
    return as_ball(b) if b >= a else arb.max(as_ball(a), as_ball(b))


def _smaller(a: Any, b: Any) -> Any:
    if a is b or a <= b:
        return as_ball(a)
    return as_ball(b) if b <= a else arb.min(as_ball(a), as_ball(b))


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
    return entrywise(lambda x, y: as_ball(x) / y, 2)(a, b)


def power(a: Any, exponent: Any) -> Array:
    """A power. An integer exponent is computed by products, which allows a negative base."""
    return entrywise(lambda x, y: as_ball(x) ** y, 2)(a, exponent)


def mm(a: Array, b: Array) -> Array:
    """The product (m × k) (k × n), by FLINT."""
    (rows, inner), (_, columns) = a.shape, b.shape
    if inner == 0:
        return np.full((rows, columns), arb(0), dtype=object)
    one, other = a.ravel().tolist(), b.ravel().tolist()
    kind = acb_mat if acb in {*map(type, one), *map(type, other)} else arb_mat
    return as_array((kind(rows, inner, one) * kind(inner, columns, other)).entries()).reshape(rows, columns)


def bmm(a: Array, b: Array) -> Array:
    """The products (batch × m × k) (batch × k × n)."""
    products = [mm(one, other) for one, other in zip(a, b, strict=True)]
    return np.stack(products) if products else as_array(np.empty((0, a.shape[1], b.shape[2]), dtype=object))


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


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **SAME_ENTRIES,
    "abs": entrywise(abs),
    "add": add,
    "amax": reduced(maximum),
    "amin": reduced(minimum),
    "atan": entrywise(methodcaller("atan")),
    "bmm": bmm,
    "clamp": clamp,
    "cos": entrywise(methodcaller("cos")),
    "cosh": entrywise(methodcaller("cosh")),
    "cumsum": lambda x, dim: as_array(np.cumsum(x, axis=dim)).reshape(x.shape),
    "div": divide,
    "erf": entrywise(methodcaller("erf")),
    "exp": entrywise(methodcaller("exp")),
    "expm1": entrywise(methodcaller("expm1")),
    "index_put": index_put,
    "log": entrywise(lambda a: arb("-inf") if isinstance(a, arb) and a == 0 else a.log()),
    "log1p": entrywise(methodcaller("log1p")),
    "maximum": maximum,
    "mean": mean,
    "minimum": minimum,
    "mm": mm,
    "mul": multiply,
    "neg": entrywise(lambda a: -a),
    "pow": power,
    "reciprocal": entrywise(lambda a: 1 / a),
    "relu": lambda x: maximum(x, 0),
    "rsqrt": entrywise(methodcaller("rsqrt")),
    "scatter_add": scatter_add,
    "sigmoid": entrywise(lambda a: 1 / (1 + (-a).exp())),
    "sin": entrywise(methodcaller("sin")),
    "sinh": entrywise(methodcaller("sinh")),
    "sqrt": entrywise(methodcaller("sqrt")),
    "sub": subtract,
    "sum": sum_over,
    "tanh": entrywise(methodcaller("tanh")),
}


def lift(tensor: torch.Tensor) -> Array:
    """The entries of a tensor as exact balls."""
    entries = (
        tensor.detach().cpu().clone().resolve_conj().resolve_neg()
    )  # clone: a zero tensor of autograd has no memory
    if tensor.is_complex():
        return entrywise(acb)(entries.to(torch.complex128).numpy())
    return entrywise(exact)(entries.double().numpy(force=True))
