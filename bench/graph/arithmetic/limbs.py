"""Exact sums and products at the speed of float64 BLAS: integers split into signed limbs of 20 bits.

A value is Σⱼ limbs[j] · 2^(20(j + low)) / denominator; its limbs are float64 arrays of integers. A product of limbs is
a sum of K integers of at most 2^19 · 2^19. It is exact in float64 while it stays below 2⁵³; this is checked, and K is
halved until it holds. Carries round to nearest. For graphs of products, sums, and divisions by integers. Compare Ozaki
et al. 2012, doi 10.1007/s11075-011-9478-1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np
import torch

from gradiometer.graph.arithmetic.arrays import SAME_ENTRIES, Array, count_of, dims_of, gather_entries
from gradiometer.graph.evaluate import Arithmetic

WIDTH = 20
BASE = 2.0**WIDTH
EXACT = 2.0**53
"""Float64 represents every integer up to this one."""
MOST_LIMBS = 48
"""Most limbs of a value. Beyond 960 bits the exponents of float64 end, and balls are faster."""


class RangeError(ArithmeticError):
    """Values that limbs cannot represent: not finite, or with too large a range of exponents. Use balls instead."""


@dataclass(frozen=True)
class Limbs:
    """Exact numbers: Σⱼ limbs[j] · 2^(20(j + low)) / denominator, least significant limb first, never empty."""

    limbs: tuple[Array, ...]
    low: int = 0
    denominator: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of numbers."""
        shape: tuple[int, ...] = self.limbs[0].shape
        return shape

    @property
    def top(self) -> int:
        """One more than the place of the most significant limb."""
        return self.low + len(self.limbs)

    def at(self, place: int) -> Array:
        """The limb with the unit 2^(20·place); zero where there is none."""
        there = self.low <= place < self.top
        return self.limbs[place - self.low] if there else np.zeros(())

    def each(self, function: Callable[..., Array], *args: Any, **kwargs: Any) -> Limbs:
        """Apply a function that only moves entries to every limb."""
        return Limbs(tuple(function(limb, *args, **kwargs) for limb in self.limbs), self.low, self.denominator)


def largest_limb(limbs: Sequence[Array]) -> float:
    """The largest absolute value of any limb."""
    return max((float(max(limb.max(), -limb.min())) for limb in limbs if limb.size), default=0.0)


