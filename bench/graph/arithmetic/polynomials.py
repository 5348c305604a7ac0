"""The degree and the denominator of a graph that is a polynomial of its inputs.

Every value carries an upper bound on its degree in all inputs together, and a denominator q: q · value has integer
coefficients. With integer inputs q · value is an integer, so a ball that contains 0 and has a radius below 1/(2q)
proves that the value is 0. Agreement at random integer points bounds the probability that two polynomials differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.arrays import SAME_ENTRIES, Array, count_of
from gradiometer.graph.evaluate import Arithmetic, evaluate, has_cotangent
from gradiometer.graph.trace import UnknownOperationError


@dataclass(frozen=True)
class Polynomial:
    """An array of polynomials of degree at most `degree`; their coefficients are integers / `denominator`."""

    shape: tuple[int, ...]
    degree: int
    denominator: int


def operand(value: Any) -> Polynomial:
    """A number of the program as a constant polynomial."""
    return value if isinstance(value, Polynomial) else Polynomial((), 0, Fraction(value).denominator)


def constant(tensor: torch.Tensor) -> Polynomial:
    """A constant tensor of the program; its denominator is a power of two. Raises UnknownOperationError."""
    if tensor.is_complex():
        raise UnknownOperationError("expected real constants, found complex ones")
    values = tensor.detach().cpu().double().numpy()
    if not np.isfinite(values).all():
        raise UnknownOperationError("expected finite constants")
    denominators = [value.as_integer_ratio()[1] for value in values.ravel().tolist()]
    return Polynomial(tuple(tensor.shape), 0, max(denominators, default=1))


def _shape(*operands: Polynomial) -> tuple[int, ...]:
    return tuple(np.broadcast_shapes(*(operand.shape for operand in operands)))


def add(a: Any, b: Any, alpha: Any = 1) -> Polynomial:
    """A sum or difference."""
    one, other = operand(a), multiply(b, alpha)
    return Polynomial(_shape(one, other), max(one.degree, other.degree), lcm(one.denominator, other.denominator))


def multiply(a: Any, b: Any) -> Polynomial:
    """A product entry by entry."""
    one, other = operand(a), operand(b)
    return Polynomial(_shape(one, other), one.degree + other.degree, one.denominator * other.denominator)


def divide(a: Any, b: Any) -> Polynomial:
    """Division by one number of the program. Raises UnknownOperationError for any other divisor."""
    if isinstance(b, Polynomial):
        raise UnknownOperationError("a quotient is not a polynomial")
    above, below = Fraction(b).as_integer_ratio()
    if above == 0:
        raise UnknownOperationError("a division by zero")
    one = multiply(a, below)
    return replace(one, denominator=one.denominator * abs(above))


def power(a: Polynomial, exponent: Any) -> Polynomial:
    """A power with an integer exponent of at least 0. Raises UnknownOperationError for any other."""
    if not isinstance(exponent, int) or exponent < 0:
        raise UnknownOperationError("a power with this exponent is not a polynomial")
    return Polynomial(a.shape, a.degree * exponent, a.denominator**exponent)


def mm(a: Polynomial, b: Polynomial) -> Polynomial:
    """The product (… m × k) (… k × n)."""
    return Polynomial((*a.shape[:-1], b.shape[-1]), a.degree + b.degree, a.denominator * b.denominator)


def _moved(move: Callable[..., Array]) -> Callable[..., Polynomial]:
    """A move of entries. The new shape is found on a zero broadcast to the present shape, without allocating it."""
    return lambda x, *args, **kwargs: replace(x, shape=move(np.broadcast_to(0, x.shape), *args, **kwargs).shape)


def sum_over(x: Polynomial, dims: Any = None, keepdim: bool = False) -> Polynomial:
    """A sum over dimensions."""
    axes = range(len(x.shape)) if not dims and dims != 0 else [dims] if isinstance(dims, int) else dims
    gone = {axis % len(x.shape) for axis in axes} if x.shape else set()
    return replace(x, shape=tuple(1 if d in gone else n for d, n in enumerate(x.shape) if keepdim or d not in gone))


def _gather(parts: list[Polynomial], index: Array) -> Polynomial:
    return Polynomial(index.shape, max(part.degree for part in parts), lcm(*(part.denominator for part in parts)))


def _added(x: Polynomial, *operands: Any) -> Polynomial:
    """x with entries of the last operand added at some positions."""
    return replace(add(x, replace(operands[-1], shape=())), shape=x.shape)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _moved(move) for name, move in SAME_ENTRIES.items()},
    "add": add,
    "bmm": mm,
    "div": divide,
    "index_put": lambda x, indices, values, accumulate=True: _added(x, values),
    "mean": lambda x, dims=None, keepdim=False: divide(sum_over(x, dims, keepdim), count_of(x, dims)),
    "mm": mm,
    "mul": multiply,
    "neg": lambda x: x,
    "pow": power,
    "scatter_add": _added,
    "sub": add,
    "sum": sum_over,
}

POLYNOMIALS = Arithmetic(
    name="polynomials",
    table="OPERATIONS in bench/graph/arithmetic/polynomials.py",
    value=Polynomial,
    operations=OPERATIONS,
    lift=constant,
    literal=constant,
    scalar=float,
    gather=_gather,
)


def _variable(value: torch.Tensor | Sequence[int]) -> Any:
    if not isinstance(value, torch.Tensor):
        return Polynomial(tuple(value), 1, 1)
    return Polynomial(tuple(value.shape), 1, 1) if has_cotangent(value) else value


def polynomial(graph: GraphModule, inputs: Sequence[torch.Tensor | Sequence[int]]) -> Polynomial | None:
    """Degree and denominator of all results of a graph; None if it is not a polynomial.

    `inputs` are tensors, or their shapes. Tensors of integers and booleans are no variables, but labels and masks.
    """
    try:
        results = evaluate(graph, [_variable(value) for value in inputs], POLYNOMIALS)
    except (UnknownOperationError, OverflowError, ValueError):  # for a constant that is infinite or NaN
        return None
    entries = (sum(prod(result.shape) for result in results),)
    return Polynomial(entries, max(r.degree for r in results), lcm(*(r.denominator for r in results)))
