"""Decompositions of convolutions, pooling, unfold and fold.

Each is a gather of windows by constant positions, followed by a matrix product, a sum or a maximum; a backward pass
adds cotangents at the same positions. Position 0 holds the padding; entry i of a flattened image is at i + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch

aten: Any = torch.ops.aten
Tensor = torch.Tensor
Table = np.ndarray[Any, np.dtype[np.int64]]
"""Source positions in one dimension, one row for each output position; −1 outside the image."""


def _each(value: Any, count: int) -> list[int]:
    """An option of each dimension; one number holds for all."""
    values = [value] if isinstance(value, int) else list(value)
    return values * count if len(values) == 1 else values


def _table(size: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> Table:
    """The windows of a convolution in one dimension."""
    found = np.arange(out)[:, None] * stride - padding + np.arange(kernel) * dilation
    return np.where((found >= 0) & (found < size), found, -1)


def _transposed_table(size: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> Table:
    """The inputs that a transposed convolution combines into each output in one dimension."""
    scaled = np.arange(out)[:, None] + padding - np.arange(kernel) * dilation
    found = scaled // stride
    return np.where((scaled % stride == 0) & (found >= 0) & (found < size), found, -1)


def _adaptive_table(size: int, out: int) -> Table:
    """The windows of an adaptive pooling in one dimension: from ⌊i·size/out⌋ up to ⌈(i + 1)·size/out⌉."""
    starts = np.arange(out)[:, None] * size // out
    ends = -(-(np.arange(out)[:, None] + 1) * size // out)
    found = starts + np.arange(int((ends - starts).max(initial=1)))
    return np.where(found < ends, found, -1)


def _positions(tables: Sequence[Table], sizes: Sequence[int]) -> Tensor:
    """Positions in a flattened image with padding, of shape (window entries, outputs)."""
    rank = len(tables)
    found = np.ones([1] * (2 * rank), dtype=np.int64)
    outside = np.zeros([1] * (2 * rank), dtype=bool)
    for d, table in enumerate(tables):
        shape = [1] * (2 * rank)
        shape[d], shape[rank + d] = table.shape[1], table.shape[0]
        spread = table.T.reshape(shape)
        found = found + spread * prod(sizes[d + 1 :])
        outside = outside | (spread < 0)
    flat = np.where(outside, 0, found).reshape(prod(table.shape[1] for table in tables), -1)
    return torch.from_numpy(np.ascontiguousarray(flat))


def _windows(x: Tensor, places: Tensor, fill: float = 0.0) -> Any:
    """Windows (N, C, window entries, outputs) of images (N, C, …)."""
    padding = torch.full((*x.shape[:2], 1), fill, dtype=x.dtype)
    flat = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    found = aten.index_select(aten.cat([padding, flat], 2), 2, places.reshape(-1))
    return found.reshape(*x.shape[:2], *places.shape)


def _added(windows: Tensor, places: Tensor, sizes: Sequence[int]) -> Any:
    """Images (N, C, *sizes) with the entries of windows added at their positions; the adjoint of `_windows`."""
    empty = torch.zeros(*windows.shape[:2], prod(sizes) + 1, dtype=windows.dtype)
    found = aten.index_put(empty, [None, None, places], windows, True)
    return aten.slice(found, 2, 1).reshape(*windows.shape[:2], *sizes)


class _Geometry:
    """Shapes and positions of one convolution, and its operands as matrices, one for each group."""

    def __init__(self, x: Tensor, weight: Tensor, options: Sequence[Any]) -> None:
        stride, padding, dilation, self.is_transposed, extra, self.groups = options
        self.sizes, self.kernel, rank = x.shape[2:], weight.shape[2:], x.dim() - 2
        columns = [self.sizes, self.kernel, *(_each(v, rank) for v in (stride, padding, dilation, extra))]
        self.out, tables = [], []
        for size, kernel, step, pad, spread, more in zip(*columns, strict=True):
            reach = spread * (kernel - 1)
            out = (size - 1) * step - 2 * pad + reach + more + 1
            if not self.is_transposed:
                out = (size + 2 * pad - reach - 1) // step + 1
            table = _transposed_table if self.is_transposed else _table
            tables.append(table(size, out, kernel, step, pad, spread))
            self.out.append(out)
        self.places = _positions(tables, self.sizes)
        self.channels = weight.shape[1] * self.groups if self.is_transposed else weight.shape[0]

    def columns(self, x: Tensor) -> Any:
        """The windows as matrices (groups, channels of a group · kernel, N · outputs)."""
        n, channels = x.shape[:2]
        found = _windows(x, self.places).reshape(n, self.groups, channels // self.groups, *self.places.shape)
        inner = channels // self.groups * self.places.shape[0]
        return found.permute(1, 2, 3, 0, 4).reshape(self.groups, inner, n * self.places.shape[1])

    def kernels(self, weight: Tensor) -> Tensor:
        """The weight as matrices (groups, outputs of a group, channels of a group · kernel)."""
        if not self.is_transposed:
            return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)
        parts = weight.reshape(self.groups, weight.shape[0] // self.groups, weight.shape[1], -1)
        return parts.permute(0, 2, 1, 3).reshape(self.groups, weight.shape[1], -1)

    def results(self, y: Tensor, n: int) -> Tensor:
        """Matrices (groups, outputs of a group, N · outputs) as images."""
        parts = y.reshape(self.groups, self.channels // self.groups, n, prod(self.out))
        return parts.permute(2, 0, 1, 3).reshape(n, self.channels, *self.out)

    def cotangents(self, g: Tensor) -> Tensor:
        """Images as matrices (groups, outputs of a group, N · outputs)."""
        n, inner, count = g.shape[0], self.channels // self.groups, prod(self.out)
        parts = g.reshape(n, self.groups, inner, count)
        return parts.permute(1, 2, 0, 3).reshape(self.groups, inner, n * count)


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Any:
    """A convolution or transposed convolution as a product of the weight with the windows."""
    geometry = _Geometry(x, weight, options)
    y = geometry.results(aten.bmm(geometry.kernels(weight), geometry.columns(x)), x.shape[0])
    return y if bias is None else y + bias.reshape(-1, *[1] * len(geometry.out))


def convolution_backward(g: Tensor, x: Tensor, weight: Tensor, bias_sizes: Any, *options: Any) -> Any:
    """The cotangents of a convolution's operands; None for those that the last option, the mask, leaves out."""
    geometry, mask = _Geometry(x, weight, options[:-1]), options[-1]
    n, groups, inner = x.shape[0], geometry.groups, x.shape[1] // geometry.groups
    rows = geometry.cotangents(g)
    to_x = to_weight = to_bias = None
    if mask[0]:
        columns = aten.bmm(geometry.kernels(weight).transpose(1, 2), rows)
        parts = columns.reshape(groups, inner, geometry.places.shape[0], n, prod(geometry.out)).permute(3, 0, 1, 2, 4)
        to_x = _added(parts.reshape(n, x.shape[1], *geometry.places.shape), geometry.places, geometry.sizes)
    if mask[1]:
        product = aten.bmm(rows, geometry.columns(x).transpose(1, 2))
        if geometry.is_transposed:
            product = product.reshape(groups, weight.shape[1], inner, -1).permute(0, 2, 1, 3)
        to_weight = product.reshape(weight.shape)
    if mask[2]:
        to_bias = aten.sum(g, [0, *range(2, g.dim())])
    return to_x, to_weight, to_bias


