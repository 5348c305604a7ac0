"""Functions shared by arithmetics on numpy arrays: shapes, reductions over dimensions, and gathering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]


def dims_of(x: Any, dims: Any) -> tuple[int, ...]:
    """The dimensions of a reduction as non-negative numbers; all of them where none is named."""
    named = (dims,) if isinstance(dims, int) else tuple(dims or range(len(x.shape)))
    return tuple(dim % max(1, len(x.shape)) for dim in named) if x.shape else ()


def count_of(x: Any, dims: Any) -> int:
    """Number of entries that a reduction over `dims` combines into one."""
    count = 1
    for dim in dims_of(x, dims):
        count *= x.shape[dim]
    return count


def gather_entries(parts: Sequence[Array], index: Array, zero: Any) -> Array:
    """The entries of [zero, *parts], flattened in row-major order, at the positions `index`; shaped like `index`."""
    pool = np.concatenate([np.array([zero], dtype=parts[0].dtype), *(part.ravel() for part in parts)])
    return np.asarray(pool[index], dtype=pool.dtype).reshape(index.shape)


def expand(x: Array, shape: Sequence[int], implicit: bool = False) -> Array:
    """Broadcast to `shape`; −1 in `shape` keeps a dimension."""
    lead = len(shape) - x.ndim
    return np.broadcast_to(x, [x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)])


def transpose(x: Array, one: int, other: int) -> Array:
    """Exchange two dimensions; a scalar is returned as it is."""
    return np.swapaxes(x, one, other) if x.ndim else x


def index_put(x: Array, indices: Any, values: Array, accumulate: bool = True) -> Array:
    """x with `values` added at the positions given by integer or boolean tensors."""
    places: Any = tuple(slice(None) if index is None else index.numpy() for index in indices)
    out = x.copy()
    np.add.at(out, places, values)
    return out


def scatter_add(x: Array, dim: int, index: torch.Tensor, source: Array) -> Array:
    """x with the entries of `source` added along a dimension at the positions in `index`."""
    if not x.ndim or not index.dim():
        return scatter_add(x.reshape(-1), 0, index.reshape(-1), source.reshape(-1)).reshape(x.shape)
    places = list(np.indices(index.shape))
    places[dim] = index.numpy()
    out = x.copy()
    np.add.at(out, tuple(places), source[tuple(slice(n) for n in index.shape)])
    return out


SAME_ENTRIES: Mapping[str, Callable[..., Array]] = {
    "_unsafe_view": lambda x, shape: x.reshape(shape),
    "alias": lambda x: x,
    "clone": lambda x: x,
    "expand": expand,
    "permute": np.transpose,
    "t": lambda x: x.T,
    "transpose": transpose,
    "view": lambda x, shape: x.reshape(shape),
}
"""Moves of entries that numpy supports directly, for the table of an arithmetic. They are faster than gathering."""
