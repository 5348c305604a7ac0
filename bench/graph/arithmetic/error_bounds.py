"""How far rounding can take a gradient, at worst: an a-priori bound on |Ĝ − G| per entry, from a method's traced graph.

Every value carries c, what float64 makes of it, and E, a bound on |x̂ − x|, x being exact and x̂ torch's. By the rules:
|a|E_b + |b|E_a + E_a E_b for a product, u(|x| + E) for one rounding, γ_K = Ku/(1 − Ku) for a sum or product of inner
length K in any order, with or without FMA (Higham, *Accuracy and Stability of Numerical Algorithms*, 2.2, 3.1, 3.5),
half the least subnormal for underflow. Halves accumulate in float32 and round once: u16 + γ_K(float32) (Blanchard,
Higham, Lopez, Mary & Pranesh 2020, doi 10.1137/19M1289546).

|c − x| needs no bound of its own. It obeys the same rules with float64's u in place of the coarsest, `inner`, and every
term of every rule has a unit, an error or an underflow as a factor: so |c − x| ≤ E · 2⁻⁵³/inner, by induction.

For torch on a CPU, with IEEE float32 products and graphs traced in the case's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.fx import GraphModule
from torch.utils._pytree import tree_leaves

from gradiometer.graph.arithmetic.arrays import SAME_ENTRIES, Array, count_of, dims_of, gather_entries
from gradiometer.graph.evaluate import Arithmetic, evaluate
from gradiometer.graph.trace import UnknownOperationError, overload_name
from gradiometer.storage.schema import DTYPES

LIBRARY_UNITS = 48
"""Unit roundoffs that a library's exp, log or tanh may be off by: torch's fastest vector kernels claim 20 ulp, 40 u."""


class Machine(NamedTuple):
    """How numbers are rounded: `unit` u in storage, `inner` u in sums and products, `double` more where a wider format
    rounds first. One underflow costs `tiny`, half the least subnormal; `flushed`, the least normal, where a library may
    flush to zero; `inner_tiny` in an accumulator, which holds up to `inner_largest`.
    """

    unit: float
    inner: float
    double: float
    tiny: float
    flushed: float
    inner_tiny: float
    inner_largest: float
    largest: float

    @property
    def share(self) -> float:
        """Of an error bound, what float64 may be off by."""
        return 2.0**-53 / self.inner


def machine_of(name: str) -> Machine:
    """torch's arithmetic of a dtype on a CPU. oneDNN was seen to flush subnormal bfloat16, in and out."""
    form, single = DTYPES[name], DTYPES["float32"]
    u, tiny = form.unit_roundoff, 2.0 ** max(form.min_exponent - form.precision, -1074)
    if form.itemsize == 2:
        return Machine(u, 2.0**-24, 2.0**-23, tiny, 2.0**form.min_exponent, 2.0**-126, single.largest, form.largest)
    return Machine(u, u, 2.0**-52 if name == "float32" else 0.0, tiny, tiny, tiny, form.largest, form.largest)


def coarsest(graph: GraphModule, name: str) -> Machine:
    """The dtype's machine, or the worst of every floating dtype in the graph. Raises UnknownOperationError.

    A graph of halves is not believed where it computes in float32: that is how torch's decompositions are written (of
    mse_loss_backward, say), while the kernel rounds each step to the half. Every operation is charged as the half's.
    """
    nodes = list(graph.graph.nodes)
    constants = [getattr(graph, node.target) for node in nodes if node.op == "get_attr"]
    tensors = [t for t in tree_leaves([constants, [n.meta.get("val") for n in nodes]]) if isinstance(t, torch.Tensor)]
    names = {name, *(str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point() or t.is_complex())}
    unknown = (names - set(DTYPES)) | ({overload_name(node.target) for node in nodes} & {"linspace", "logspace"})
    if unknown:
        raise UnknownOperationError(f"no rounding is known for {', '.join(sorted(unknown))}")
    machines = [machine_of(each) for each in names]
    worst = Machine(*map(max, zip(*machines, strict=True)))
    return worst._replace(
        largest=min(m.largest for m in machines), inner_largest=min(m.inner_largest for m in machines)
    )


