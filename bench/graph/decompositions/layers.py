"""Decompositions of activations and normalizations.

Constants such as √2 and π are computed from exact numbers. At a kink each piece belongs to the side that PyTorch's own
derivative takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._decomp import get_decompositions

from gradiometer.graph.decompositions.special import number, pi

aten: Any = torch.ops.aten
Tensor = torch.Tensor
Optional = Tensor | None

BY_TORCH = (
    "_prelu_kernel", "_prelu_kernel_backward", "celu", "channel_shuffle", "glu", "glu_backward",
    "hardsigmoid_backward", "hardswish_backward", "logit_backward", "mish_backward", "native_group_norm_backward",
    "pixel_shuffle", "pixel_unshuffle", "rrelu_with_noise_backward", "unsafe_split",
)  # fmt: skip


def _constant(value: float, like: Tensor) -> Tensor:
    return torch.full_like(like, value)


def _gelu(x: Tensor, *, approximate: str = "none") -> Any:
    """x Φ(x), or x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2 (Hendrycks & Gimpel 2016)."""
    if approximate == "none":
        return x * (1 + aten.erf(x / aten.sqrt(number(2.0, x)))) / 2
    inner = aten.sqrt(2 / pi(x)) * (x + x * x * x * 44715 / 1000000)
    return x * (1 + aten.tanh(inner)) / 2


def _gelu_backward(g: Tensor, x: Tensor, *, approximate: str = "none") -> Any:
    """The derivative of `_gelu` times g, without the rounded products of constants that PyTorch's formula contains."""
    if approximate == "none":
        density = aten.exp(-(x * x) / 2) / aten.sqrt(2 * pi(x))
        return g * ((1 + aten.erf(x / aten.sqrt(number(2.0, x)))) / 2 + x * density)
    scale = aten.sqrt(2 / pi(x))
    tanh = aten.tanh(scale * (x + x * x * x * 44715 / 1000000))
    slope = scale * (1 + x * x * 3 * 44715 / 1000000)
    return g * ((1 + tanh) + x * (1 - tanh * tanh) * slope) / 2


def _hardsigmoid(x: Tensor) -> Any:
    """(x + 3)/6 between −3 and 3, with derivative 0 on the limits."""
    return aten.where(x <= -3, _constant(0.0, x), aten.where(x >= 3, _constant(1.0, x), (x + 3) / 6))


def _hardswish(x: Tensor) -> Any:
    """x (x + 3)/6 between −3 and 3, 0 below and x above."""
    return aten.where(x <= -3, _constant(0.0, x), aten.where(x >= 3, x, x * (x + 3) / 6))


def _softshrink(x: Tensor, limit: float = 0.5) -> Any:
    return aten.where(x > limit, x - limit, aten.where(x < -limit, x + limit, _constant(0.0, x)))


def _shrunk(g: Tensor, x: Tensor, limit: float) -> Any:
    """The cotangent of softshrink and hardshrink."""
    return aten.where(aten.abs(x) <= limit, _constant(0.0, g), g)


def _mish(x: Tensor) -> Any:
    """x tanh(log(1 + eˣ)) (Misra 2019)."""
    return x * aten.tanh(aten.log1p(aten.exp(x)))


def _mean_slope(
    x: Tensor, noise: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, *_: Any
) -> Any:
    """A leaky relu with the mean of the two slopes, outside training."""
    return NotImplemented if training else aten.leaky_relu(x, (lower + upper) / 2)


def _mean_slope_and_noise(
    x: Tensor, noise: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, *_: Any
) -> Any:
    return NotImplemented if training else (aten.leaky_relu(x, (lower + upper) / 2), noise)


def _no_dropout(x: Tensor, p: float, train: bool | None) -> Any:
    """The input itself and a mask of ones where nothing is dropped."""
    return NotImplemented if train is not False and p > 0 else (aten.clone(x), torch.ones_like(x, dtype=torch.bool))


def _along(v: Tensor, x: Tensor) -> Any:
    """A vector of one number per channel as a tensor that broadcasts along the other dimensions of x."""
    return v.reshape([1, -1] + [1] * (x.dim() - 2))


def _affine(x: Tensor, weight: Optional, bias: Optional) -> Any:
    if weight is not None:
        x = x * _along(weight, x)
    return x if bias is None else x + _along(bias, x)


def _channel_sums(x: Tensor) -> Any:
    return aten.sum(x, [d for d in range(x.dim()) if d != 1])


def _batch_statistics(x: Tensor, eps: float) -> tuple[Any, Any]:
    """Mean and 1/√(variance + ε) of each channel (Ioffe & Szegedy 2015)."""
    dims = [d for d in range(x.dim()) if d != 1]
    mean = aten.mean(x, dims)
    deviation = x - _along(mean, x)
    return mean, aten.rsqrt(aten.mean(deviation * deviation, dims) + eps)


