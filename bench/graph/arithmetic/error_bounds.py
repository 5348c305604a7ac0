"""A-priori bounds on rounding errors: |Ĝ − G| of each entry of a gradient, from the traced graph of a method.

Every value carries c, its value in float64, and E, a bound on |x̂ − x|; x is the exact value and x̂ PyTorch's. Rules:
|a|E_b + |b|E_a + E_a E_b for a product, u(|x| + E) for one rounding, γ_K = Ku/(1 − Ku) for a sum or product of inner
length K in any order, with or without FMA (Higham, *Accuracy and Stability of Numerical Algorithms*, 2.2, 3.1, 3.5),
half the least subnormal for underflow. float16 and bfloat16 accumulate in float32 and round once: u16 + γ_K(float32)
(Blanchard, Higham, Lopez, Mary & Pranesh 2020, doi 10.1137/19M1289546).

|c − x| needs no separate bound: it follows the same rules with the u of float64 in place of `inner`. Every term of
every rule has a unit, an error or an underflow as a factor, so |c − x| ≤ E · 2⁻⁵³/inner, by induction.

Valid for PyTorch on a CPU, with IEEE float32 products and graphs traced in the dtype of the case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.arrays import SAME_ENTRIES, Array, count_of, dims_of, gather_entries
from gradiometer.graph.arithmetic.dtype_rounding import Rounding, coarsest
from gradiometer.graph.evaluate import Arithmetic, evaluate
from gradiometer.graph.trace import UnknownOperationError

SMALL = 2.0**-900
"""Below this number a product with γ_K may underflow."""
LIBRARY_UNITS = 48
"""Error of exp, log and tanh in unit roundoffs. PyTorch's fastest vector kernels guarantee 20 ulp, which is 40 u."""


