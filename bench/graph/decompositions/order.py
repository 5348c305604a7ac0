"""Decompositions of products, scans and order statistics.

Products and scans are computed by doubling: log₂ n steps of products of whole slices. This needs no division, so the
derivative is right where entries are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

aten: Any = torch.ops.aten
Tensor = torch.Tensor


def _typed(x: Tensor, dtype: torch.dtype | None) -> Tensor:
    return x if dtype is None or dtype == x.dtype else x.to(dtype)


def product(x: Tensor, *, dtype: torch.dtype | None = None) -> Any:
    """The product of all entries."""
    return product_along(x.reshape(x.numel()), 0, dtype=dtype)


def product_along(x: Tensor, dim: int, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    """The product along a dimension: the first half times the second, until one entry is left."""
    if not x.is_floating_point():
        return NotImplemented
    x = _typed(x, dtype)
    if not x.dim():
        return x.clone()
    if not x.shape[dim]:
        return torch.ones_like(aten.sum(x, [dim], keepdim))
    while (n := x.shape[dim]) > 1:
        half = aten.slice(x, dim, 0, n // 2) * aten.slice(x, dim, n // 2, n // 2 * 2)
        x = half if n % 2 == 0 else aten.cat([half, aten.slice(x, dim, n - 1)], dim)
    return x.clone() if keepdim else x.squeeze(dim)


def _scan(combine: Callable[[Tensor, Tensor], Any], x: Tensor, dim: int) -> Any:
    """The first 1, 2, … entries combined along a dimension, by doubling (Hillis & Steele 1986)."""
    shift = 1
    while x.dim() and shift < x.shape[dim]:
        n = x.shape[dim]
        later = combine(aten.slice(x, dim, 0, n - shift), aten.slice(x, dim, shift))
        x = aten.cat([aten.slice(x, dim, 0, shift), later], dim)
        shift *= 2
    return aten.clone(x)


def cumulative_product(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Any:
    """The products of the first 1, 2, … entries along a dimension."""
    return _scan(torch.mul, _typed(x, dtype), dim) if x.is_floating_point() else NotImplemented


def _log_add_exp(a: Tensor, b: Tensor) -> Any:
    """log(eᵃ + eᵇ). The shift keeps float64 finite for large entries; it is a constant for the derivative."""
    shift = aten.detach(aten.maximum(a, b))
    shift = torch.where(shift == -torch.inf, torch.zeros_like(shift), shift)
    return aten.log(aten.exp(a - shift) + aten.exp(b - shift)) + shift


def log_cumulative_sum_exp(x: Tensor, dim: int) -> Any:
    """log Σ exp of the first 1, 2, … entries along a dimension."""
    return _scan(_log_add_exp, x, dim)


def larger_number(a: Tensor, b: Tensor) -> Any:
    """The larger of two entries, or the one that is not NaN. PyTorch passes the cotangent of ties to a."""
    is_missing = aten.isnan(b)
    return torch.where((a >= torch.where(is_missing, a, b)) | is_missing, a, b)


def smaller_number(a: Tensor, b: Tensor) -> Any:
    """The smaller of two entries, or the one that is not NaN. PyTorch passes the cotangent of ties to a."""
    is_missing = aten.isnan(b)
    return torch.where((a <= torch.where(is_missing, a, b)) | is_missing, a, b)


def _middle(select: Callable[..., Any], x: Tensor) -> Any:
    """The median of all entries. PyTorch shares the cotangent equally among entries that are equal to it."""
    flat = x.reshape(x.numel())
    value = aten.detach(select(flat, 0)[0])
    is_equal = torch.where(aten.isnan(flat), value + 1, flat) == value
    return aten.sum(aten.where(is_equal, flat, torch.zeros_like(flat))) / aten.sum(is_equal).to(x.dtype)


def median(x: Tensor) -> Any:
    """The median of all entries, the lower one of two; NaN where an entry is NaN."""
    return _middle(aten.median, x) if x.is_floating_point() else NotImplemented


def nan_median(x: Tensor) -> Any:
    """The median of all entries that are not NaN."""
    return _middle(aten.nanmedian, x) if x.is_floating_point() else NotImplemented


def nan_sum(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    """The sum of the entries that are not NaN."""
    x = _typed(x, dtype)
    return aten.sum(aten.where(aten.isnan(x), torch.zeros_like(x), x), dim, keepdim)


def _largest_and_smallest(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Both extremes. PyTorch shares their cotangents equally among ties."""
    dims = list(range(x.dim())) if dim is None else [dim]
    return aten.amin(x, dims, keepdim), aten.amax(x, dims, keepdim)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten.aminmax.default: _largest_and_smallest,
    aten.cumprod.default: cumulative_product,
    aten.fmax.default: larger_number,
    aten.fmin.default: smaller_number,
    aten.logcumsumexp.default: log_cumulative_sum_exp,
    aten.median.default: median,
    aten.nanmedian.default: nan_median,
    aten.nansum.default: nan_sum,
    aten.prod.default: product,
    aten.prod.dim_int: product_along,
}
"""Operation overload → its decomposition."""