def split(values: Array) -> Limbs:
    """Float64 values as limbs, exactly. Raises RangeError."""
    if not np.isfinite(values).all():
        raise RangeError("expected finite numbers")
    significand, exponent = np.frexp(values[values != 0])
    if not significand.size:
        return Limbs((np.zeros_like(values),))
    integer = np.ldexp(significand, 53).astype(np.int64)
    last = np.frexp((integer & -integer).astype(np.float64))[1] + exponent - 54  # the exponent of the last bit
    low = int(last.min()) // WIDTH
    count = -(-(int(exponent.max()) - low * WIDTH) // WIDTH)
    if count > MOST_LIMBS or abs(low) > MOST_LIMBS:
        raise RangeError(f"{count} limbs from 2^{low * WIDTH} are needed, at most {MOST_LIMBS} are supported")
    rest, limbs = values, []
    for j in range(count - 1, 0, -1):
        unit = 2.0 ** (WIDTH * (j + low))
        limb = np.rint(rest / unit)
        rest = rest - limb * unit
        limbs.append(limb)
    return Limbs((rest * 2.0 ** (-WIDTH * low), *limbs[::-1]), low)


def carry(columns: Sequence[Array], low: int, denominator: int) -> Limbs:
    """Reduce limbs to at most 2^19 by carrying, and drop zero limbs at both ends. Overwrites writeable columns."""
    limbs: list[Array] = []
    over: Array | None = None
    for given in columns:
        column = np.asarray(given)
        if not column.flags.writeable:
            column = column.copy()
        if over is not None:
            column += over
        over = np.asarray(column * (1 / BASE))
        np.rint(over, out=over)
        column -= over * BASE
        limbs.append(column)
    while over is not None and over.any():
        higher = np.rint(over * (1 / BASE))
        limbs.append(over - higher * BASE)
        over = higher
    while len(limbs) > 1 and not limbs[-1].any():
        limbs.pop()
    while len(limbs) > 1 and not limbs[0].any():
        limbs.pop(0)
        low += 1
    if len(limbs) > MOST_LIMBS or abs(low) > MOST_LIMBS:
        raise RangeError(f"{len(limbs)} limbs from 2^{low * WIDTH} are needed, at most {MOST_LIMBS} are supported")
    return Limbs(tuple(limbs), low, denominator)


def _convolved(a: Limbs, b: Limbs, product: Callable[[int, int], Array]) -> Limbs:
    """The product of two values: limbs multiply like the coefficients of polynomials in 2^20.

    `product(i, j)` multiplies limb i of a by limb j of b.
    """
    columns = []
    for k in range(len(a.limbs) + len(b.limbs) - 1):
        first, last = max(0, k - len(b.limbs) + 1), min(k, len(a.limbs) - 1)
        column = np.asarray(product(first, k - first))
        for i in range(first + 1, last + 1):
            column += product(i, k - i)
        columns.append(column)
    return carry(columns, a.low + b.low, a.denominator * b.denominator)


def _is_exact(a: Limbs, b: Limbs, length: int) -> bool:
    """Whether sums of products of limbs, with the carry, are integers below 2^53."""
    terms = min(len(a.limbs), len(b.limbs)) * length
    return (terms + 1) * max(largest_limb(a.limbs), 1.0) * max(largest_limb(b.limbs), 1.0) < EXACT


def _limb_product(a: Limbs, b: Limbs) -> Callable[[int, int], Array]:
    """Products of limbs of two matrices, over those inner indices only where both limbs have nonzero entries.

    This is faster because the lowest limb is mostly zero: only the smallest entries reach it.
    """
    columns = [limb.any(axis=0) for limb in a.limbs]
    rows = [limb.any(axis=1) for limb in b.limbs]

    def product(i: int, j: int) -> Array:
        both = np.flatnonzero(columns[i] & rows[j])
        if 2 * len(both) < a.shape[1]:
            return np.asarray(a.limbs[i][:, both] @ b.limbs[j][both])
        return np.asarray(a.limbs[i] @ b.limbs[j])

    return product


def mm(a: Limbs, b: Limbs) -> Limbs:
    """The product (m × k) (k × n). A long inner dimension is halved until products of limbs are exact."""
    inner = a.shape[1]
    if _is_exact(a, b, inner):
        return _convolved(a, b, _limb_product(a, b))
    if inner < 2:
        raise RangeError("products of limbs would not be exact")
    half = inner // 2
    left = mm(a.each(lambda x: x[:, :half]), b.each(lambda x: x[:half]))
    right = mm(a.each(lambda x: x[:, half:]), b.each(lambda x: x[half:]))
    return add(left, right)


def operand(value: Any) -> Limbs:
    """A Python number as limbs; limbs as they are."""
    if isinstance(value, Limbs):
        return value
    if isinstance(value, int) and abs(value) > EXACT:
        raise RangeError(f"expected an integer up to 2^53, found {value}")
    return split(np.asarray(value, dtype=np.float64))


def multiply(a: Any, b: Any) -> Limbs:
    """The product entry by entry, broadcast."""
    one, other = operand(a), operand(b)
    if not _is_exact(one, other, 1):
        raise RangeError("products of limbs would not be exact")
    return _convolved(one, other, lambda i, j: np.multiply(one.limbs[i], other.limbs[j]))


def add(a: Any, b: Any, alpha: Any = 1) -> Limbs:
    """The sum a + alpha·b."""
    one, other = operand(a), operand(b) if alpha == 1 else multiply(b, alpha)
    common = lcm(one.denominator, other.denominator)
    one = one if common == one.denominator else multiply(one, common // one.denominator)
    other = other if common == other.denominator else multiply(other, common // other.denominator)
    shape = np.broadcast_shapes(one.shape, other.shape)
    low, top = min(one.low, other.low), max(one.top, other.top)
    columns = [np.broadcast_to(one.at(place) + other.at(place), shape) for place in range(low, top)]
    return carry(columns, low, common)


def negative(a: Limbs) -> Limbs:
    """−a."""
    return a.each(np.negative)


def subtract(a: Any, b: Any, alpha: Any = 1) -> Limbs:
    """The difference a − alpha·b."""
    return add(a, negative(operand(b)), alpha)


def divide(a: Any, b: Any) -> Limbs:
    """Division by one number; its odd part is stored in the denominator. Raises RangeError for any other divisor."""
    if isinstance(b, Limbs):
        raise RangeError("expected a Python number as the divisor")
    numerator, below = float(b).as_integer_ratio()
    if numerator == 0 or float(b) != b:
        raise RangeError(f"expected a divisor that float64 represents and that is not 0, found {b}")
    twos = numerator & -numerator
    scaled = multiply(a, (below if b > 0 else -below) / twos)
    return Limbs(scaled.limbs, scaled.low, scaled.denominator * (abs(numerator) // twos))


def power(a: Limbs, exponent: Any) -> Limbs:
    """An integer power from 1 to 8."""
    if not isinstance(exponent, int) or not 0 < exponent < 9:
        raise RangeError(f"expected an integer exponent from 1 to 8, found {exponent}")
    return a if exponent == 1 else multiply(a, power(a, exponent - 1))


def sum_over(x: Limbs, dims: Any = None, keepdim: bool = False) -> Limbs:
    """The sum over `dims`; over all dimensions where none is named."""
    if count_of(x, dims) * (largest_limb(x.limbs) + 1) >= EXACT:
        raise RangeError("too many terms for an exact sum of limbs")
    columns = [np.asarray(np.sum(limb, axis=dims_of(x, dims), keepdims=keepdim)) for limb in x.limbs]
    return carry(columns, x.low, x.denominator)


def _moved(function: Callable[..., Array]) -> Callable[..., Limbs]:
    return lambda x, *args, **kwargs: x.each(function, *args, **kwargs)


def _gather(parts: list[Limbs], index: Array) -> Limbs:
    if len({part.denominator for part in parts}) > 1:
        raise RangeError("expected one denominator in all parts")
    low, top = min(part.low for part in parts), max(part.top for part in parts)
    limbs = [
        gather_entries([np.broadcast_to(part.at(place), part.shape) for part in parts], index, 0.0)
        for place in range(low, top)
    ]
    return Limbs(tuple(limbs), low, parts[0].denominator)


def lift(tensor: torch.Tensor) -> Limbs:
    """The entries of a tensor, exactly. Raises RangeError; complex numbers are out of range too."""
    if tensor.is_complex():
        raise RangeError("expected real numbers, found complex ones; use balls")
    return split(tensor.detach().cpu().double().numpy())


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _moved(function) for name, function in SAME_ENTRIES.items()},
    "add": add,
    "div": divide,
    "mean": lambda x, dims=None, keepdim=False: divide(sum_over(x, dims, keepdim), count_of(x, dims)),
    "mm": mm,
    "mul": multiply,
    "neg": negative,
    "pow": power,
    "sub": subtract,
    "sum": sum_over,
}

LIMBS = Arithmetic(
    name="limbs",
    table="OPERATIONS in bench/graph/arithmetic/limbs.py",
    value=Limbs,
    operations=OPERATIONS,
    lift=lift,
    literal=lift,
    scalar=float,
    gather=_gather,
)
