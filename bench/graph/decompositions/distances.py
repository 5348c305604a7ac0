"""Decompositions of distances between rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from gradiometer.graph.decompositions.linear_algebra import vector_norm

aten: Any = torch.ops.aten
Tensor = torch.Tensor


def _differences(a: Tensor, b: Tensor) -> Any:
    """The difference of every row of a and every row of b."""
    return a.unsqueeze(-2) - b.unsqueeze(-3)


def _distances(a: Tensor, b: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Any:
    return vector_norm(_differences(a, b), p, [-1])


def _pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """The two rows of every pair i < j."""
    rows = x.shape[0]
    pairs = [(i, j) for i in range(rows) for j in range(i + 1, rows)]
    first, second = (
        torch.tensor([pair[side] for pair in pairs], dtype=torch.int64, device=x.device) for side in (0, 1)
    )
    return first, second


def _pair_distances(x: Tensor, p: float = 2.0) -> Any:
    first, second = _pairs(x)
    return vector_norm(aten.index_select(x, 0, first) - aten.index_select(x, 0, second), p, [-1])


def _slopes(difference: Tensor, p: float) -> Any:
    """The derivative of the p-norm along the last dimension; 0 for the zero vector."""
    size, nothing = aten.abs(difference), torch.zeros_like(difference)
    if p == 0:
        return nothing
    if p == 1:
        return aten.sign(difference)
    if p == float("inf"):
        return aten.where(size == aten.amax(size, [-1], True), aten.sign(difference), nothing)
    length = vector_norm(difference, p, [-1], True)
    is_apart = length > 0
    length = aten.where(is_apart, length, torch.ones_like(length))
    share = difference if p == 2 else aten.sign(difference) * aten.pow(aten.where(size > 0, size, 1 + nothing), p - 1)
    return aten.where(is_apart, share / aten.pow(length, p - 1), nothing)


def _distances_backward(g: Tensor, a: Tensor, b: Tensor, p: float, _: Tensor) -> Any:
    """The cotangent of the first operand."""
    return aten.sum(g.unsqueeze(-1) * _slopes(_differences(a, b), p), [-2])


def _pair_distances_backward(g: Tensor, x: Tensor, p: float, _: Tensor) -> Any:
    first, second = _pairs(x)
    part = g.unsqueeze(-1) * _slopes(aten.index_select(x, 0, first) - aten.index_select(x, 0, second), p)
    sent = aten.index_put(torch.zeros_like(x), [first], part, True)
    return aten.index_put(sent, [second], -part, True)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten._cdist_backward.default: _distances_backward,
    aten._cdist_forward.default: _distances,
    aten._euclidean_dist.default: _distances,
    aten._pdist_backward.default: _pair_distances_backward,
    aten._pdist_forward.default: _pair_distances,
}
"""Operation overload → its decomposition."""