def _batch_norm(
    x: Tensor, weight: Optional, bias: Optional, mean: Optional, var: Optional, training: bool, _: float, eps: float
) -> Any:
    """(x − mean)/√(var + ε)·γ + β per channel; outside training with given statistics. Nothing is updated."""
    if training or mean is None or var is None:
        center, scale = _batch_statistics(x, eps)
        return _affine((x - _along(center, x)) * _along(scale, x), weight, bias), center, scale
    scale = aten.rsqrt(var + eps)
    out = _affine((x - _along(mean, x)) * _along(scale, x), weight, bias)
    return out, x.new_zeros(0), x.new_zeros(0)


def _batch_norm_of_batch(
    x: Tensor, weight: Optional, bias: Optional, training: bool, momentum: float, eps: float
) -> Any:
    return _batch_norm(x, weight, bias, None, None, training, momentum, eps)


def _batch_norm_backward(
    g: Tensor, x: Tensor, weight: Optional, mean: Optional, var: Optional, center: Optional, scale: Optional,
    train: bool, eps: float, output_mask: Sequence[bool],
) -> Any:  # fmt: skip
    """Cotangents of the input, γ and β."""
    if train or mean is None or var is None:
        middle, spread = _batch_statistics(x, eps)
    else:
        middle, spread = mean, aten.rsqrt(var + eps)
    normal = (x - _along(middle, x)) * _along(spread, x)
    to_x = g * _along(spread, x) if weight is None else g * _along(spread * weight, x)
    if train:
        count = x.numel() // x.shape[1]
        along = _along(_channel_sums(g) / count, x) + normal * _along(_channel_sums(g * normal) / count, x)
        to_x = to_x - along * _along(spread if weight is None else spread * weight, x)
    return to_x, _channel_sums(g * normal), _channel_sums(g)


def _group_norm(
    x: Tensor, weight: Optional, bias: Optional, n: int, channels: int, size: int, groups: int, eps: float
) -> Any:
    """(x − mean)/√(var + ε)·γ + β, with mean and variance over groups of channels (Wu & He 2018)."""
    grouped = x.reshape(n, groups, -1)
    mean = aten.mean(grouped, [2], True)
    deviation = grouped - mean
    scale = aten.rsqrt(aten.mean(deviation * deviation, [2], True) + eps)
    out = _affine((deviation * scale).reshape(x.shape), weight, bias)
    return out, mean.reshape(n, groups), scale.reshape(n, groups)


def _norm_except(v: Tensor, dim: int) -> Any:
    return aten.linalg_vector_norm(v, 2, [d for d in range(v.dim()) if d != dim % v.dim()], True)


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Any:
    """g v/‖v‖ along a dimension (Salimans & Kingma 2016)."""
    norm = _norm_except(v, dim)
    return v * (g / norm), norm.reshape(g.shape)


def _weight_norm_backward(to: Tensor, v: Tensor, g: Tensor, norms: Tensor, dim: int) -> Any:
    others = [d for d in range(v.dim()) if d != dim % v.dim()]
    along = aten.sum(to * v, others, True)
    norm = norms.reshape(along.shape)
    factor = g.reshape(along.shape) / norm
    return factor * (to - v * along / (norm * norm)), (along / norm).reshape(g.shape)


def _trilinear(
    a: Tensor, b: Tensor, c: Tensor, to_a: Sequence[int], to_b: Sequence[int], to_c: Sequence[int],
    summed: Sequence[int], unroll_dim: int = 1,
) -> Any:  # fmt: skip
    """Σ a·b·c over dimensions, after inserting dimensions into each."""

    def expanded(x: Tensor, places: Sequence[int]) -> Tensor:
        for place in sorted(places):
            x = x.unsqueeze(place)
        return x

    product = expanded(a, to_a) * expanded(b, to_b) * expanded(c, to_c)
    return aten.sum(product, list(summed)) if summed else product


OURS: dict[Any, Callable[..., Any]] = {
    aten._native_batch_norm_legit.default: _batch_norm,
    aten._native_batch_norm_legit.no_stats: _batch_norm_of_batch,
    aten._trilinear.default: _trilinear,
    aten._weight_norm_interface.default: _weight_norm,
    aten._weight_norm_interface_backward.default: _weight_norm_backward,
    aten.gelu.default: _gelu,
    aten.gelu_backward.default: _gelu_backward,
    aten.hardshrink.default: lambda x, limit=0.5: aten.where(aten.abs(x) <= limit, _constant(0.0, x), x),
    aten.hardshrink_backward.default: _shrunk,
    aten.hardsigmoid.default: _hardsigmoid,
    aten.hardswish.default: _hardswish,
    aten.mish.default: _mish,
    aten.native_batch_norm.default: _batch_norm,
    aten.native_batch_norm_backward.default: _batch_norm_backward,
    aten.native_dropout.default: _no_dropout,
    aten.native_group_norm.default: _group_norm,
    aten.rrelu_with_noise.default: _mean_slope,
    aten.rrelu_with_noise_functional.default: _mean_slope_and_noise,
    aten.softshrink.default: _softshrink,
    aten.softshrink_backward.default: _shrunk,
}

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **get_decompositions([getattr(aten, name) for name in BY_TORCH]),
    **OURS,
}
"""Operation overload → its decomposition."""
