"""The sum of absolute terms of each result of a graph, in float64: its condition with respect to rounding.

Every value carries a magnitude M ≥ |value|: M(a ± b) = M(a) + M(b), M(a b) = M(a) M(b), and M(f(x)) = max(|f(x)|,
|f′(x)| M(x)). To first order, rounding every term once changes a result by at most u·M, with u the unit roundoff
(Higham, *Accuracy and Stability of Numerical Algorithms*, 3.1). Errors of gradients are measured in this unit. M is
itself computed in float64, so it is an estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.arrays import (
    SAME_ENTRIES,
    Array,
    count_of,
    dims_of,
    gather_entries,
    index_put,
    scatter_add,
)
from gradiometer.graph.arithmetic.complex_terms import COMPLEX
from gradiometer.graph.arithmetic.matrix_terms import MATRICES
from gradiometer.graph.arithmetic.rule_terms import ELEMENTWISE
from gradiometer.graph.evaluate import Arithmetic, evaluate
from gradiometer.graph.trace import overload_name


@dataclass(frozen=True)
class Magnitude:
    """Values and their sums of absolute terms, of one shape."""

    value: Array
    terms: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of numbers."""
        shape: tuple[int, ...] = self.value.shape
        return shape


def operand(value: Any) -> Magnitude:
    """A number as a single term; a Magnitude as it is."""
    if isinstance(value, Magnitude):
        return value
    array = np.asarray(value)
    array = array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
    return Magnitude(array, np.abs(array))


def as_real(x: Magnitude) -> Magnitude:
    """A real value as it is; a complex one with its two parts in a last dimension of size 2."""
    return Magnitude(*COMPLEX["view_as_real"]((x.value, x.terms))) if np.iscomplexobj(x.value) else x


