"""Decompositions of embeddings and of operations on positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

aten: Any = torch.ops.aten
Tensor = torch.Tensor


def _at(dim: int, x: Tensor, index: Tensor) -> list[Tensor | None]:
    """Indices that select whole slices along a dimension."""
    return [*[None] * (dim % x.dim()), index.reshape(-1)]


def index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Any:
    """x with slices of alpha·source added along a dimension."""
    if not x.dim():
        return index_add(x.reshape(1), 0, index, source.reshape(-1), alpha=alpha).reshape(())
    return aten.index_put(x, _at(dim, x, index), source if alpha == 1 else source * alpha, True)


def index_fill(x: Tensor, dim: int, index: Tensor, value: Any) -> Any:
    """x with slices along a dimension replaced by one number."""
    if not x.dim():
        return index_fill(x.reshape(1), 0, index, value).reshape(())
    touched = (torch.arange(x.shape[dim])[:, None] == index.reshape(-1)).any(1)
    touched = touched.reshape([-1 if d == dim % x.dim() else 1 for d in range(x.dim())])
    return aten.where(touched, torch.as_tensor(value, dtype=x.dtype), x)


def _combined(x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, include_self: bool) -> Any:
    """x with the entries of source combined along a dimension into the positions in `index`.

    For prod, amax and amin, source is spread over one more dimension: one column for each position along `dim`.
    """
    if not x.dim():
        flat = _combined(x.reshape(1), 0, index.reshape(-1), source.reshape(-1), reduce, include_self)
        return flat.reshape(())
    dim = dim % x.dim()
    source = source[tuple(slice(n) for n in index.shape)]
    count = torch.zeros(x.shape, dtype=torch.int64).scatter_add(dim, index, torch.ones_like(index))
    kept = x if include_self else aten.where(count > 0, torch.zeros_like(x), x)
    if reduce in ("sum", "add", "mean"):
        total = aten.scatter_add(kept, dim, index, source)
        return total if reduce != "mean" else total / (count + int(include_self)).clamp(min=1).to(x.dtype)
    if index.shape[:dim] + index.shape[dim + 1 :] != x.shape[:dim] + x.shape[dim + 1 :]:
        index, source = _padded(x, dim, index, source)
    neutral = {"prod": 1.0, "multiply": 1.0, "amax": -torch.inf, "amin": torch.inf}[reduce]
    is_here = index.movedim(dim, -1)[..., None] == torch.arange(x.shape[dim])
    spread = aten.where(is_here, source.movedim(dim, -1)[..., None], torch.full((), neutral, dtype=x.dtype))
    own = x.movedim(dim, -1)[..., None, :]
    if include_self:
        spread = aten.cat([own, spread], -2)
    result = aten.prod(spread, -2) if neutral == 1 else (aten.amax if reduce == "amax" else aten.amin)(spread, [-2])
    result = result.movedim(-1, dim)
    return result if include_self else aten.where(count > 0, result, x)


def _padded(x: Tensor, dim: int, index: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Index and source enlarged to x's other dimensions; the new entries have the index −1, which is no position."""
    pads: list[int] = []
    for d in reversed(range(x.dim())):
        pads += [0, 0 if d == dim else x.shape[d] - index.shape[d]]
    return aten.constant_pad_nd(index + 1, pads) - 1, aten.constant_pad_nd(source, pads)


def scatter_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Any:
    """`torch.scatter_reduce` with every reduction."""
    return _combined(x, dim, index, source, reduce, include_self)


def scatter_combined(x: Tensor, dim: int, index: Tensor, source: Any, *, reduce: str) -> Any:
    """`torch.scatter` with reduce="add" or "multiply", of a tensor or a number."""
    values = source if isinstance(source, Tensor) else torch.full(index.shape, source, dtype=x.dtype)
    return _combined(x, dim, index, values, reduce, include_self=True)


def index_reduce(x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True) -> Any:
    """`torch.index_reduce`: as scatter_reduce with one index for each slice."""
    if not x.dim():
        return _combined(x, 0, index.reshape(()), source.reshape(()), reduce, include_self)
    places = index.reshape([-1 if d == dim % x.dim() else 1 for d in range(x.dim())]).expand(source.shape)
    return _combined(x, dim, places, source, reduce, include_self)


