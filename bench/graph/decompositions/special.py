"""Decompositions of special functions of one or two numbers into functions that an arithmetic knows.

Constants such as π and log 2 are computed from exact numbers, so they are not rounded: π = 4 atan 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

aten: Any = torch.ops.aten
Tensor = torch.Tensor


def number(value: float, like: Tensor) -> Tensor:
    """A number as a tensor without dimensions, so that a function of it is computed without rounding."""
    dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
    return torch.full((), value, dtype=dtype, device=like.device)


def pi(like: Tensor) -> Any:
    """π = 4 atan 1."""
    return 4 * aten.atan(number(1.0, like))


def for_reals(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decomposition that leaves integer and boolean tensors to PyTorch."""

    def apply(x: Any, *args: Any, **kwargs: Any) -> Any:
        is_real = any(isinstance(a, Tensor) and a.is_floating_point() for a in (x, *args))
        return function(x, *args, **kwargs) if is_real else NotImplemented

    return apply


def _logarithm(base: float) -> Callable[[Tensor], Any]:
    return lambda x: aten.log(x) / aten.log(number(base, x))


def _exp2(x: Tensor) -> Any:
    return aten.exp(x * aten.log(number(2.0, x)))


def _log_add_exp2(a: Tensor, b: Tensor) -> Any:
    log2 = aten.log(number(2.0, a))
    return aten.logaddexp(a * log2, b * log2) / log2


def _multivariate_log_gamma(x: Tensor, p: int) -> Any:
    """p(p − 1)/4 log π + Σ log Γ(x − j/2) for j < p (DLMF 35.3.4)."""
    terms = [aten.lgamma(x - j / 2) for j in range(p)]
    return sum(terms[1:], terms[0]) + aten.log(pi(x)) * (p * (p - 1)) / 4


def _logit(x: Tensor, eps: float | None = None) -> Any:
    if eps is not None:
        x = aten.clamp(x, eps, 1 - eps)
    return aten.log(x / (1 - x))


def _copysign(a: Any, b: Any) -> Any:
    """|a| with the sign of b. The sign of −0 is taken as that of 0."""
    if not isinstance(b, Tensor):
        return -aten.abs(a) if b < 0 else aten.abs(a)
    one = torch.ones_like(b)
    return aten.abs(a) * aten.where(b < 0, -one, one)


def _quotient(a: Any, b: Any, *, rounding_mode: str | None = None) -> Any:
    quotient = a / b
    if rounding_mode is None:
        return quotient
    return aten.floor(quotient) if rounding_mode == "floor" else aten.trunc(quotient)


def _floored(a: Any, b: Any) -> Any:
    return aten.floor(a / b)


def _remainder(a: Any, b: Any) -> Any:
    """a − b⌊a/b⌋."""
    return a - b * aten.floor(a / b)


def _truncated_remainder(a: Any, b: Any) -> Any:
    """a − b trunc(a/b)."""
    return a - b * aten.trunc(a / b)


def _heaviside(x: Tensor, at_zero: Tensor) -> Any:
    return aten.where(x == 0, at_zero, aten.where(x > 0, torch.ones_like(x), torch.zeros_like(x)))


def _without_nan(x: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    limits = torch.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    kept = aten.where(aten.isnan(x), torch.full_like(x, nan or 0.0), x)
    infinite = aten.where(kept > 0, torch.full_like(x, high), torch.full_like(x, low))
    return aten.where(aten.isinf(kept), infinite, kept)


def _preferred(is_first: Callable[[Tensor, Tensor], Any]) -> Callable[[Tensor, Tensor], Any]:
    """The larger or smaller operand, the other one where one is NaN; the first one at a tie, as PyTorch has it."""
    return lambda a, b: aten.where(is_first(a, b) | aten.isnan(b), a, b)


def _scaled_by_power_of_two(x: Tensor, exponent: Tensor) -> Any:
    return x * aten.pow(number(2.0, x), exponent)


def _mantissa_and_exponent(x: Tensor) -> tuple[Any, Any]:
    """x = m·2ᵉ with ½ ≤ |m| < 1; the exponent is a floating tensor here."""
    exponent = aten.floor(_logarithm(2.0)(aten.abs(x))) + 1
    return x / aten.pow(number(2.0, x), exponent), exponent


def _lerp(start: Tensor, end: Tensor, weight: Any) -> Any:
    return start + weight * (end - start)


def _is_infinite(sign: int) -> Callable[[Tensor], Any]:
    return lambda x: aten.isinf(x) & (sign * x > 0)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten.copysign.Scalar: for_reals(_copysign),
    aten.copysign.Tensor: for_reals(_copysign),
    aten.deg2rad.default: lambda x: x * pi(x) / 180,
    aten.div.Scalar_mode: for_reals(_quotient),
    aten.div.Tensor_mode: for_reals(_quotient),
    aten.exp2.default: _exp2,
    aten.floor_divide.Scalar: for_reals(_floored),
    aten.floor_divide.default: for_reals(_floored),
    aten.fmax.default: for_reals(_preferred(lambda a, b: a >= b)),
    aten.fmin.default: for_reals(_preferred(lambda a, b: a <= b)),
    aten.fmod.Scalar: for_reals(_truncated_remainder),
    aten.fmod.Tensor: for_reals(_truncated_remainder),
    aten.frac.default: lambda x: x - aten.trunc(x),
    aten.frexp.Tensor: _mantissa_and_exponent,
    aten.heaviside.default: for_reals(_heaviside),
    aten.hypot.default: lambda a, b: aten.sqrt(a * a + b * b),
    aten.isneginf.default: for_reals(_is_infinite(-1)),
    aten.isposinf.default: for_reals(_is_infinite(1)),
    aten.ldexp.Tensor: for_reals(_scaled_by_power_of_two),
    aten.lerp.Scalar: _lerp,
    aten.lerp.Tensor: _lerp,
    aten.log10.default: _logarithm(10.0),
    aten.log2.default: _logarithm(2.0),
    aten.logaddexp2.default: _log_add_exp2,
    aten.logit.default: _logit,
    aten.mvlgamma.default: _multivariate_log_gamma,
    aten.nan_to_num.default: for_reals(_without_nan),
    aten.rad2deg.default: lambda x: x * 180 / pi(x),
    aten.remainder.Scalar: for_reals(_remainder),
    aten.remainder.Scalar_Tensor: for_reals(_remainder),
    aten.remainder.Tensor: for_reals(_remainder),
    aten.signbit.default: for_reals(lambda x: x < 0),
    aten.special_xlog1py.other_scalar: lambda a, b: aten.special_xlog1py(a, number(b, a)),
    aten.special_xlog1py.self_scalar: lambda a, b: aten.special_xlog1py(number(a, b), b),
    aten.special_zeta.other_scalar: lambda s, q: aten.special_zeta(s, number(q, s)),
    aten.special_zeta.self_scalar: lambda s, q: aten.special_zeta(number(s, q), q),
    aten.xlogy.Scalar_Other: lambda a, b: aten.xlogy(a, number(b, a)),
    aten.xlogy.Scalar_Self: lambda a, b: aten.xlogy(number(a, b), b),
}
"""Operation overload → its decomposition."""
