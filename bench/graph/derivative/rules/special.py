"""Rules of special functions of one or two numbers.

Source of the formulas: NIST Digital Library of Mathematical Functions (DLMF), the chapter named beside each group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gradiometer.graph.derivative.rules.core import Cotangents, binary, unary

Tensor = torch.Tensor
aten: Any = torch.ops.aten


def _quarter_turn(x: Tensor) -> Tensor:
    """π/4 without rounding: atan 1."""
    return torch.atan(torch.ones((), dtype=x.dtype, device=x.device))


def _two(x: Tensor) -> Tensor:
    """The number 2 as a tensor, so that its root is not rounded."""
    return torch.full((), 2.0, dtype=x.dtype, device=x.device)


def _nonzero(x: Tensor) -> Tensor:
    """x with 1 in place of 0, as a divisor whose quotient is replaced afterwards."""
    return torch.where(x == 0, torch.ones_like(x), x)


def _sinc(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    slope = (torch.cos(4 * _quarter_turn(x) * x) - y) / _nonzero(x)
    return torch.where(x == 0, torch.zeros_like(g), g * slope)


def _polygamma(g: Tensor, y: Tensor, order: int, x: Tensor) -> Cotangents:
    return None, g * torch.polygamma(int(order) + 1, x)


def _bessel_of_order_one(order_zero: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The rule of J₁ or I₁, with f₁′ = f₀ − f₁/x, which is ½ at 0 (DLMF 10.6.2 and 10.29.2)."""

    def rule(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return g * torch.where(x == 0, torch.full_like(x, 0.5), order_zero(x) - y / _nonzero(x))

    return rule


def _scaled_bessel_of_order_one(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    slope = torch.special.i0e(x) - y * x.sign() - y / _nonzero(x)
    return g * torch.where(x == 0, torch.full_like(x, 0.5), slope)


def _xlogy(g: Tensor, y: Tensor, a: Any, b: Any) -> tuple[Any, Any]:
    # As in PyTorch, the cotangent of the factor is 0 and not −∞ at 0·log 0.
    if not isinstance(b, Tensor):
        b = torch.full_like(g, b)
    slope = b.log()
    if isinstance(a, Tensor):
        slope = torch.where((a == 0) & (b <= 0), torch.zeros_like(g), slope)
    return g * slope, g * a / b


def _xlog1py(g: Tensor, y: Tensor, a: Any, b: Any) -> tuple[Any, Any]:
    if not isinstance(b, Tensor):
        b = torch.full_like(g, b)
    slope = b.log1p()
    if isinstance(a, Tensor):
        slope = torch.where((a == 0) & (b <= -1), torch.zeros_like(g), slope)
    return g * slope, g * a / (1 + b)


def _unknown(g: Tensor) -> Tensor:
    """The cotangent of an operand by which no derivative is known, neither here nor in PyTorch: NaN."""
    return torch.full_like(g, float("nan"))


def _gamma_density(a: Any, x: Tensor) -> Tensor:
    """xᵃ⁻¹ e⁻ˣ / Γ(a), the derivative of the regularized incomplete gamma function by x (DLMF 8.8.13)."""
    shape = a if isinstance(a, Tensor) else torch.full_like(x, a)
    return torch.exp((shape - 1) * x.log() - x - shape.lgamma())


RULES: Mapping[str, Callable[..., Cotangents]] = {
    # Inverse functions of the circle and the hyperbola (DLMF 4.24, 4.37)
    "acos": unary(lambda g, y, x: -(g / torch.sqrt(1 - x * x))),
    "acosh": unary(lambda g, y, x: g / torch.sqrt(x * x - 1)),
    "asin": unary(lambda g, y, x: g / torch.sqrt(1 - x * x)),
    "asinh": unary(lambda g, y, x: g / torch.sqrt(1 + x * x)),
    "atan2": binary(lambda g, y, a, b: (g * b / (a * a + b * b), -(g * a / (a * a + b * b)))),
    "atanh": unary(lambda g, y, x: g / (1 - x * x)),
    "tan": unary(lambda g, y, x: g * (1 + y * y)),
    # Error functions (DLMF 7); 2/√π = 1/√(atan 1)
    "erfc": unary(lambda g, y, x: -(g * (-(x * x)).exp() / _quarter_turn(x).sqrt())),
    "erfinv": unary(lambda g, y, x: g * (y * y).exp() * _quarter_turn(x).sqrt()),
    "special_erfcx": unary(lambda g, y, x: g * (2 * x * y - 1 / _quarter_turn(x).sqrt())),
    "special_log_ndtr": unary(  # √(2/π) / erfcx(−x/√2), which neither overflows nor cancels
        lambda g, y, x: g / (torch.special.erfcx(-x / _two(x).sqrt()) * (2 * _quarter_turn(x)).sqrt())
    ),
    "special_ndtri": unary(lambda g, y, x: g * (y * y / 2).exp() * (8 * _quarter_turn(x)).sqrt()),
    # Gamma and zeta functions (DLMF 5, 8 and 25)
    "digamma": unary(lambda g, y, x: g * torch.polygamma(1, x)),
    "igamma": binary(lambda g, y, a, x: (_unknown(g), g * _gamma_density(a, x))),
    "igammac": binary(lambda g, y, a, x: (_unknown(g), -(g * _gamma_density(a, x)))),
    "lgamma": unary(lambda g, y, x: g * torch.digamma(x)),
    "polygamma": _polygamma,
    "special_zeta": binary(lambda g, y, s, q: (_unknown(g), -(g * s * torch.special.zeta(s + 1, q)))),
    # Bessel functions (DLMF 10)
    "i0": unary(lambda g, y, x: g * torch.special.i1(x)),
    "special_bessel_j0": unary(lambda g, y, x: -(g * torch.special.bessel_j1(x))),
    "special_bessel_j1": unary(_bessel_of_order_one(torch.special.bessel_j0)),
    "special_bessel_y0": unary(lambda g, y, x: -(g * torch.special.bessel_y1(x))),
    "special_bessel_y1": unary(lambda g, y, x: g * (torch.special.bessel_y0(x) - y / x)),
    "special_i0e": unary(lambda g, y, x: g * (torch.special.i1e(x) - x.sign() * y)),
    "special_i1": unary(_bessel_of_order_one(torch.i0)),
    "special_i1e": unary(_scaled_bessel_of_order_one),
    "special_modified_bessel_i0": unary(lambda g, y, x: g * torch.special.i1(x)),
    "special_modified_bessel_i1": unary(_bessel_of_order_one(torch.i0)),
    "special_modified_bessel_k0": unary(lambda g, y, x: -(g * torch.special.modified_bessel_k1(x))),
    "special_modified_bessel_k1": unary(lambda g, y, x: -(g * (torch.special.modified_bessel_k0(x) + y / x))),
    "special_scaled_modified_bessel_k0": unary(lambda g, y, x: g * (y - torch.special.scaled_modified_bessel_k1(x))),
    "special_scaled_modified_bessel_k1": unary(
        lambda g, y, x: g * (y - y / x - torch.special.scaled_modified_bessel_k0(x))
    ),
    "special_spherical_bessel_j0": unary(
        lambda g, y, x: torch.where(x == 0, torch.zeros_like(g), g * (x.cos() - y) / _nonzero(x))
    ),
    # Logarithms and exponentials
    "logaddexp": binary(lambda g, y, a, b: (g * torch.sigmoid(a - b), g * torch.sigmoid(b - a))),
    "sinc": unary(_sinc),
    "special_entr": unary(lambda g, y, x: -(g * (1 + x.log()))),
    "special_xlog1py": binary(_xlog1py),
    "xlogy": binary(_xlogy),
}
"""Operation → its rule."""