def put(x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Any:
    """`torch.put`: source written to, or added at, positions of the flattened tensor."""
    return aten.index_put(x.reshape(-1), [index.reshape(-1)], source.reshape(-1), accumulate).reshape(x.shape)


def take(x: Tensor, index: Tensor) -> Any:
    """`torch.take`: entries of the flattened tensor."""
    return aten.index(x.reshape(-1), [index])


def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Any:
    """x with the entries under the mask replaced by the first entries of source, in order."""
    x, mask = torch.broadcast_tensors(x, mask)
    place = (mask.reshape(-1).to(torch.int64).cumsum(0) - 1).clamp(min=0)
    return aten.where(mask, aten.index(source.reshape(-1), [place]).reshape(x.shape), x)


def masked_scatter_backward(g: Tensor, mask: Tensor, sizes: Any) -> Any:
    """The cotangent of the source of `masked_scatter`."""
    mask = mask.expand(g.shape).reshape(-1)
    place = (mask.to(torch.int64).cumsum(0) - 1).clamp(min=0)
    parts = aten.where(mask, g.reshape(-1), torch.zeros(mask.shape, dtype=g.dtype))
    count = max(torch.Size(sizes).numel(), 1)
    found = aten.index_put(torch.zeros(count, dtype=g.dtype), [place], parts, True)
    return found[: torch.Size(sizes).numel()].reshape(sizes)


def masked_select(x: Tensor, mask: Tensor) -> Any:
    """The entries under the mask, in order."""
    x, mask = torch.broadcast_tensors(x, mask)
    return aten.index(x.reshape(-1), [mask.reshape(-1)])


def unfold_backward(g: Tensor, sizes: Any, dim: int, size: int, step: int) -> Any:
    """The cotangent of `Tensor.unfold`: overlapping windows are added."""
    places = torch.arange(torch.Size(sizes).numel()).reshape(sizes).unfold(dim, size, step)
    empty = torch.zeros(torch.Size(sizes).numel(), dtype=g.dtype)
    return aten.index_put(empty, [places.reshape(-1)], g.reshape(-1), True).reshape(sizes)


def embedding(
    weight: Tensor, index: Tensor, padding: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """Rows of a matrix. PyTorch's derivative is 0 for the row `padding`."""
    if padding >= 0:
        is_padding = torch.arange(weight.shape[0])[:, None] == padding
        weight = aten.where(is_padding, aten.detach(weight), weight)
    rows = aten.index(weight, [index])
    if scale_grad_by_freq:  # the value is that of `rows`; the derivative is divided by the count of each row
        fixed = aten.detach(rows)
        counts = (index.reshape(-1)[:, None] == index.reshape(-1)).sum(1).reshape(*index.shape, 1)
        rows = fixed + (rows - fixed) / counts.to(weight.dtype)
    return rows


def embedding_backward(g: Tensor, index: Tensor, rows: int, padding: int, scale_grad_by_freq: bool) -> Any:
    """The cotangent of the matrix of an embedding."""
    flat, columns = index.reshape(-1), g.reshape(-1, g.shape[-1])
    if padding >= 0:
        columns = aten.where((flat == padding)[:, None], torch.zeros_like(columns), columns)
    if scale_grad_by_freq:
        columns = columns / (flat[:, None] == flat).sum(1)[:, None].to(g.dtype)
    return aten.index_put(torch.zeros(rows, g.shape[-1], dtype=g.dtype), [flat], columns, True)


def embedding_bag(
    weight: Tensor, index: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, per_sample_weights: Tensor | None = None, include_last: bool = False, padding: int = -1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Sum, mean or largest entries (mode 0, 1, 2) of the rows of each bag, and three tensors for PyTorch's backward."""
    starts = offsets[:-1] if include_last else offsets
    bags = (torch.arange(index.numel())[:, None] >= starts).sum(1) - 1
    is_used = index != padding if padding >= 0 else torch.ones_like(index, dtype=torch.bool)
    rows = embedding(weight, index, -1, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights[:, None]
    sizes = (bags == torch.arange(starts.numel())[:, None]).logical_and(is_used).sum(1)
    if mode == 2:
        is_here = ((bags == torch.arange(starts.numel())[:, None]) & is_used)[..., None]
        spread = aten.where(is_here, rows, torch.full((), -torch.inf, dtype=rows.dtype))
        nothing = torch.full((starts.numel(), 1, rows.shape[1]), -torch.inf, dtype=rows.dtype)
        largest, place = aten.max(aten.cat([spread, nothing], 1), 1)
        out = aten.where((sizes > 0)[:, None], largest, torch.zeros_like(largest))
        chosen = aten.index(torch.cat([index, torch.full((1,), -1)]), [place])
        return out, bags, sizes, chosen
    rows = aten.where(is_used[:, None], rows, torch.zeros_like(rows))
    out = aten.index_put(torch.zeros(starts.numel(), rows.shape[1], dtype=rows.dtype), [bags], rows, True)
    if mode == 1:
        out = out / sizes.clamp(min=1)[:, None].to(rows.dtype)
    return out, bags, sizes, sizes


def embedding_bag_backward(
    g: Tensor, index: Tensor, offsets: Tensor, bags: Tensor, sizes: Tensor, chosen: Tensor, rows: int,
    scale_grad_by_freq: bool, mode: int, sparse: bool, per_sample_weights: Tensor | None, padding: int = -1,
) -> Any:  # fmt: skip
    """The cotangent of the matrix of an embedding bag, from the tensors that `embedding_bag` returned."""
    if mode == 2:
        is_empty = (sizes == 0)[:, None]
        places = aten.where(is_empty, torch.zeros_like(chosen), chosen)
        empty = torch.zeros(rows, g.shape[1], dtype=g.dtype)
        return aten.scatter_add(empty, 0, places, aten.where(is_empty, torch.zeros_like(g), g))
    if mode == 1:
        g = g / sizes.clamp(min=1)[:, None].to(g.dtype)
    parts = aten.index(g, [bags])
    if per_sample_weights is not None:
        parts = parts * per_sample_weights[:, None]
    return embedding_backward(parts, index, rows, padding, scale_grad_by_freq)


def embedding_bag_weights_backward(
    g: Tensor, weight: Tensor, index: Tensor, offsets: Tensor, bags: Tensor, mode: int, padding: int = -1
) -> Any:
    """The cotangent of the weights of each entry of an embedding bag."""
    products = aten.sum(aten.index(g, [bags]) * aten.index(weight, [index]), [1])
    return aten.where(index == padding, torch.zeros_like(products), products) if padding >= 0 else products


def place_among(values: Any, boundaries: Tensor, is_right: bool, out_int32: bool) -> Any:
    """The number of boundaries below each value (with `is_right`, below or equal)."""
    number = values if isinstance(values, Tensor) else torch.as_tensor(values)
    is_below = boundaries <= number[..., None] if is_right else boundaries < number[..., None]
    return aten.sum(is_below, [-1]).to(torch.int32 if out_int32 else torch.int64)


def bucketize(values: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of boundaries below each value."""
    return place_among(values, boundaries, right, out_int32)


def searchsorted(
    ordered: Tensor, values: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Tensor | None = None,
) -> Any:  # fmt: skip
    """The number of ordered entries below each value, along the last dimension."""
    ordered = ordered if sorter is None else aten.gather(ordered, -1, sorter)
    is_right = right or side == "right"
    if ordered.dim() == 1 or not isinstance(values, Tensor):
        return place_among(values, ordered, is_right, out_int32)
    return place_among(values, ordered[..., None, :], is_right, out_int32)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten._embedding_bag.default: embedding_bag,
    aten._embedding_bag_forward_only.default: embedding_bag,
    aten._embedding_bag_backward.default: embedding_bag_backward,
    aten._embedding_bag_dense_backward.default: embedding_bag_backward,
    aten._embedding_bag_per_sample_weights_backward.default: embedding_bag_weights_backward,
    aten.bucketize.Scalar: bucketize,
    aten.bucketize.Tensor: bucketize,
    aten.embedding.default: embedding,
    aten.embedding_dense_backward.default: embedding_backward,
    aten.index_add.default: index_add,
    aten.index_fill.int_Scalar: index_fill,
    aten.index_fill.int_Tensor: index_fill,
    aten.index_reduce.default: index_reduce,
    aten.masked_scatter.default: masked_scatter,
    aten.masked_scatter_backward.default: masked_scatter_backward,
    aten.masked_select.default: masked_select,
    aten.put.default: put,
    aten.scatter.reduce: scatter_combined,
    aten.scatter.value_reduce: scatter_combined,
    aten.scatter_reduce.two: scatter_reduce,
    aten.searchsorted.Scalar: searchsorted,
    aten.searchsorted.Tensor: searchsorted,
    aten.take.default: take,
    aten.unfold_backward.default: unfold_backward,
}
"""Operation overload → its decomposition."""
