"""Decompositions of padding, interpolation, sampling on a grid, and shuffles of pixels and channels.

Interpolation is linear in the image: one matrix for each dimension. Its weights are quotients of integers, so an exact
arithmetic evaluates them without rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial
from math import floor, lcm
from typing import Any

import numpy as np
import torch

aten: Any = torch.ops.aten
Tensor = torch.Tensor
Weights = list[dict[int, Fraction]]
"""For each output position, the weights of the source positions."""

LARGEST = 2**53
"""Largest integer up to which float64 holds all integers."""


def _constant(values: Any, dtype: Any) -> Tensor:
    """A tensor that no operation makes, so that the graph has a constant in its place."""
    return torch.from_numpy(np.array(values, dtype=dtype))


def pad_constant(x: Tensor, padding: Sequence[int], value: Any = 0) -> Any:
    """A pad with a number other than 0; the pad with 0 only moves entries."""
    if value == 0:
        return NotImplemented
    inside = aten.constant_pad_nd(torch.ones(x.shape, dtype=torch.bool), padding)
    return aten.where(inside, aten.constant_pad_nd(x, padding), torch.full((), value, dtype=x.dtype))


def _reflected(size: int, before: int, after: int) -> list[int]:
    return [size - 1 - abs(size - 1 - abs(i)) for i in range(-before, size + after)]


def _replicated(size: int, before: int, after: int) -> list[int]:
    return [min(max(i, 0), size - 1) for i in range(-before, size + after)]


def _columns(place: Callable[[int, int, int], list[int]], shape: Sequence[int], padding: Sequence[int]) -> Any:
    """(dimension, source position of each output) of each padded dimension; `padding` starts with the last one."""
    for d in range(len(padding) // 2):
        dim = len(shape) - 1 - d
        yield dim, _constant(place(shape[dim], padding[2 * d], padding[2 * d + 1]), np.int64)


def pad(place: Callable[[int, int, int], list[int]], x: Tensor, padding: Sequence[int]) -> Any:
    """A pad whose entries are entries of x."""
    for dim, index in _columns(place, x.shape, padding):
        x = aten.index_select(x, dim, index)
    return x


def _selected_backward(g: Tensor, dim: int, index: Tensor, size: int) -> Any:
    empty = torch.zeros(*g.shape[:dim], size, *g.shape[dim + 1 :], dtype=g.dtype)
    return aten.index_put(empty, [*[None] * dim, index], g, True)


def pad_backward(place: Callable[[int, int, int], list[int]], g: Tensor, x: Tensor, padding: Sequence[int]) -> Any:
    """The cotangent of a pad whose entries are entries of x."""
    for dim, index in _columns(place, x.shape, padding):
        g = _selected_backward(g, dim, index, x.shape[dim])
    return g


def _scale(size: int, out: int, is_aligned: bool, factor: float | None) -> Fraction:
    """Distance of the sources of neighbouring outputs."""
    if is_aligned:
        return Fraction(size - 1, out - 1) if out > 1 else Fraction(0)
    return 1 / Fraction(factor) if factor is not None and factor > 0 else Fraction(size, out)


def _source(i: int, scale: Fraction, is_aligned: bool) -> Fraction:
    return i * scale if is_aligned else (i + Fraction(1, 2)) * scale - Fraction(1, 2)


def linear_weights(size: int, out: int, is_aligned: bool, factor: float | None) -> Weights:
    """Linear interpolation between the two nearest source positions."""
    found: Weights = []
    scale = _scale(size, out, is_aligned, factor)
    for i in range(out):
        at = min(max(_source(i, scale, is_aligned), Fraction(0)), Fraction(size - 1))
        low = min(floor(at), size - 1)
        found.append({low: 1 - (at - low)})
        if at > low:
            found[-1][low + 1] = at - low
    return found


def cubic_weights(size: int, out: int, is_aligned: bool, factor: float | None) -> Weights:
    """Cubic convolution with a = −3/4 on four source positions (Keys 1981, doi 10.1109/TASSP.1981.1163711)."""
    found: Weights = []
    scale = _scale(size, out, is_aligned, factor)
    for i in range(out):
        at = _source(i, scale, is_aligned)
        low, weights = floor(at), dict[int, Fraction]()
        for place, weight in zip(range(low - 1, low + 3), cubic_convolution(at - low), strict=True):
            inside = min(max(place, 0), size - 1)
            weights[inside] = weights.get(inside, Fraction(0)) + weight
        found.append(weights)
    return found


def cubic_convolution(t: Any) -> list[Any]:
    """The four weights of cubic convolution at 0 ≤ t < 1; t is a number or a tensor."""

    def near(d: Any) -> Any:
        return (5 * d - 9) * d * d / 4 + 1

    def far(d: Any) -> Any:
        return ((-3 * d + 15) * d - 24) * d / 4 + 3

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def nearest_weights(size: int, out: int, is_aligned: bool, factor: float | None, is_centred: bool = False) -> Weights:
    """The source position that PyTorch selects, which it computes in float32."""
    del is_aligned
    scale = np.float32(1 / factor) if factor is not None and factor > 0 else np.float32(size) / np.float32(out)
    shift = np.float32(0.5 if is_centred else 0)
    return [{min(int(np.floor((np.float32(i) + shift) * scale)), size - 1): Fraction(1)} for i in range(out)]


def _product(x: Tensor, dim: int, weights: Weights, size: int, is_transposed: bool = False) -> Any:
    """The product of one dimension of x with the matrix of weights, or with its transpose.

    Rows of integers are divided by their common denominator where float64 holds them; else the weights are rounded.
    """
    if all(len(row) == 1 for row in weights):
        index = _constant([place for row in weights for place in row], np.int64)
        return _selected_backward(x, dim, index, size) if is_transposed else aten.index_select(x, dim, index)
    below = [lcm(*(weight.denominator for weight in row.values())) for row in weights]
    if max(below, default=1) * 4 > LARGEST:
        below = [1] * len(weights)
    entries = np.zeros((len(weights), size))
    for i, row in enumerate(weights):
        for place, weight in row.items():
            entries[i, place] = float(weight * below[i])
    matrix, divisors = torch.from_numpy(entries), _constant(below, np.float64)
    last = x.movedim(dim, -1)
    if is_transposed:
        last = last / divisors
    rows = last.reshape(last[..., 0].numel(), last.shape[-1])
    found = aten.mm(rows, matrix if is_transposed else matrix.t())
    if not is_transposed:
        found = found / divisors
    return found.reshape(*last.shape[:-1], found.shape[1]).movedim(-1, dim)


def _options(rank: int, is_aligning: bool, options: Sequence[Any]) -> tuple[bool, list[float | None]]:
    """Whether corners are aligned, and the scale factor of each dimension."""
    is_aligned = bool(options[0]) if is_aligning else False
    factors = list(options[1 if is_aligning else 0 :])
    return is_aligned, factors + [None] * (rank - len(factors))


def resized(rank: int, weigh: Callable[..., Weights], is_aligning: bool, x: Tensor, out: Any, *options: Any) -> Any:
    """An interpolation of the last `rank` dimensions."""
    is_aligned, factors = _options(rank, is_aligning, options)
    for dim, (n, factor) in enumerate(zip(out, factors, strict=True), 2):
        x = _product(x, dim, weigh(x.shape[dim], n, is_aligned, factor), x.shape[dim])
    return x


def resized_backward(
    rank: int, weigh: Callable[..., Weights], is_aligning: bool, g: Tensor, out: Any, sizes: Any, *options: Any
) -> Any:
    """The cotangent of an interpolation."""
    is_aligned, factors = _options(rank, is_aligning, options)
    for dim, (n, factor) in enumerate(zip(out, factors, strict=True), 2):
        g = _product(g, dim, weigh(sizes[dim], n, is_aligned, factor), sizes[dim], is_transposed=True)
    return g


def pixel_shuffle(x: Tensor, factor: int) -> Any:
    """Channels of depth r² become squares of r × r pixels."""
    *lead, channels, height, width = x.shape
    parts = x.reshape(*lead, channels // factor**2, factor, factor, height, width)
    return torch.einsum("...cabhw->...chawb", parts).reshape(
        *lead, channels // factor**2, height * factor, width * factor
    )


def pixel_unshuffle(x: Tensor, factor: int) -> Any:
    """Squares of r × r pixels become channels."""
    *lead, channels, height, width = x.shape
    parts = x.reshape(*lead, channels, height // factor, factor, width // factor, factor)
    return torch.einsum("...chawb->...cabhw", parts).reshape(
        *lead, channels * factor**2, height // factor, width // factor
    )


def channel_shuffle(x: Tensor, groups: int) -> Any:
    """Channels of all groups in turn."""
    parts = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    return parts.transpose(1, 2).reshape(x.shape)


def affine_grid(theta: Tensor, size: Sequence[int], is_aligned: bool) -> Any:
    """Coordinates θ·(x, y, …, 1) of the pixels of an image whose range is [−1, 1]."""
    axes: list[Tensor] = []
    for n in reversed(size[2:]):
        steps = 2 * torch.arange(n, dtype=torch.float64) - (n - 1)
        axes.append(steps / max(n - 1 if is_aligned else n, 1))
    rank = len(axes)
    grid = [axis.reshape([-1 if d == rank - 1 - i else 1 for d in range(rank)]) for i, axis in enumerate(axes)]
    shape = tuple(size[2:])
    points = torch.stack([part.expand(shape) for part in [*grid, torch.ones(shape, dtype=torch.float64)]], -1)
    flat = points.reshape(1, -1, rank + 1).expand(size[0], -1, -1)
    return aten.bmm(flat, theta.transpose(1, 2)).reshape(size[0], *shape, rank)


def _pads() -> Iterable[tuple[Any, Callable[..., Any]]]:
    for rank in (1, 2, 3):
        for name, place in (("reflection", _reflected), ("replication", _replicated)):
            yield getattr(aten, f"{name}_pad{rank}d").default, partial(pad, place)
            yield getattr(aten, f"{name}_pad{rank}d_backward").default, partial(pad_backward, place)


def _interpolations() -> Iterable[tuple[Any, Callable[..., Any]]]:
    kinds: list[tuple[str, int, Callable[..., Weights], bool]] = [
        ("upsample_linear1d", 1, linear_weights, True),
        ("upsample_bilinear2d", 2, linear_weights, True),
        ("upsample_trilinear3d", 3, linear_weights, True),
        ("upsample_bicubic2d", 2, cubic_weights, True),
    ]
    for rank in (1, 2, 3):
        kinds.append((f"upsample_nearest{rank}d", rank, nearest_weights, False))
        kinds.append((f"_upsample_nearest_exact{rank}d", rank, partial(nearest_weights, is_centred=True), False))
    for name, rank, weigh, is_aligning in kinds:
        yield getattr(aten, name).default, partial(resized, rank, weigh, is_aligning)
        yield getattr(aten, f"{name}_backward").default, partial(resized_backward, rank, weigh, is_aligning)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **dict(_pads()),
    **dict(_interpolations()),
    aten.affine_grid_generator.default: affine_grid,
    aten.channel_shuffle.default: channel_shuffle,
    aten.constant_pad_nd.default: pad_constant,
    aten.native_channel_shuffle.default: channel_shuffle,
    aten.pixel_shuffle.default: pixel_shuffle,
    aten.pixel_unshuffle.default: pixel_unshuffle,
}
"""Operation overload → its decomposition."""