def of_pairs(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of pairs (value, terms) as a function of magnitudes; it may return several pairs."""

    def wrapped(found: Any) -> Any:
        is_pair = isinstance(found, tuple) and len(found) == 2 and all(isinstance(x, np.ndarray) for x in found)
        if is_pair or not isinstance(found, tuple):
            return Magnitude(*map(np.asarray, found)) if is_pair else found
        return tuple(map(wrapped, found))

    return lambda *args, **options: wrapped(
        function(*((x.value, x.terms) if isinstance(x, Magnitude) else x for x in args), **options)
    )


def add(a: Any, b: Any, alpha: Any = 1) -> Magnitude:
    """The sum a + alpha·b."""
    one, other = operand(a), operand(b)
    return Magnitude(one.value + alpha * other.value, one.terms + abs(alpha) * other.terms)


def divide(a: Any, b: Any) -> Magnitude:
    """The quotient; cancellation in the divisor increases the magnitude by the divisor's terms / |divisor|."""
    one, other = operand(a), operand(b)
    return Magnitude(one.value / other.value, one.terms * other.terms / np.abs(other.value * other.value))


def bilinear(product: Callable[..., Array]) -> Callable[[Any, Any], Magnitude]:
    """A product of any kind, applied to the values and to the magnitudes."""

    def apply(a: Any, b: Any) -> Magnitude:
        one, other = operand(a), operand(b)
        return Magnitude(product(one.value, other.value), product(one.terms, other.terms))

    return apply


def linear(function: Callable[..., Array]) -> Callable[..., Magnitude]:
    """A sum or a move of entries, applied to the values and to the magnitudes."""
    return lambda x, *args, **kwargs: Magnitude(function(x.value, *args, **kwargs), function(x.terms, *args, **kwargs))


def function(f: Callable[[Array], Array], slope: Callable[[Array, Array], Array]) -> Callable[[Magnitude], Magnitude]:
    """A function y of one number x; `slope` is its derivative as a function of x and y."""

    def apply(x: Magnitude) -> Magnitude:
        y = f(x.value)
        # fmax and not maximum: for exp(−inf), 0·inf is NaN
        return Magnitude(y, np.fmax(np.abs(y), np.abs(slope(x.value, y)) * x.terms))

    return apply


def power(a: Any, exponent: Any) -> Magnitude:
    """A power, with its derivatives by the base and by the exponent."""
    one, other = operand(a), operand(exponent)
    y = one.value**other.value
    by_base = np.abs(other.value * one.value ** (other.value - 1)) * one.terms
    by_exponent = np.abs(y * np.log(np.abs(one.value))) * other.terms if isinstance(exponent, Magnitude) else 0.0
    return Magnitude(y, np.maximum(np.abs(y), by_base + by_exponent))


def extreme(take: Callable[..., Array]) -> Callable[..., Magnitude]:
    """The larger or smaller operand, with the magnitude of that operand."""

    def apply(a: Any, b: Any) -> Magnitude:
        one, other = operand(a), operand(b)
        y = take(one.value, other.value)
        return Magnitude(y, np.where(y == one.value, one.terms, other.terms))

    return apply


def reduced_extreme(take: Callable[..., Array]) -> Callable[..., Magnitude]:
    """The largest or smallest entry over dimensions."""

    def apply(x: Magnitude, dims: Any = None, keepdim: bool = False) -> Magnitude:
        axes = dims_of(x, dims)
        y = take(x.value, axis=axes, keepdims=True)
        size = np.max(np.where(x.value == y, x.terms, 0.0), axis=axes, keepdims=keepdim)
        return Magnitude(y.reshape(size.shape), size)

    return apply


def clamp(x: Magnitude, low: Any = None, high: Any = None) -> Magnitude:
    """x limited to the range from `low` to `high`, with the magnitude of x or of the bound that is the result."""
    y = np.array(x.value)
    terms = x.terms
    for bound, take in ((low, np.maximum), (high, np.minimum)):
        if bound is not None:
            y = take(y, operand(bound).value)
            terms = np.where(y == x.value, terms, np.maximum(terms, operand(bound).terms))
    return Magnitude(y, np.maximum(terms, np.abs(y)))


def compared(holds: Callable[[Array, Array], Array]) -> Callable[[Any, Any], torch.Tensor]:
    """A comparison of the values, as a boolean tensor."""
    return lambda a, b: torch.from_numpy(np.asarray(holds(operand(a).value, operand(b).value)))


def is_largest(x: Magnitude, dims: Any) -> torch.Tensor:
    """Whether a value is the largest along `dims`."""
    return torch.from_numpy(np.asarray(x.value == np.max(x.value, axis=dims_of(x, dims), keepdims=True)))


def _tensor(x: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).reshape(x.shape)


def _sum(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
    return np.asarray(np.sum(x, axis=dims_of(x, dims), keepdims=keepdim))


def _mean(x: Array, dims: Any = None, keepdim: bool = False) -> Array:
    return _sum(x, dims, keepdim) / count_of(x, dims)


def _index_put(x: Magnitude, indices: Any, values: Magnitude, accumulate: bool = True) -> Magnitude:
    return Magnitude(index_put(x.value, indices, values.value), index_put(x.terms, indices, values.terms))


def _scatter_add(x: Magnitude, dim: int, index: torch.Tensor, source: Magnitude) -> Magnitude:
    return Magnitude(scatter_add(x.value, dim, index, source.value), scatter_add(x.terms, dim, index, source.terms))


def _erf(x: Array) -> Array:
    return np.asarray(torch.erf(torch.from_numpy(np.asarray(x))).numpy())


def _gather(parts: list[Magnitude], index: Array) -> Magnitude:
    return Magnitude(
        gather_entries([part.value for part in parts], index, 0.0),
        gather_entries([part.terms for part in parts], index, 0.0),
    )


def lift(tensor: torch.Tensor) -> Magnitude:
    """The entries of a tensor as single terms."""
    entries = tensor.detach().cpu().clone().resolve_conj().resolve_neg()
    return operand((entries if entries.is_complex() else entries.double()).numpy())


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: linear(move) for name, move in SAME_ENTRIES.items()},
    **{name: of_pairs(function) for name, function in {**MATRICES, **COMPLEX, **ELEMENTWISE}.items()},
    "abs": function(np.abs, lambda x, y: np.ones_like(x)),
    "add": add,
    "amax": reduced_extreme(np.max),
    "amin": reduced_extreme(np.min),
    "atan": function(np.arctan, lambda x, y: 1 / (1 + x * x)),
    "bmm": bilinear(np.matmul),
    "ceil": function(np.ceil, lambda x, y: np.zeros_like(x)),
    "clamp": clamp,
    "cos": function(np.cos, lambda x, y: np.sin(x)),
    "cosh": function(np.cosh, lambda x, y: np.sinh(x)),
    "cumsum": linear(lambda x, dim: np.cumsum(x, axis=dim).reshape(x.shape)),
    "div": divide,
    "eq": compared(np.equal),
    "erf": function(_erf, lambda x, y: 2 / sqrt(pi) * np.exp(-x * x)),
    "exp": function(np.exp, lambda x, y: y),
    "expm1": function(np.expm1, lambda x, y: y + 1),
    "floor": function(np.floor, lambda x, y: np.zeros_like(x)),
    "ge": compared(np.greater_equal),
    "gt": compared(np.greater),
    "index_put": _index_put,
    "integer_part": lambda x: _tensor(x.value).long(),
    "is_largest": is_largest,
    "isinf": lambda x: _tensor(x.value).isinf(),
    "isnan": lambda x: _tensor(x.value).isnan(),
    "le": compared(np.less_equal),
    "log": function(np.log, lambda x, y: 1 / x),
    "log1p": function(np.log1p, lambda x, y: 1 / (1 + x)),
    "lt": compared(np.less),
    "maximum": extreme(np.maximum),
    "mean": linear(_mean),
    "minimum": extreme(np.minimum),
    "mm": bilinear(np.matmul),
    "mul": bilinear(np.multiply),
    "ne": compared(np.not_equal),
    "neg": lambda x: Magnitude(-x.value, x.terms),
    "pow": power,
    "ranks": lambda x, dim, which: _tensor(x.value),
    "reciprocal": lambda x: divide(1.0, x),
    "relu": function(lambda x: np.maximum(x, 0.0), lambda x, y: (x > 0).astype(np.float64)),
    "round": lambda x, decimals=0: function(lambda v: np.round(v, decimals), lambda v, y: np.zeros_like(v))(x),
    "rsqrt": function(lambda x: 1 / np.sqrt(x), lambda x, y: y * y * y / 2),
    "scatter_add": _scatter_add,
    "sigmoid": function(lambda x: 1 / (1 + np.exp(-x)), lambda x, y: y * (1 - y)),
    "sign": function(np.sign, lambda x, y: np.zeros_like(x)),
    "sin": function(np.sin, lambda x, y: np.cos(x)),
    "sinh": function(np.sinh, lambda x, y: np.cosh(x)),
    "sqrt": function(np.sqrt, lambda x, y: 1 / (2 * y)),
    "sub": lambda a, b, alpha=1: add(a, b, -alpha),
    "sum": linear(_sum),
    "tanh": function(np.tanh, lambda x, y: 1 - y * y),
    "trunc": function(np.trunc, lambda x, y: np.zeros_like(x)),
}

