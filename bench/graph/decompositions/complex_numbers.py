"""Decompositions of complex numbers and Fourier transforms: every transform becomes the complex one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from gradiometer.graph.decompositions.core import dot, variance

aten: Any = torch.ops.aten
Tensor = torch.Tensor


def _as_complex(x: Tensor) -> Any:
    return aten._to_copy(x, dtype=torch.promote_types(x.dtype, torch.complex64))


def _polar(size: Tensor, angle: Tensor) -> Any:
    """|z| (cos θ + i sin θ)."""
    return aten.complex(size * aten.cos(angle), size * aten.sin(angle))


def _sgn(x: Tensor) -> Any:
    return NotImplemented if x.is_complex() else aten.sign(x)


def _vdot(x: Tensor, y: Tensor) -> Any:
    """xᴴy."""
    return dot(x.conj(), y)


def _variance(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    """The variance; of a complex tensor, the sum of those of its parts."""
    if not x.is_complex():
        return variance(x, dim, correction=correction, keepdim=keepdim)
    parts = torch.view_as_real(x).unbind(-1)
    return sum(variance(part, dim, correction=correction, keepdim=keepdim) for part in parts)


def _standard_deviation(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    return aten.sqrt(_variance(x, dim, correction=correction, keepdim=keepdim))


def _from_real(x: Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> Any:
    """The transform of real numbers; `onesided` keeps the first half of the last dimension."""
    full = aten._fft_c2c(_as_complex(x), dim, normalization, True)
    return aten.slice(full, dim[-1], 0, x.shape[dim[-1]] // 2 + 1) if onesided else full


def _to_real(x: Tensor, dim: Sequence[int], normalization: int, last_dim_size: int) -> Any:
    """The inverse transform of the first half of a Hermitian tensor.

    The other half is the conjugate, so the result is the real part of a transform in which the entries of the last
    dimension count twice, except the first one and, for an even size, the one in the middle.
    """
    *others, last = (d % x.dim() for d in dim)
    kept = last_dim_size // 2 + 1
    x = aten.slice(x, last, 0, kept)
    if others:
        x = aten._fft_c2c(x, others, normalization, False)
    weights = torch.full((kept,), 2.0, dtype=x.real.dtype, device=x.device)
    weights[0] = 1.0
    if last_dim_size % 2 == 0:
        weights[-1] = 1.0
    x = x * weights.reshape([kept if d == last else 1 for d in range(x.dim())])
    missing = last_dim_size - x.shape[last]
    shape = [missing if d == last else n for d, n in enumerate(x.shape)]
    x = torch.cat([x, torch.zeros(shape, dtype=x.dtype, device=x.device)], last)
    return torch.view_as_real(aten._fft_c2c(x, [last], normalization, False)).select(-1, 0)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten._fft_c2r.default: _to_real,
    aten._fft_r2c.default: _from_real,
    aten.polar.default: _polar,
    aten.sgn.default: _sgn,
    aten.std.correction: _standard_deviation,
    aten.var.correction: _variance,
    aten.vdot.default: _vdot,
}
"""Operation overload → its decomposition."""
