"""Exact sums and products of integers of any size: slow and simple, so that tests compare other arithmetics with it.

A value is an object array of Python integers over 2^shift · denominator; matrix products use FLINT's `fmpz_mat`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import torch
from flint import fmpz_mat

from gradiometer.graph.arithmetic.arrays import SAME_ENTRIES, Array, count_of, dims_of, gather_entries
from gradiometer.graph.evaluate import Arithmetic


@dataclass(frozen=True)
class Integers:
    """Exact numbers: numerators / (2^shift · denominator), with one shift and one odd denominator for all entries."""

    numerators: Array
    shift: int = 0
    denominator: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of numbers."""
        shape: tuple[int, ...] = self.numerators.shape
        return shape

    def fractions(self) -> list[Fraction]:
        """The entries, in row-major order."""
        below = Fraction(1, self.denominator) / Fraction(2) ** self.shift
        return [int(numerator) * below for numerator in self.numerators.ravel()]


def _array(values: Any) -> Array:
    return np.asarray(values, dtype=object)


def of_floats(values: Array) -> Integers:
    """Finite float64 values, exactly, over their smallest common power of two."""
    ratios = [value.as_integer_ratio() for value in values.ravel().tolist()]
    shift = max((below.bit_length() - 1 for _, below in ratios), default=0)
    numerators = _array([above << (shift - below.bit_length() + 1) for above, below in ratios])
    return Integers(numerators.reshape(values.shape), shift)


def operand(value: Any) -> Integers:
    """A Python number as Integers; Integers as they are."""
    if isinstance(value, Integers):
        return value
    return Integers(_array(value)) if isinstance(value, int) else of_floats(np.asarray(value, dtype=np.float64))


def mm(a: Integers, b: Integers) -> Integers:
    """The product (m × k) (k × n)."""
    (rows, inner), (_, columns) = a.shape, b.shape
    left = fmpz_mat(rows, inner, a.numerators.ravel().tolist())
    right = fmpz_mat(inner, columns, b.numerators.ravel().tolist())
    entries = _array([int(entry) for entry in (left * right).entries()]).reshape(rows, columns)
    return Integers(entries, a.shift + b.shift, a.denominator * b.denominator)


def multiply(a: Any, b: Any) -> Integers:
    """The product entry by entry, broadcast."""
    one, other = operand(a), operand(b)
    product = _array(one.numerators * other.numerators)
    return Integers(product, one.shift + other.shift, one.denominator * other.denominator)


def add(a: Any, b: Any, alpha: Any = 1) -> Integers:
    """The sum a + alpha·b."""
    one, other = operand(a), multiply(b, alpha)
    shift, common = max(one.shift, other.shift), lcm(one.denominator, other.denominator)
    left, right = (x.numerators * ((common // x.denominator) << (shift - x.shift)) for x in (one, other))
    return Integers(_array(left + right), shift, common)


def divide(a: Any, b: Any) -> Integers:
    """Division by one Python number."""
    above, below = Fraction(b).as_integer_ratio()
    twos = above & -above
    scaled = multiply(a, below if b > 0 else -below)
    return Integers(scaled.numerators, scaled.shift + twos.bit_length() - 1, scaled.denominator * (abs(above) // twos))


def power(a: Integers, exponent: int) -> Integers:
    """A positive integer power."""
    return a if exponent == 1 else multiply(a, power(a, exponent - 1))


def sum_over(x: Integers, dims: Any = None, keepdim: bool = False) -> Integers:
    """The sum over `dims`; over all dimensions where none is named."""
    total = np.sum(x.numerators, axis=dims_of(x, dims), keepdims=keepdim)
    return Integers(_array(total), x.shift, x.denominator)


def _moved(function: Callable[..., Array]) -> Callable[..., Integers]:
    return lambda x, *args, **kwargs: Integers(function(x.numerators, *args, **kwargs), x.shift, x.denominator)


def _gather(parts: list[Integers], index: Array) -> Integers:
    shift, common = max(part.shift for part in parts), lcm(*(part.denominator for part in parts))
    rows = [_array(part.numerators * ((common // part.denominator) << (shift - part.shift))) for part in parts]
    return Integers(gather_entries(rows, index, 0), shift, common)


def lift(tensor: torch.Tensor) -> Integers:
    """The entries of a tensor, exactly."""
    return of_floats(tensor.detach().cpu().double().numpy())


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _moved(function) for name, function in SAME_ENTRIES.items()},
    "add": add,
    "div": divide,
    "mean": lambda x, dims=None, keepdim=False: divide(sum_over(x, dims, keepdim), count_of(x, dims)),
    "mm": mm,
    "mul": multiply,
    "neg": lambda x: multiply(x, -1),
    "pow": power,
    "sub": lambda a, b, alpha=1: add(a, multiply(b, -1), alpha),
    "sum": sum_over,
}

INTEGERS = Arithmetic(
    name="integers",
    table="OPERATIONS in tests/bench/graph/integer_arithmetic.py",
    value=Integers,
    operations=OPERATIONS,
    lift=lift,
    literal=lift,
    scalar=float,
    gather=_gather,
)