@dataclass(frozen=True)
class Bounded:
    """Values and bounds on their errors, of one shape; `length` is K for a matrix product of inner length K, else 0."""

    value: Array
    error: Array
    length: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of numbers."""
        return np.shape(self.value)

    @property
    def rounds(self) -> Any:
        """1 where a product with this value rounds; 0 where the value is an exact power of two."""
        if np.all(self.error):
            return 1
        is_shift = (self.error == 0) & (np.abs(np.frexp(self.value)[0]) == 0.5)
        return np.where(is_shift, 0, 1)


def gamma(count: int, unit: float) -> float:
    """γ_K = Ku/(1 − Ku) (Higham, 3.1); infinite for Ku ≥ 1."""
    return count * unit / (1 - count * unit) if count * unit < 1 else np.inf


def upper(rounding: Rounding, x: Bounded) -> Array:
    """An upper bound on |x|."""
    return np.asarray(np.abs(x.value) + rounding.share * x.error)


def rounded(rounding: Rounding, value: Any, carried: Any, units: Any = 1) -> Array:
    """The error E = `carried` after one more rounding of `units` times u: E + u(|x| + E) + underflow."""
    return np.asarray(carried + units * (rounding.unit + rounding.double) * (np.abs(value) + carried) + rounding.tiny)


def bounded(rounding: Rounding, value: Any, error: Array, terms: int = 1) -> Bounded:
    """A value in float64 with its error bound, rounded outward; the bound is infinite where the value may overflow.

    Some rules use |c| in place of |c| + share·E, the bound of |x|. This lowers a bound by less than 2⁻³⁵ of itself,
    because a rule takes at most 2⁻⁶ of |x|; the factor 1 + 2⁻³⁴ compensates.
    """
    c = np.asarray(value, dtype=np.float64)
    outward = error * (1 + 2.0**-34 + terms * 2.0**-52)
    outward += terms * 2.0**-1022
    size = np.abs(c)
    size += 2 * outward
    fits = size <= rounding.largest  # false for NaN
    return Bounded(c, outward if fits.all() else np.where(fits, outward, np.inf))


def constant(rounding: Rounding, number: Any) -> Bounded:
    """A number of the program: exact if it is an integer or a power of two that the dtype represents, else rounded.

    A Bounded is returned as it is.
    """
    if isinstance(number, Bounded):
        return number
    value = np.asarray(number.detach().cpu().double() if isinstance(number, torch.Tensor) else number, dtype=np.float64)
    is_exact = (value == np.rint(value)) | (np.abs(np.frexp(value)[0]) == 0.5)
    return _represented(rounding, value, is_exact)


def input_value(rounding: Rounding, tensor: torch.Tensor) -> Bounded:
    """An input; it is exact in its own dtype."""
    value = np.asarray(tensor.detach().cpu().double())
    if tensor.is_floating_point() and torch.finfo(tensor.dtype).eps == 2 * rounding.unit:
        return Bounded(value, np.zeros_like(value))
    return _represented(rounding, value, True)


def _represented(rounding: Rounding, value: Array, is_exact: Any) -> Bounded:
    """Numbers with error 0 where they are exact and the dtype represents them, else with a rounding error."""
    mantissa, size = np.frexp(value)[0], np.abs(value)
    holds = (
        (mantissa / rounding.unit == np.rint(mantissa / rounding.unit))
        & (size <= rounding.largest)
        & (size % (2 * rounding.tiny) == 0)
    )
    inexact = rounded(rounding, size, size * 2.0**-52)  # rounded to the dtype, and before that to a literal
    error = np.where(holds & is_exact, 0.0, inexact)
    return Bounded(value, np.where(size <= rounding.largest, error, np.inf))


def add(rounding: Rounding, a: Any, b: Any, alpha: Any = 1, sign: float = 1.0) -> Bounded:
    """a ± alpha·b: errors add. A term added to a product gets γ_K too, as `addmm` may sum it with the product."""
    x, y = constant(rounding, a), constant(rounding, b) if alpha == 1 else multiply(rounding, b, alpha)
    carried = x.error + y.error
    for product, other in ((x, y), (y, x)):
        if product.length and sign > 0:
            carried = carried + gamma(product.length + 1, rounding.inner) * (upper(rounding, other) + other.error)
    value = x.value + sign * y.value
    return bounded(rounding, value, rounded(rounding, value, carried))


def multiply(rounding: Rounding, a: Any, b: Any) -> Bounded:
    """a·b: |a|E_b + |b|E_a + E_a E_b, and one rounding unless a factor is a power of two."""
    x, y = constant(rounding, a), constant(rounding, b)
    value, carried = x.value * y.value, upper(rounding, x) * y.error + (upper(rounding, y) + y.error) * x.error
    product = bounded(rounding, value, rounded(rounding, value, carried, x.rounds * y.rounds))
    return replace(product, length=max(x.length, y.length))


def divide(rounding: Rounding, a: Any, b: Any) -> Bounded:
    """a/b: (E_a + |a/b| E_b) / (|b| − E_b), and two roundings, as a kernel may multiply by a rounded reciprocal."""
    x, y = constant(rounding, a), constant(rounding, b)
    least = np.maximum(np.abs(y.value) - 2 * rounding.share * y.error, 0.0)
    value = x.value / y.value
    carried = (x.error + upper(rounding, x) / least * y.error) / np.maximum(least - y.error, 0.0)
    return bounded(rounding, value, rounded(rounding, value, rounded(rounding, value, carried, y.rounds), y.rounds))


def flushed(rounding: Rounding, x: Bounded) -> Array:
    """The error of an operand that a library may flush to zero."""
    is_small = np.abs(x.value) - (1 + rounding.share) * x.error < rounding.flushed
    return x.error + np.where(is_small, np.minimum(upper(rounding, x) + x.error, rounding.flushed), 0.0)


def mm(rounding: Rounding, a: Bounded, b: Bounded) -> Bounded:
    """|A|E_B + E_A|B| + E_A E_B + γ_K (|A|+E_A)(|B|+E_B), underflow, and for 16-bit dtypes a rounding and flushing.

    Computed as (|A|+E_A)(E_B + γ_K(|B|+E_B)) + E_A(|B|+E_B), or with γ_K after the product where γ_K(|B|+E_B) would
    underflow and then be multiplied by a large |A|.
    """
    k, value = a.shape[-1], a.value @ b.value
    ea, eb = (flushed(rounding, x) if rounding.flushed > rounding.tiny else x.error for x in (a, b))
    left, right, g = upper(rounding, a) + ea, upper(rounding, b) + eb, gamma(k, rounding.inner)
    if eb.any() and not np.any((right > 0) & (right < SMALL)):
        summed = left @ (eb + g * right)
    else:
        summed = g * (left @ right)
        if eb.any():
            summed += left @ eb
    if ea.any():
        summed += ea @ right
    summed += 2 * k * rounding.inner_tiny
    if not k * np.max(left, initial=0.0) * np.max(right, initial=0.0) <= rounding.inner_largest / 4:
        summed = np.where(left @ right + summed <= rounding.inner_largest, summed, np.inf)
    error = summed if rounding.inner == rounding.unit else rounded(rounding, value, summed) + rounding.flushed
    return replace(bounded(rounding, value, error, terms=k), length=k)


def sum_over(rounding: Rounding, x: Bounded, dims: Any = None, keepdim: bool = False) -> Bounded:
    """Σ E + γ_n Σ(|x| + E), one rounding; over several dimensions, partial sums of 16-bit dtypes may have 16 bits."""
    axes, count = dims_of(x, dims), count_of(x, dims)
    is_one_pass = len(x.shape) <= 2 and len(axes) <= 1 and count < 32768  # longer sums are split among threads
    columns = (x.value, upper(rounding, x) + x.error, x.error)
    value, sizes, carried = (np.sum(entries, axis=axes, keepdims=keepdim) for entries in columns)
    carried = carried + gamma(count, rounding.inner if is_one_pass else rounding.unit) * sizes + count * rounding.tiny
    carried = np.where(sizes + carried <= rounding.largest, carried, np.inf)
    return bounded(rounding, value, rounded(rounding, value, carried), terms=count)


def power(rounding: Rounding, x: Any, exponent: Any) -> Bounded:
    """x, x² and x³ as products. Raises UnknownOperationError for other powers."""
    if isinstance(exponent, Bounded) or exponent not in (1, 2, 3):
        raise UnknownOperationError("no error bound is known for this power")
    found = constant(rounding, x)
    for _ in range(int(exponent) - 1):
        found = multiply(rounding, found, x)
    return found


def function(f: Callable[[Array], Array], spread: Callable[[Rounding, Bounded], Array]) -> Callable[..., Bounded]:
    """A library function f, computed in float32 for 16-bit dtypes.

    `spread(rounding, x)` bounds the change of f where its argument changes by at most E.
    """

    def apply(rounding: Rounding, x: Bounded) -> Bounded:
        value = f(x.value)
        units = 1 + LIBRARY_UNITS * rounding.inner / rounding.unit
        return bounded(rounding, value, rounded(rounding, value, spread(rounding, x), units))

    return apply


def moved(move: Callable[..., Array]) -> Callable[..., Bounded]:
    """A move of entries, without rounding."""
    return lambda rounding, x, *args: Bounded(move(x.value, *args), move(x.error, *args), x.length)


def _gather(parts: list[Bounded], index: Array) -> Bounded:
    value, error = (
        gather_entries(column, index, 0.0) for column in ([p.value for p in parts], [p.error for p in parts])
    )
    return Bounded(value, error, max(part.length for part in parts))


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: moved(move) for name, move in SAME_ENTRIES.items()},
    "add": add,
    "bmm": mm,
    "div": divide,
    "exp": function(np.exp, lambda rounding, x: np.exp(x.value + rounding.share * x.error) * np.expm1(x.error)),
    "mean": lambda rounding, x, dims=None, keepdim=False: divide(
        rounding, sum_over(rounding, x, dims, keepdim), count_of(x, dims)
    ),
    "mm": mm,
    "mul": multiply,
    "neg": lambda rounding, x: replace(x, value=-x.value),
    "pow": power,
    "sub": partial(add, sign=-1.0),
    "sum": sum_over,
    "tanh": function(np.tanh, lambda rounding, x: x.error),
}
"""Functions of the rounding and the operands. Comparisons are left out, because rounding may change their results."""


def worst_case(graph: GraphModule, inputs: Sequence[torch.Tensor], dtype: str) -> list[Array] | None:
    """Bounds on |Ĝ − G| of each entry of each result of a graph, at inputs of the dtype.

    None where there is no bound: an operation without a rule, a comparison, overflow, or Ku ≥ 1.
    """
    try:
        rounding = coarsest(graph, dtype)
        known = {name: partial(operation, rounding) for name, operation in OPERATIONS.items()}
        literal, lift = partial(constant, rounding), partial(input_value, rounding)
        table = "OPERATIONS in bench/graph/arithmetic/error_bounds.py"
        rules = Arithmetic("error bounds", table, Bounded, known, lift, literal, literal, _gather)
        with np.errstate(all="ignore"):  # a bound may be infinite
            found = evaluate(graph, inputs, rules)
    except UnknownOperationError:
        return None
    return [part.error for part in found] if all(np.isfinite(part.error).all() for part in found) else None


def bound_share(error: Array, bound: Array) -> float:
    """The largest |error| / bound, with 0/0 = 0. A value above 1 proves that the bound is wrong."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.where(error == 0, 0.0, np.abs(error) / bound), initial=0.0))