@dataclass(frozen=True)
class Bounded:
    """Values and the bounds on their errors, shaped alike; `length` is K where they are a matrix product's, else 0."""

    value: Array
    error: Array
    length: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of numbers."""
        return np.shape(self.value)

    @property
    def rounds(self) -> Any:
        """Whether a product with this rounds (1) or, this being exactly a power of two, does not (0)."""
        if np.all(self.error):
            return 1
        is_shift = (self.error == 0) & (np.abs(np.frexp(self.value)[0]) == 0.5)
        return np.where(is_shift, 0, 1)


def gamma(count: int, unit: float) -> float:
    """γ_K = Ku/(1 − Ku) (Higham, 3.1); infinite for Ku ≥ 1."""
    return count * unit / (1 - count * unit) if count * unit < 1 else np.inf


def top(m: Machine, x: Bounded) -> Array:
    """At least |x|."""
    return np.asarray(np.abs(x.value) + m.share * x.error)


def once(m: Machine, value: Any, carried: Any, units: Any = 1) -> Array:
    """A carried error after a rounding, or one of so many u: E + u(|x| + E) + underflow."""
    return np.asarray(carried + units * (m.unit + m.double) * (np.abs(value) + carried) + m.tiny)


def result(m: Machine, value: Any, error: Array, terms: int = 1) -> Bounded:
    """Float64's value with its bound, rounded outward; inf past overflow.

    Where |c| stood for |x| ≤ |c| + share·E, the bound lacks less than 2⁻³⁵ of itself: a rule takes at most 2⁻⁶ of |x|.
    """
    c = np.asarray(value, dtype=np.float64)
    outward = error * (1 + 2.0**-34 + terms * 2.0**-52)
    outward += terms * 2.0**-1022
    size = np.abs(c)
    size += 2 * outward
    fits = size <= m.largest  # false for NaN
    return Bounded(c, outward if fits.all() else np.where(fits, outward, np.inf))


def constant(m: Machine, number: Any) -> Bounded:
    """A number of the program: meant as it is if an integer or power of two that the dtype holds, else rounded to it.

    A value is left as it is.
    """
    if isinstance(number, Bounded):
        return number
    value = np.asarray(number.detach().cpu().double() if isinstance(number, torch.Tensor) else number, dtype=np.float64)
    is_meant = (value == np.rint(value)) | (np.abs(np.frexp(value)[0]) == 0.5)
    return _held(m, value, is_meant)


def given(m: Machine, tensor: torch.Tensor) -> Bounded:
    """An input, exact in its dtype."""
    value = np.asarray(tensor.detach().cpu().double())
    if tensor.is_floating_point() and torch.finfo(tensor.dtype).eps == 2 * m.unit:
        return Bounded(value, np.zeros_like(value))
    return _held(m, value, True)


def _held(m: Machine, value: Array, is_meant: Any) -> Bounded:
    """Numbers without an error where the machine holds what is meant, else rounded."""
    mantissa, size = np.frexp(value)[0], np.abs(value)
    holds = (mantissa / m.unit == np.rint(mantissa / m.unit)) & (size <= m.largest) & (size % (2 * m.tiny) == 0)
    error = np.where(holds & is_meant, 0.0, once(m, size, size * 2.0**-52))  # by the dtype, and by whoever wrote it
    return Bounded(value, np.where(size <= m.largest, error, np.inf))


def add(m: Machine, a: Any, b: Any, alpha: Any = 1, sign: float = 1.0) -> Bounded:
    """a ± alpha·b: errors add up. What is added to a product may have been one of its terms (`addmm`): γ_K for it."""
    x, y = constant(m, a), constant(m, b) if alpha == 1 else multiply(m, b, alpha)
    carried = x.error + y.error
    for product, other in ((x, y), (y, x)):
        if product.length and sign > 0:
            carried = carried + gamma(product.length + 1, m.inner) * (top(m, other) + other.error)
    value = x.value + sign * y.value
    return result(m, value, once(m, value, carried))


def multiply(m: Machine, a: Any, b: Any) -> Bounded:
    """a·b: |a|E_b + |b|E_a + E_a E_b and a rounding, unless a factor is a power of two."""
    x, y = constant(m, a), constant(m, b)
    value, carried = x.value * y.value, top(m, x) * y.error + (top(m, y) + y.error) * x.error
    rounded = result(m, value, once(m, value, carried, x.rounds * y.rounds))
    return replace(rounded, length=max(x.length, y.length))


def divide(m: Machine, a: Any, b: Any) -> Bounded:
    """a/b: (E_a + |a/b| E_b) / (|b| − E_b), and two roundings: a kernel may multiply by the rounded reciprocal."""
    x, y = constant(m, a), constant(m, b)
    least = np.maximum(np.abs(y.value) - 2 * m.share * y.error, 0.0)
    value = x.value / y.value
    carried = (x.error + top(m, x) / least * y.error) / np.maximum(least - y.error, 0.0)
    return result(m, value, once(m, value, once(m, value, carried, y.rounds), y.rounds))


def flushed(m: Machine, x: Bounded) -> Array:
    """The error of an operand after a library may have flushed it to zero."""
    is_small = np.abs(x.value) - (1 + m.share) * x.error < m.flushed
    return x.error + np.where(is_small, np.minimum(top(m, x) + x.error, m.flushed), 0.0)


def mm(m: Machine, a: Bounded, b: Bounded) -> Bounded:
    """|A|E_B + E_A|B| + E_A E_B + γ_K (|A|+E_A)(|B|+E_B), a rounding of halves, and underflow, of operands too.

    As (|A|+E_A)(E_B + γ_K(|B|+E_B)) + E_A(|B|+E_B), in one product where an operand has no error.
    """
    k, value = a.shape[-1], a.value @ b.value
    ea, eb = (flushed(m, x) if m.flushed > m.tiny else x.error for x in (a, b))
    left, right, g = top(m, a) + ea, top(m, b) + eb, gamma(k, m.inner)
    summed = left @ (eb + g * right) if eb.any() else (ea + g * left) @ right
    if eb.any() and ea.any():
        summed += ea @ right
    summed += 2 * k * m.inner_tiny
    if not k * np.max(left, initial=0.0) * np.max(right, initial=0.0) <= m.inner_largest / 4:
        summed = np.where(left @ right + summed <= m.inner_largest, summed, np.inf)
    error = summed if m.inner == m.unit else once(m, value, summed) + m.flushed
    return replace(result(m, value, error, terms=k), length=k)


def total(m: Machine, x: Bounded, dims: Any = None, keepdim: bool = False) -> Bounded:
    """Σ E + γ_n Σ(|x| + E) and a rounding. Over several dimensions, partial sums of halves may be stored as halves."""
    axes, count = dims_of(x, dims), count_of(x, dims)
    is_one_pass = len(x.shape) <= 2 and len(axes) <= 1 and count < 32768  # which torch shares out among threads
    columns = (x.value, top(m, x) + x.error, x.error)
    value, sizes, carried = (np.sum(entries, axis=axes, keepdims=keepdim) for entries in columns)
    carried = carried + gamma(count, m.inner if is_one_pass else m.unit) * sizes + count * m.tiny
    carried = np.where(sizes + carried <= m.largest, carried, np.inf)
    return result(m, value, once(m, value, carried), terms=count)


def square(m: Machine, x: Any, exponent: Any) -> Bounded:
    """x², by a product; other powers are unknown."""
    if exponent != 2:
        raise UnknownOperationError("no bound is known for this power")
    return multiply(m, x, x)


def function(f: Callable[[Array], Array], spread: Callable[[Machine, Bounded], Array]) -> Callable[..., Bounded]:
    """A library's function, in float32 for halves; f moves by at most `spread(m, x)` when its argument does by E."""

    def apply(m: Machine, x: Bounded) -> Bounded:
        value = f(x.value)
        return result(m, value, once(m, value, spread(m, x), 1 + LIBRARY_UNITS * m.inner / m.unit))

    return apply


