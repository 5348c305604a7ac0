"""Operations of special functions of one or two numbers in balls, by FLINT's own functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flint import acb, arb

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.arithmetic.balls.core import entrywise


def _is_zero(a: arb) -> bool:
    """Whether a number is exactly zero; a ball that contains zero and other numbers counts as not zero."""
    return bool(a == 0)


def _log_gamma(x: arb) -> arb:
    """log |Γ(x)|; for x ≤ 0 by the reflection log π − log |sin πx| − log Γ(1 − x) (DLMF 5.5.3)."""
    if x > 0:
        positive: arb = x.lgamma()
        return positive
    if x.is_integer():
        return arb("inf")
    return (arb.pi() / abs(x.sin_pi())).log() - (1 - x).lgamma()


def _polygamma(order: Any, x: arb) -> arb:
    """ψ⁽ⁿ⁾(x); n = 0 is the digamma function."""
    n = int(order)
    if n == 0:
        return x.digamma()
    if x > 0:  # (−1)ⁿ⁺¹ n! ζ(n + 1, x), DLMF 25.11.12
        return arb((-1) ** (n + 1)) * arb(n).fac() * arb(n + 1).zeta(x)
    value: arb = acb(x).polygamma(n).real
    return value


def _erfcx(x: arb) -> arb:
    """exp(x²) erfc(x)."""
    return (x * x).exp() * x.erfc()


def _log_ndtr(x: arb) -> arb:
    """log Φ(x), from the smaller tail."""
    root = arb(2).sqrt()
    return (-(x / root).erfc() / 2).log1p() if x > 0 else ((-x / root).erfc() / 2).log()


def _xlogy(x: arb, y: arb) -> arb:
    """x log y; 0 where x is 0."""
    return arb(0) if _is_zero(x) and not y.is_nan() else x * y.log()


def _xlog1py(x: arb, y: arb) -> arb:
    """x log(1 + y); 0 where x is 0."""
    return arb(0) if _is_zero(x) and not y.is_nan() else x * y.log1p()


def _entropy(x: arb) -> arb:
    """−x log x; 0 at 0 and −∞ below."""
    if _is_zero(x):
        return arb(0)
    return arb("-inf") if x < 0 else -x * x.log()


def _log_add_exp(x: arb, y: arb) -> arb:
    """log(eˣ + eʸ), with the larger operand taken out; which one is larger need not be known exactly."""
    large, small = (x, y) if x.mid() >= y.mid() else (y, x)
    return large + (small - large).exp().log1p() if large.is_finite() else (x.exp() + y.exp()).log()


def binary(function: Callable[[arb, arb], arb]) -> Callable[..., Array]:
    """A function of two balls, broadcast; Python integers are taken as balls."""
    return entrywise(lambda a, b: function(arb(a), arb(b)), 2)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "acos": entrywise(arb.acos),
    "acosh": entrywise(arb.acosh),
    "asin": entrywise(arb.asin),
    "asinh": entrywise(arb.asinh),
    "atan2": binary(arb.atan2),
    "atanh": entrywise(arb.atanh),
    "digamma": entrywise(arb.digamma),
    "erfc": entrywise(arb.erfc),
    "erfinv": entrywise(arb.erfinv),
    "i0": entrywise(lambda x: x.bessel_i(0)),
    "igamma": binary(lambda a, x: x.gamma_lower(a, regularized=1)),
    "igammac": binary(lambda a, x: x.gamma_upper(a, regularized=1)),
    "lgamma": entrywise(_log_gamma),
    "logaddexp": binary(_log_add_exp),
    "polygamma": lambda order, x: entrywise(lambda a: _polygamma(order, a))(x),
    "sinc": entrywise(arb.sinc_pi),
    "special_bessel_j0": entrywise(lambda x: x.bessel_j(0)),
    "special_bessel_j1": entrywise(lambda x: x.bessel_j(1)),
    "special_bessel_y0": entrywise(lambda x: x.bessel_y(0)),
    "special_bessel_y1": entrywise(lambda x: x.bessel_y(1)),
    "special_entr": entrywise(_entropy),
    "special_erfcx": entrywise(_erfcx),
    "special_i0e": entrywise(lambda x: (-abs(x)).exp() * x.bessel_i(0)),
    "special_i1": entrywise(lambda x: x.bessel_i(1)),
    "special_i1e": entrywise(lambda x: (-abs(x)).exp() * x.bessel_i(1)),
    "special_log_ndtr": entrywise(_log_ndtr),
    "special_modified_bessel_i0": entrywise(lambda x: x.bessel_i(0)),
    "special_modified_bessel_i1": entrywise(lambda x: x.bessel_i(1)),
    "special_modified_bessel_k0": entrywise(lambda x: x.bessel_k(0)),
    "special_modified_bessel_k1": entrywise(lambda x: x.bessel_k(1)),
    "special_ndtri": entrywise(lambda p: -arb(2).sqrt() * (2 * p).erfcinv()),
    "special_scaled_modified_bessel_k0": entrywise(lambda x: x.bessel_k(0, scaled=True)),
    "special_scaled_modified_bessel_k1": entrywise(lambda x: x.bessel_k(1, scaled=True)),
    "special_spherical_bessel_j0": entrywise(arb.sinc),
    "special_xlog1py": binary(_xlog1py),
    "special_zeta": binary(lambda s, q: s.zeta(q)),
    "tan": entrywise(arb.tan),
    "xlogy": binary(_xlogy),
}
"""Operation → its function in balls."""
