"""Rules of the reverse sweep, one per operation, written in PyTorch without rounded constants.

PyTorch's own backward formulas contain rounded constants (2/numel in MSELoss); these rules divide by integers instead.
Sources: Griewank & Walther, *Evaluating Derivatives*, chapter 3; Giles 2008 for matrices. Where a function is not
differentiable, the rules follow PyTorch: 0 for relu and abs, equal shares among tied maxima.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from gradiometer.graph.arithmetic.arrays import count_of, dims_of
from gradiometer.graph.own_operations import own_operation

Tensor = torch.Tensor
Cotangents = Sequence[Tensor | None]


@own_operation(lambda x, dims: torch.empty_like(x, dtype=torch.bool))
def is_largest(x: Tensor, dims: Sequence[int]) -> Tensor:
    """Whether an entry is the largest along `dims`; one operation, so that an arithmetic can decide it exactly."""
    return x == torch.amax(x, list(dims), keepdim=True)


def to_shape(g: Tensor, of: Any) -> Tensor | None:
    """The cotangent of a broadcast operand: g summed to the shape of the operand; None for a number."""
    if not isinstance(of, Tensor):
        return None
    lead = g.dim() - of.dim()
    dims = [*range(lead), *(d + lead for d, n in enumerate(of.shape) if n == 1 and g.shape[d + lead] != 1)]
    return (g.sum(dims) if dims else g).reshape(of.shape)


def binary(rule: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., Cotangents]:
    """A rule for two operands. `rule` returns both cotangents in the shape of the result."""

    def cotangents(g: Tensor, y: Tensor, a: Any, b: Any, **options: Any) -> Cotangents:
        to_a, to_b = rule(g, y, a, b, **options)
        return to_shape(to_a, a), to_shape(to_b, b)

    return cotangents


def unary(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Cotangents]:
    """A rule for one operand. `rule` takes the cotangent g, the result y and the operand x."""
    return lambda g, y, x: (rule(g, y, x),)


def _power(g: Tensor, y: Tensor, a: Tensor, b: Any) -> Cotangents:
    if isinstance(b, Tensor):  # as in PyTorch, 0 and not NaN for the exponent of 0ᵇ and for the base of a⁰
        nothing = torch.zeros_like(g)
        by_base = torch.where(b == 0, nothing, g * b * a ** (b - 1))
        is_zero = (a == 0) & ((b.real if b.is_complex() else b) >= 0)
        return to_shape(by_base, a), to_shape(torch.where(is_zero, nothing, g * y * a.log()), b)
    if float(b).is_integer():
        return (g * b * a ** (b - 1) if b != 1 else g,)
    # a ** (b − 1) would round b − 1, which matters everywhere but at 0
    return (torch.where(a == 0, g * b * a ** (b - 1), g * b * y / a),)


def restored(x: Tensor, dims: Any, keepdim: bool, g: Tensor) -> Tensor:
    """The cotangent (or result) of a reduction, with its reduced dimensions restored as 1."""
    gone = dims_of(x, dims)
    return g if keepdim else g.reshape([1 if d in gone else n for d, n in enumerate(x.shape)])


def _sum(g: Tensor, y: Tensor, x: Tensor, dims: Any = None, keepdim: bool = False, **_: Any) -> Cotangents:
    return (restored(x, dims, keepdim, g).expand(x.shape),)


def _mean(g: Tensor, y: Tensor, x: Tensor, dims: Any = None, keepdim: bool = False, **_: Any) -> Cotangents:
    return ((restored(x, dims, keepdim, g) / count_of(x, dims)).expand(x.shape),)


def _extreme(sign: int) -> Callable[..., Cotangents]:
    def cotangents(g: Tensor, y: Tensor, x: Tensor, dims: Any = None, keepdim: bool = False) -> Cotangents:
        axes = list(dims_of(x, dims))
        nothing = torch.zeros_like(x)
        picked = is_largest(sign * x, axes) if axes else torch.ones_like(x, dtype=torch.bool)
        tied = torch.where(picked, torch.ones_like(x), nothing).sum(axes, True)
        return (torch.where(picked, (restored(x, dims, keepdim, g) / tied).expand(x.shape), nothing),)

    return cotangents


def _larger(g: Tensor, y: Tensor, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    to_a = torch.where(a > b, g, torch.where(a == b, g / 2, torch.zeros_like(g)))
    return to_a, g - to_a


def _clamp(g: Tensor, y: Tensor, x: Tensor, low: Any = None, high: Any = None) -> Cotangents:
    """PyTorch passes g on at a bound; where bounds cross, the result is `high`."""
    nothing = torch.zeros_like(g)
    from_x, from_low = torch.ones_like(y, dtype=torch.bool), torch.zeros_like(y, dtype=torch.bool)
    to_low = to_high = None
    if low is not None:
        from_x, from_low = x >= low, x < low
    if high is not None:
        from_x = from_x & (x <= high)
    if isinstance(low, Tensor):
        to_low = to_shape(torch.where(from_low & (low < high) if high is not None else from_low, g, nothing), low)
    if isinstance(high, Tensor):
        above = x > high if low is None else (x > high) | (low > high)
        to_high = to_shape(torch.where(above, g, nothing), high)
    return to_shape(torch.where(from_x, g, nothing), x), to_low, to_high


def _where(g: Tensor, y: Tensor, condition: Tensor, a: Tensor, b: Tensor) -> Cotangents:
    nothing = torch.zeros_like(g)
    return None, to_shape(torch.where(condition, g, nothing), a), to_shape(torch.where(condition, nothing, g), b)


def _index_put(g: Tensor, y: Tensor, x: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Cotangents:
    """For the accumulating index_put; the other one moves entries."""
    return g, None, to_shape(torch.ops.aten.index(g, indices), values)  # an index may be None: the whole dimension


def _reshaped(g: Tensor, y: Tensor, x: Tensor, *_: Any, **__: Any) -> Cotangents:
    return (g.reshape(x.shape),)


def _permuted(g: Tensor, y: Tensor, x: Tensor, order: Sequence[int]) -> Cotangents:
    order = [d % x.dim() for d in order]
    return (g.permute([order.index(d) for d in range(x.dim())]),)


RULES: Mapping[str, Callable[..., Cotangents]] = {
    "_unsafe_view": _reshaped,
    "abs": unary(lambda g, y, x: g * x.sign()),
    "add": binary(lambda g, y, a, b, alpha=1: (g, g if alpha == 1 else g * alpha)),
    "alias": _reshaped,
    "amax": _extreme(1),
    "amin": _extreme(-1),
    "atan": unary(lambda g, y, x: g / (1 + x * x)),
    "bmm": lambda g, y, a, b: (g @ b.transpose(1, 2), a.transpose(1, 2) @ g),
    "clamp": _clamp,
    "clone": _reshaped,
    "cos": unary(lambda g, y, x: -(g * x.sin())),
    "cosh": unary(lambda g, y, x: g * x.sinh()),
    "cumsum": lambda g, y, x, dim: (g.flip(dim).cumsum(dim).flip(dim),),
    "detach": lambda g, y, x: (None,),
    "div": binary(lambda g, y, a, b: (g / b, -(g * y / b))),
    "erf": unary(lambda g, y, x: g * (-(x * x)).exp() / torch.atan(torch.ones_like(x)).sqrt()),  # π/4 = atan 1
    "exp": unary(lambda g, y, x: g * y),
    "expand": lambda g, y, x, shape, **_: (to_shape(g, x),),
    "expm1": unary(lambda g, y, x: g * (y + 1)),
    "index_put": _index_put,
    "lift_fresh_copy": _reshaped,
    "log": unary(lambda g, y, x: g / x),
    "log1p": unary(lambda g, y, x: g / (1 + x)),
    "maximum": binary(_larger),
    "mean": _mean,
    "minimum": binary(lambda g, y, a, b: _larger(g, y, b, a)),  # where b > a, the result is a
    "mm": lambda g, y, a, b: (g @ b.T, a.T @ g),
    "mul": binary(lambda g, y, a, b: (g * b, g * a)),
    "neg": unary(lambda g, y, x: -g),
    "permute": _permuted,
    "pow": _power,
    "reciprocal": unary(lambda g, y, x: -(g * y * y)),
    "relu": unary(lambda g, y, x: torch.where(x > 0, g, torch.zeros_like(g))),
    "rsqrt": unary(lambda g, y, x: -(g * y * y * y) / 2),
    "select": lambda g, y, x, dim, place: (torch.ops.aten.select_backward(g, x.shape, dim, place),),
    "scatter_add": lambda g, y, x, dim, index, source: (g, None, None, g.gather(dim, index)),
    "sigmoid": unary(lambda g, y, x: g * y * (1 - y)),
    **{name: lambda g, y, x, **_: (None,) for name in ("ceil", "floor", "round", "sign", "trunc")},
    "sin": unary(lambda g, y, x: g * x.cos()),
    "sinh": unary(lambda g, y, x: g * x.cosh()),
    "slice": lambda g, y, x, dim=0, start=None, end=None, step=1: (
        torch.ops.aten.slice_backward(
            g, x.shape, dim, 0 if start is None else start, sys.maxsize if end is None else end, step
        ),
    ),
    "sqrt": unary(lambda g, y, x: g / (2 * y)),
    "squeeze": _reshaped,
    "sub": binary(lambda g, y, a, b, alpha=1: (g, -g if alpha == 1 else g * -alpha)),
    "sum": _sum,
    "t": lambda g, y, x: (g.t(),),
    "tanh": unary(lambda g, y, x: g * (1 - y * y)),
    "transpose": lambda g, y, x, one, other: (g.transpose(one, other),),
    "unsqueeze": _reshaped,
    "view": _reshaped,
    "where": _where,
}
"""Operation → function of (cotangent g of the result, result y, *arguments) that returns the arguments' cotangents."""