def moved(move: Callable[..., Array]) -> Callable[..., Bounded]:
    """A move of entries, which rounds nothing."""
    return lambda m, x, *args: Bounded(move(x.value, *args), move(x.error, *args), x.length)


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
    "exp": function(np.exp, lambda m, x: np.exp(x.value + m.share * x.error) * np.expm1(x.error)),
    "mean": lambda m, x, dims=None, keepdim=False: divide(m, total(m, x, dims, keepdim), count_of(x, dims)),
    "mm": mm,
    "mul": multiply,
    "neg": lambda m, x: replace(x, value=-x.value),
    "pow": square,
    "sub": partial(add, sign=-1.0),
    "sum": total,
    "tanh": function(np.tanh, lambda m, x: x.error),
}
"""Functions of the machine and the operands; no comparisons, which rounding may turn."""


def worst_case(graph: GraphModule, inputs: Sequence[torch.Tensor], dtype: str) -> list[Array] | None:
    """A bound on |Ĝ − G| of each result of a method's graph, entry by entry, at inputs of the case's dtype.

    None where there is none: an operation without a rule, a comparison, overflow, or Ku ≥ 1.
    """
    try:
        m = coarsest(graph, dtype)
        known = {name: partial(operation, m) for name, operation in OPERATIONS.items()}
        literal, lift = partial(constant, m), partial(given, m)
        rules = Arithmetic("bounds", "OPERATIONS in " + __name__, Bounded, known, lift, literal, literal, _gather)
        with np.errstate(all="ignore"):  # a bound may be infinite
            found = evaluate(graph, inputs, rules)
    except UnknownOperationError:
        return None
    return [part.error for part in found] if all(np.isfinite(part.error).all() for part in found) else None


def share(error: Array, bound: Array) -> float:
    """max |e| / bound, 0/0 = 0: at most 1, or the bound is wrong."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.where(error == 0, 0.0, np.abs(error) / bound), initial=0.0))
