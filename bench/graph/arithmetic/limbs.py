"""Exact sums and products at the speed of float64 BLAS: matrices of integers, split into 20-bit signed limbs.

A value is Σⱼ limbs[j] · 2^(20(j + low)) / denominator, its limbs float64 arrays of integers. A product of limbs sums K
integers of at most 2^19 · 2^19: exact in float64 while it stays below 2⁵³, which is checked, and halved until it does;
carries go up by rounding to nearest. For graphs of products, sums, and divisions by integers. Compare Ozaki et al.
2012, doi 10.1007/s11075-011-9478-1.
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
"""Float64 holds every integer up to here."""
MOST_LIMBS = 48
"""Beyond 960 bits float64's own exponents end, and balls are faster anyhow."""


class RangeError(ArithmeticError):
    """Values that limbs do not hold: not finite, or spread over too many binades. Balls hold them."""


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
        """One past the place of the most significant limb."""
        return self.low + len(self.limbs)

    def at(self, place: int) -> Array:
        """The limb whose unit is 2^(20·place), a zero where there is none."""
        there = self.low <= place < self.top
        return self.limbs[place - self.low] if there else np.zeros(())

    def each(self, function: Callable[..., Array], *args: Any, **kwargs: Any) -> Limbs:
        """A linear function that only moves entries, limb by limb."""
        return Limbs(tuple(function(limb, *args, **kwargs) for limb in self.limbs), self.low, self.denominator)


def peak(limbs: Sequence[Array]) -> float:
    """The largest limb."""
    return max((float(max(limb.max(), -limb.min())) for limb in limbs if limb.size), default=0.0)