def _unfolding(sizes: Sequence[int], options: Sequence[Any]) -> Tensor:
    """The positions of `unfold`; options are kernel, dilation, padding and stride of both dimensions."""
    tables = []
    for size, kernel, dilation, padding, stride in zip(sizes, *(_each(v, 2) for v in options), strict=True):
        out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        tables.append(_table(size, out, kernel, stride, padding, dilation))
    return _positions(tables, sizes)


def unfold(x: Tensor, *options: Any) -> Any:
    """`functional.unfold`: the windows as columns."""
    if x.dim() == 3:
        return unfold(x.unsqueeze(0), *options).squeeze(0)
    found = _windows(x, _unfolding(x.shape[2:], options))
    return found.reshape(x.shape[0], x.shape[1] * found.shape[2], found.shape[3])


def fold(x: Tensor, sizes: Sequence[int], *options: Any) -> Any:
    """`functional.fold`: the sum of windows given as columns."""
    if x.dim() == 2:
        return fold(x.unsqueeze(0), sizes, *options).squeeze(0)
    places = _unfolding(sizes, options)
    return _added(x.reshape(x.shape[0], x.shape[1] // places.shape[0], *places.shape), places, sizes)


def _pooling(sizes: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> list[Table]:
    """The windows of a pooling. A window must start inside the image or its left padding."""
    rank, tables = len(sizes), []
    options = (_each(v, rank) for v in (kernel, stride or kernel, padding, dilation))
    for size, width, step, pad, spread in zip(sizes, *options, strict=True):
        out = (size + 2 * pad - spread * (width - 1) - 1 + (step - 1 if ceil else 0)) // step + 1
        out -= ceil and (out - 1) * step >= size + pad
        tables.append(_table(size, out, width, step, pad, spread))
    return tables


def _images(x: Tensor, rank: int) -> Tensor:
    """Images (N, C, …); a single image gets N = 1."""
    return x.reshape(prod(x.shape[: -rank - 1]), *x.shape[-rank - 1 :])


def _largest(x: Tensor, tables: Sequence[Table]) -> tuple[Tensor, Tensor]:
    """The largest entry of each window and its position in the flattened image."""
    rank = len(tables)
    places = _positions(tables, x.shape[-rank:])
    largest, at = aten.max(_windows(_images(x, rank), places, -torch.inf), 2)
    index = aten.gather(places - 1, 0, at.reshape(-1, places.shape[1])) if at.numel() else at
    shape = (*x.shape[:-rank], *(table.shape[0] for table in tables))
    return largest.reshape(shape), index.reshape(shape)


def max_pool(
    rank: int, x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil: bool = False
) -> Any:
    """The largest entry of each window, and its position; padding is −∞."""
    return _largest(x, _pooling(x.shape[-rank:], kernel, stride, padding, dilation, ceil))


def adaptive_max_pool(rank: int, x: Tensor, sizes: Any) -> Any:
    """The largest entry of each window of an adaptive pooling, and its position."""
    return _largest(x, list(map(_adaptive_table, x.shape[-rank:], _each(sizes, rank))))


def max_pool_backward(rank: int, g: Tensor, x: Tensor, *options: Any) -> Any:
    """The cotangent of a maximum pooling goes to the selected positions, the last option."""
    lead = x.shape[:-rank]
    empty = torch.zeros(*lead, prod(x.shape[-rank:]), dtype=g.dtype)
    index, values = (part.flatten(len(lead)) for part in (options[-1], g))
    return aten.scatter_add(empty, len(lead), index, values).reshape(x.shape)


def max_unpool(rank: int, x: Tensor, index: Tensor, sizes: Sequence[int], *_: Any) -> Any:
    """The entries at their positions in images of zeros."""
    lead = x.shape[:-rank]
    empty = torch.zeros(*lead, prod(sizes), dtype=x.dtype)
    return aten.scatter(empty, len(lead), index.flatten(len(lead)), x.flatten(len(lead))).reshape(*lead, *sizes)


def _counts(sizes: Sequence[int], tables: Sequence[Table], options: Sequence[Any]) -> Any:
    """The divisors of an average pooling, by output; options as PyTorch's, from the kernel on."""
    given: list[Any] = [*options, *((), 0, False, True, None)[len(options) - 1 :]]
    kernel, stride, padding, _, includes_padding, divisor = given
    if divisor is not None:
        return divisor
    counts = np.ones([1] * len(sizes), dtype=np.int64)
    columns = (_each(v, len(sizes)) for v in (kernel, stride or kernel, padding))
    for d, (size, table, (width, step, pad)) in enumerate(zip(sizes, tables, zip(*columns, strict=True), strict=True)):
        starts = np.arange(table.shape[0]) * step - pad
        count = np.minimum(starts + width, size + pad) - starts if includes_padding else (table >= 0).sum(1)
        counts = counts * count.reshape([-1 if i == d else 1 for i in range(len(sizes))])
    return torch.from_numpy(counts.reshape(-1)).double()


def _average(rank: int, x: Tensor, options: Sequence[Any], is_adaptive: bool) -> tuple[list[Table], Any]:
    sizes = x.shape[-rank:]
    if is_adaptive:
        tables = list(map(_adaptive_table, sizes, _each(options[0], rank)))
        valid = (_positions(tables, sizes) > 0).sum(0)
        return tables, valid.double()
    given: list[Any] = [*options, *((), 0, False)[len(options) - 1 :]]
    kernel, stride, padding, ceil = given[:4]
    tables = _pooling(sizes, kernel, stride, padding, 1, ceil)
    return tables, _counts(sizes, tables, options)


def average_pool(rank: int, x: Tensor, *options: Any, is_adaptive: bool = False) -> Any:
    """The sum of each window divided by a count."""
    tables, counts = _average(rank, x, options, is_adaptive)
    total = aten.sum(_windows(_images(x, rank), _positions(tables, x.shape[-rank:])), [2])
    return (total / counts).reshape(*x.shape[:-rank], *(table.shape[0] for table in tables))


def average_pool_backward(rank: int, g: Tensor, x: Tensor, *options: Any, is_adaptive: bool = False) -> Any:
    """The cotangent of an average pooling: each window gets its share."""
    options = (g.shape[-rank:],) if is_adaptive else options
    tables, counts = _average(rank, x, options, is_adaptive)
    places = _positions(tables, x.shape[-rank:])
    shares = _images(g, rank).flatten(2)[:, :, None] / counts
    return _added(shares.expand(-1, -1, *places.shape), places, x.shape[-rank:]).reshape(x.shape)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten._adaptive_avg_pool2d.default: partial(average_pool, 2, is_adaptive=True),
    aten._adaptive_avg_pool2d_backward.default: partial(average_pool_backward, 2, is_adaptive=True),
    aten._adaptive_avg_pool3d.default: partial(average_pool, 3, is_adaptive=True),
    aten._adaptive_avg_pool3d_backward.default: partial(average_pool_backward, 3, is_adaptive=True),
    aten.adaptive_max_pool2d.default: partial(adaptive_max_pool, 2),
    aten.adaptive_max_pool2d_backward.default: partial(max_pool_backward, 2),
    aten.adaptive_max_pool3d.default: partial(adaptive_max_pool, 3),
    aten.adaptive_max_pool3d_backward.default: partial(max_pool_backward, 3),
    aten.avg_pool2d.default: partial(average_pool, 2),
    aten.avg_pool2d_backward.default: partial(average_pool_backward, 2),
    aten.avg_pool3d.default: partial(average_pool, 3),
    aten.avg_pool3d_backward.default: partial(average_pool_backward, 3),
    aten.col2im.default: fold,
    aten.convolution.default: convolution,
    aten.convolution_backward.default: convolution_backward,
    aten.im2col.default: unfold,
    aten.max_pool2d_with_indices.default: partial(max_pool, 2),
    aten.max_pool2d_with_indices_backward.default: partial(max_pool_backward, 2),
    aten.max_pool3d_with_indices.default: partial(max_pool, 3),
    aten.max_pool3d_with_indices_backward.default: partial(max_pool_backward, 3),
    aten.max_unpool2d.default: partial(max_unpool, 2),
    aten.max_unpool3d.default: partial(max_unpool, 3),
}
"""Operation overload → its decomposition."""