MAGNITUDES = Arithmetic(
    name="magnitudes",
    table="OPERATIONS in bench/graph/arithmetic/magnitudes.py",
    value=Magnitude,
    operations=OPERATIONS,
    lift=lift,
    literal=lift,
    scalar=float,
    gather=_gather,
)


def roundings(graph: GraphModule) -> int:
    """An upper bound on the number of roundings between an input and a result: the sum over all operations."""
    count = 0
    for node in graph.graph.nodes:
        if node.op == "call_function" and node.all_input_nodes:
            name, source = overload_name(node.target), node.all_input_nodes[0].meta.get("val")
            if name in ("mm", "bmm") and isinstance(source, torch.Tensor):
                count += source.shape[-1]
            elif name in ("sum", "mean", "cumsum", "index_put", "scatter_add") and isinstance(source, torch.Tensor):
                count += source.numel()
            else:
                count += 4  # exp or tanh may be off by a few units in the last place
    return count


def values_and_terms(graph: GraphModule, inputs: Sequence[torch.Tensor]) -> list[Magnitude]:
    """The results of a graph in float64, with their sums of absolute terms. Raises UnknownOperationError."""
    with np.errstate(all="ignore"):  # a magnitude may overflow where a value does not
        return evaluate(graph, inputs, MAGNITUDES)


def absolute_terms(graph: GraphModule, inputs: Sequence[torch.Tensor]) -> list[Array]:
    """The sum of absolute terms of each entry of each result of a graph. Raises UnknownOperationError."""
    return [found.terms for found in values_and_terms(graph, inputs)]
