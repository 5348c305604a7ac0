"""Decompositions of composite operations. They are applied while tracing, so an arithmetic needs few operations.

`core_aten_decompositions()` is not used as a whole: it also decomposes operations that an arithmetic handles better in
one piece (`eye`, views, `select_scatter`). PyTorch's own decompositions are used where they follow the mathematics;
ours replace those that round, branch on the data, or use PyTorch's internal primitives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._decomp import get_decompositions

aten: Any = torch.ops.aten
Tensor = torch.Tensor

BY_TORCH = (
    "_log_softmax", "_log_softmax_backward_data", "_safe_softmax", "_softmax", "_softmax_backward_data", "addcdiv",
    "addcmul", "addmm", "addmv", "addr", "aminmax", "baddbmm", "binary_cross_entropy", "binary_cross_entropy_backward",
    "binary_cross_entropy_with_logits", "clamp_max", "clamp_min", "diagonal_backward", "dist", "elu", "elu_backward",
    "hardtanh_backward", "huber_loss", "huber_loss_backward", "leaky_relu",
    "leaky_relu_backward", "log_sigmoid_backward", "log_sigmoid_forward", "masked_fill", "mse_loss",
    "mse_loss_backward", "native_layer_norm_backward", "nll_loss_backward", "nll_loss_forward", "norm", "rsub",
    "sigmoid_backward", "silu", "silu_backward", "smooth_l1_loss", "smooth_l1_loss_backward",
    "softplus_backward", "tanh_backward", "threshold", "threshold_backward",
)  # fmt: skip


def _dims(x: Tensor, dim: Any) -> list[int]:
    """The dimensions of a reduction; all of them where none is named."""
    named = [dim] if isinstance(dim, int) else list(dim or range(x.dim()))
    return [d % max(1, x.dim()) for d in named]


def _count(x: Tensor, dim: Any) -> int:
    return torch.Size(x.shape[d] for d in _dims(x, dim)).numel()


def dot(x: Tensor, y: Tensor) -> Any:
    """xᵀy."""
    return aten.mm(x.unsqueeze(0), y.unsqueeze(1)).reshape(())


def mv(a: Tensor, x: Tensor) -> Any:
    """A x."""
    return aten.mm(a, x.unsqueeze(1)).squeeze(1)


def extreme_of_all(reduce: Callable[..., Any]) -> Callable[[Tensor], Any]:
    """The largest (or smallest) of all entries; `reduce` is `amax` or `amin`."""
    return lambda x: reduce(x, list(range(x.dim())))


def logsumexp(x: Tensor, dim: Sequence[int], keepdim: bool = False) -> Any:
    """log Σ exp(x − max x) + max x. The shift keeps float64 finite for large x; it is a constant for the derivative."""
    dims = _dims(x, dim)
    largest = aten.detach(aten.amax(x, dims, True))
    largest = torch.where(largest == -torch.inf, torch.zeros_like(largest), largest)
    total = aten.log(aten.sum(aten.exp(x - largest), dims, True)) + largest
    return total if keepdim else total.reshape([n for d, n in enumerate(x.shape) if d not in dims])


def variance(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    """Σ(x − mean x)² / (n − correction)."""
    dims = _dims(x, dim)
    deviation = x - aten.mean(x, dims, True)
    return aten.sum(deviation * deviation, dims, keepdim) / (_count(x, dim) - (1 if correction is None else correction))


def standard_deviation(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    """The square root of the variance."""
    return aten.sqrt(variance(x, dim, correction=correction, keepdim=keepdim))


def with_mean(spread: Callable[..., Any]) -> Callable[..., Any]:
    """The variance or standard deviation, and the mean."""

    def apply(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> tuple[Any, Any]:
        mean = aten.mean(x, _dims(x, dim), keepdim)
        return spread(x, dim, correction=correction, keepdim=keepdim), mean

    return apply


def layer_norm(
    x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(x − mean)/√(var + ε)·γ + β over the trailing dimensions, with mean and 1/σ (Ba, Kiros & Hinton 2016)."""
    dims = list(range(x.dim() - len(shape), x.dim()))
    mean = aten.mean(x, dims, True)
    deviation = x - mean
    scale = aten.rsqrt(aten.mean(deviation * deviation, dims, True) + eps)
    out = deviation * scale
    if weight is not None:
        out = out * weight
    if bias is not None:
        out = out + bias
    return out, mean, scale


def hardtanh(x: Tensor, low: float = -1.0, high: float = 1.0) -> Any:
    """x limited to a range. PyTorch's derivative is 0 at both bounds, unlike that of clamp."""
    return torch.where(x <= low, torch.full_like(x, low), torch.where(x >= high, torch.full_like(x, high), x))


def power_of_scalar(base: float, exponent: Tensor) -> Any:
    """A number to the power of a tensor."""
    return aten.pow(torch.full((), base, dtype=exponent.dtype, device=exponent.device), exponent)


def scatter_number(x: Tensor, dim: int, index: Tensor, value: float) -> Any:
    """A scatter of one number to many positions."""
    return aten.scatter(x, dim, index, torch.full(index.shape, value, dtype=x.dtype, device=x.device))


def softplus(x: Tensor, beta: float = 1, threshold: float = 20) -> Any:
    """log(1 + exp(βx)) / β. PyTorch returns x where βx > threshold, which from 20 on spares an overflow and changes
    < 3e-9. This is left out here; a lower threshold is kept.
    """
    scaled = x if beta == 1 else x * beta
    smooth = aten.log1p(aten.exp(scaled)) / beta
    return smooth if threshold >= 20 else torch.where(scaled > threshold, x, smooth)


OURS: dict[Any, Callable[..., Any]] = {
    aten.dot.default: dot,
    aten.vdot.default: dot,
    aten.mv.default: mv,
    aten.max.default: extreme_of_all(aten.amax),
    aten.min.default: extreme_of_all(aten.amin),
    aten.hardtanh.default: hardtanh,
    aten.logsumexp.default: logsumexp,
    aten.var.correction: variance,
    aten.std.correction: standard_deviation,
    aten.std_mean.correction: with_mean(standard_deviation),
    aten.var_mean.correction: with_mean(variance),
    aten.native_layer_norm.default: layer_norm,
    aten._efficientzerotensor.default: torch.zeros,
    aten.pow.Scalar: power_of_scalar,
    aten.fill.Scalar: torch.full_like,
    aten.fill.Tensor: lambda x, value: value.expand(x.shape),
    aten.scatter.value: scatter_number,
    aten.sgn.default: aten.sign,
    aten.softplus.default: softplus,
    aten.trace.default: lambda x: aten.sum(aten.diagonal(x)),
}

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **get_decompositions([getattr(aten, name) for name in BY_TORCH]),
    **OURS,
}
"""Operation overload → its decomposition."""