def split(values: Array) -> Limbs:
    """Float64 values as limbs, exactly. Raises RangeError for what is not finite or too widely spread."""
    if not np.isfinite(values).all():
        raise RangeError("limbs hold finite numbers only")
    significand, exponent = np.frexp(values[values != 0])
    if not significand.size:
        return Limbs((np.zeros_like(values),))
    integer = np.ldexp(significand, 53).astype(np.int64)
    last = np.frexp((integer & -integer).astype(np.float64))[1] + exponent - 54  # the exponent of the last bit
    low = int(last.min()) // WIDTH
    count = -(-(int(exponent.max()) - low * WIDTH) // WIDTH)
    if count > MOST_LIMBS or abs(low) > MOST_LIMBS:
        raise RangeError(f"limbs would need {count} of 20 bits from 2^{low * WIDTH}, at most {MOST_LIMBS} are kept")
    rest, limbs = values, []
    for j in range(count - 1, 0, -1):
        unit = 2.0 ** (WIDTH * (j + low))
        limb = np.rint(rest / unit)
        rest = rest - limb * unit
        limbs.append(limb)
    return Limbs((rest * 2.0 ** (-WIDTH * low), *limbs[::-1]), low)


def carried(columns: Sequence[Array], low: int, denominator: int) -> Limbs:
    """Limbs brought below 2^19 by carrying, without the zero limbs at either end. Overwrites the columns it can."""
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
        raise RangeError(f"a result needs {len(limbs)} limbs from 2^{low * WIDTH}, at most {MOST_LIMBS} are kept")
    return Limbs(tuple(limbs), low, denominator)


def _convolved(a: Limbs, b: Limbs, product: Callable[[int, int], Array]) -> Limbs:
    """The product of two numbers written in limbs, as polynomials in 2^20 multiply; product(i, j) is of two limbs."""
    columns = []
    for k in range(len(a.limbs) + len(b.limbs) - 1):
        first, last = max(0, k - len(b.limbs) + 1), min(k, len(a.limbs) - 1)
        column = np.asarray(product(first, k - first))
        for i in range(first + 1, last + 1):
            column += product(i, k - i)
        columns.append(column)
    return carried(columns, a.low + b.low, a.denominator * b.denominator)


def _is_exact(a: Limbs, b: Limbs, length: int) -> bool:
    # a column's entries, and the carry into it, stay integers below 2^53
    terms = min(len(a.limbs), len(b.limbs)) * length
    return (terms + 1) * max(peak(a.limbs), 1.0) * max(peak(b.limbs), 1.0) < EXACT


def _limb_product(a: Limbs, b: Limbs) -> Callable[[int, int], Array]:
    """Products of limbs of two matrices, over those inner places alone where both have something.

    The lowest limb holds the last bits of the few smallest entries, so most of it is zero.
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
    """(m × k) (k × n); a long inner dimension is halved until limb products are exact."""
    inner = a.shape[1]
    if _is_exact(a, b, inner):
        return _convolved(a, b, _limb_product(a, b))
    if inner < 2:
        raise RangeError("limbs are too large for exact products")
    half = inner // 2
    left = mm(a.each(lambda x: x[:, :half]), b.each(lambda x: x[:half]))
    right = mm(a.each(lambda x: x[:, half:]), b.each(lambda x: x[half:]))
    return add(left, right)


def operand(value: Any) -> Limbs:
    """A Python number as limbs."""
    if isinstance(value, Limbs):
        return value
    if isinstance(value, int) and abs(value) > EXACT:
        raise RangeError(f"limbs take integers up to 2^53, found {value}")
    return split(np.asarray(value, dtype=np.float64))


def multiply(a: Any, b: Any) -> Limbs:
    """Entry by entry, broadcast."""
    one, other = operand(a), operand(b)
    if not _is_exact(one, other, 1):
        raise RangeError("limbs are too large for exact products")
    return _convolved(one, other, lambda i, j: np.multiply(one.limbs[i], other.limbs[j]))


def add(a: Any, b: Any, alpha: Any = 1) -> Limbs:
    """The sum a + alpha·b, over the common denominator."""
    one, other = operand(a), operand(b) if alpha == 1 else multiply(b, alpha)
    common = lcm(one.denominator, other.denominator)
    one = one if common == one.denominator else multiply(one, common // one.denominator)
    other = other if common == other.denominator else multiply(other, common // other.denominator)
    shape = np.broadcast_shapes(one.shape, other.shape)
    low, top = min(one.low, other.low), max(one.top, other.top)
    columns = [np.broadcast_to(one.at(place) + other.at(place), shape) for place in range(low, top)]
    return carried(columns, low, common)


def negative(a: Limbs) -> Limbs:
    """−a."""
    return a.each(np.negative)


def subtract(a: Any, b: Any, alpha: Any = 1) -> Limbs:
    """The difference a − alpha·b."""
    return add(a, negative(operand(b)), alpha)


def divide(a: Any, b: Any) -> Limbs:
    """Division by one number, whose odd part joins the denominator. Raises RangeError for any other divisor."""
    if isinstance(b, Limbs):
        raise RangeError("limbs divide by Python numbers only")
    numerator, below = float(b).as_integer_ratio()
    if numerator == 0 or float(b) != b:
        raise RangeError(f"limbs do not divide by {b}")
    twos = numerator & -numerator
    scaled = multiply(a, (below if b > 0 else -below) / twos)
    return Limbs(scaled.limbs, scaled.low, scaled.denominator * (abs(numerator) // twos))


def power(a: Limbs, exponent: Any) -> Limbs:
    """A small positive integer power."""
    if not isinstance(exponent, int) or not 0 < exponent < 9:
        raise RangeError(f"limbs have no power {exponent}")
    return a if exponent == 1 else multiply(a, power(a, exponent - 1))


def sum_over(x: Limbs, dims: Any = None, keepdim: bool = False) -> Limbs:
    """Sum over `dims`, all of them where none is named."""
    if count_of(x, dims) * (peak(x.limbs) + 1) >= EXACT:
        raise RangeError("too many terms for an exact sum of limbs")
    columns = [np.asarray(np.sum(limb, axis=dims_of(x, dims), keepdims=keepdim)) for limb in x.limbs]
    return carried(columns, x.low, x.denominator)


def _moved(function: Callable[..., Array]) -> Callable[..., Limbs]:
    return lambda x, *args, **kwargs: x.each(function, *args, **kwargs)


def _gather(parts: list[Limbs], index: Array) -> Limbs:
    if len({part.denominator for part in parts}) > 1:
        raise RangeError("limbs gather numbers of one denominator")
    low, top = min(part.low for part in parts), max(part.top for part in parts)
    limbs = [
        gather_entries([np.broadcast_to(part.at(place), part.shape) for part in parts], index, 0.0)
        for place in range(low, top)
    ]
    return Limbs(tuple(limbs), low, parts[0].denominator)


def lift(tensor: torch.Tensor) -> Limbs:
    """A tensor's entries, exactly. Raises RangeError."""
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
