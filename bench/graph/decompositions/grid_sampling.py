"""Decompositions of sampling an image at the points of a grid, in two and three dimensions.

Every dimension has taps: positions with a weight and the weight's derivative by the coordinate. The result is the sum
over all combinations of taps; a tap outside the image counts 0 where the padding is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import product
from math import prod
from typing import Any, NamedTuple

import torch

from gradiometer.graph.decompositions.resampling import cubic_convolution

aten: Any = torch.ops.aten
Tensor = torch.Tensor

LINEAR, NEAREST, CUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2


class Tap(NamedTuple):
    """Source positions, whether they are inside the image, the weight, and its derivative by the coordinate."""

    place: Tensor
    is_inside: Tensor
    weight: Any
    slope: Any


def _padded(at: Tensor, size: int, padding: int, is_aligned: bool) -> tuple[Tensor, Any]:
    """A position moved into the image as the padding says, and the derivative of that move."""
    move: Any = 1
    if padding == REFLECTION:
        low, span = (0, size - 1) if is_aligned else (-1, size)  # low is twice the position of the border
        if span == 0:
            return torch.zeros_like(at), 0
        shifted = at - low / 2
        distance = aten.abs(shifted)
        turns = aten.floor(aten.detach(distance) / span)
        is_odd = turns - 2 * aten.floor(turns / 2) == 1
        rest = distance - turns * span
        move = torch.where(shifted < 0, -1.0, 1.0).to(at.dtype) * torch.where(is_odd, -1.0, 1.0).to(at.dtype)
        at = torch.where(is_odd, span - rest, rest) + low / 2
    if padding != ZEROS:
        is_low, is_high = at <= 0, at >= size - 1
        move = torch.where(is_low | is_high, torch.zeros_like(at), torch.ones_like(at)) * move
        at = torch.where(is_low, torch.zeros_like(at), torch.where(is_high, torch.full_like(at, size - 1), at))
    return at, move


def _tap(at: Tensor, size: int, weight: Any, slope: Any) -> Tap:
    """The tap at a whole position."""
    index = at.to(torch.int64)
    return Tap(index.clamp(0, size - 1), (index >= 0) & (index < size), weight, slope)


def _nearest(at: Tensor) -> Tensor:
    """The nearest whole number; of two, the even one."""
    up = aten.floor(at + 0.5)
    is_tied_odd = (up == at + 0.5) & (up - 2 * aten.floor(up / 2) == 1)
    return torch.where(is_tied_odd, up - 1, up)


def _cubic_slopes(t: Tensor) -> list[Tensor]:
    """The derivatives of the weights of cubic convolution by t."""

    def near(d: Tensor) -> Tensor:
        return (15 * d - 18) * d / 4

    def far(d: Tensor) -> Tensor:
        return ((-9 * d + 30) * d - 24) / 4

    return [far(t + 1), near(t), -near(1 - t), -far(2 - t)]


def _taps(u: Tensor, size: int, mode: int, padding: int, is_aligned: bool) -> list[Tap]:
    """The taps of one dimension for coordinates from −1 to 1."""
    span = size - 1 if is_aligned else size
    at = ((u + 1) * span - (0 if is_aligned else 1)) / 2
    if mode == CUBIC:
        low = aten.floor(aten.detach(at))
        rows = zip(range(-1, 3), cubic_convolution(at - low), _cubic_slopes(at - low), strict=True)
        return [_tap(_padded(low + k, size, padding, is_aligned)[0], size, w, s * span / 2) for k, w, s in rows]
    at, move = _padded(at, size, padding, is_aligned)
    if mode == NEAREST:
        return [_tap(_nearest(aten.detach(at)), size, 1, 0)]
    low = aten.floor(aten.detach(at))
    slope = torch.ones_like(at) * move * span / 2
    return [_tap(low, size, 1 - (at - low), -slope), _tap(low + 1, size, at - low, slope)]


class _Samples:
    """All combinations of taps for one image and grid, with the points of the grid in one dimension."""

    def __init__(self, rank: int, x: Tensor, grid: Tensor, mode: int, padding: int, is_aligned: bool) -> None:
        self.sizes = x.shape[2:]
        flat = grid.reshape(grid.shape[0], prod(grid.shape[1:-1]), rank)
        dims = [_taps(flat[..., rank - 1 - d], size, mode, padding, is_aligned) for d, size in enumerate(self.sizes)]
        self.terms = list(product(*dims))

    def index(self, term: tuple[Tap, ...], channels: int) -> Tensor:
        """The positions of a term in the flattened image, for all channels."""
        flat = torch.zeros_like(term[0].place)
        for tap, size in zip(term, self.sizes, strict=True):
            flat = flat * size + tap.place
        return flat[:, None].expand(-1, channels, -1)

    def weight(self, term: tuple[Tap, ...], slope_of: int | None = None) -> Tensor:
        """The weight of a term, or its derivative by the coordinate of a dimension; 0 outside the image."""
        is_inside = reduce(torch.logical_and, (tap.is_inside for tap in term))
        weight = prod(tap.slope if d == slope_of else tap.weight for d, tap in enumerate(term))
        return torch.where(is_inside, weight, torch.zeros((), dtype=torch.float64))[:, None]


def grid_sample(rank: int, x: Tensor, grid: Tensor, mode: int, padding: int, is_aligned: bool) -> Any:
    """Values of images (N, C, …) at the points of grids (N, …, rank), whose coordinates are from −1 to 1."""
    samples = _Samples(rank, x, grid, mode, padding, is_aligned)
    flat = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    parts = [aten.gather(flat, 2, samples.index(term, x.shape[1])) * samples.weight(term) for term in samples.terms]
    return reduce(torch.add, parts).reshape(*x.shape[:2], *grid.shape[1:-1])


def grid_sample_backward(
    rank: int, g: Tensor, x: Tensor, grid: Tensor, mode: int, padding: int, is_aligned: bool, mask: Any
) -> Any:
    """The cotangents of the images and of the grids; None for those that the mask leaves out."""
    samples = _Samples(rank, x, grid, mode, padding, is_aligned)
    flat, g = x.reshape(*x.shape[:2], prod(x.shape[2:])), g.reshape(*g.shape[:2], prod(g.shape[2:]))
    to_x, to_grid = torch.zeros_like(flat), [torch.zeros_like(g[:, 0]) for _ in range(rank)]
    for term in samples.terms:
        index = samples.index(term, x.shape[1])
        to_x = aten.scatter_add(to_x, 2, index, g * samples.weight(term))
        found = g * aten.gather(flat, 2, index)
        for d in range(rank):
            to_grid[rank - 1 - d] = to_grid[rank - 1 - d] + aten.sum(found * samples.weight(term, d), [1])
    by_grid = torch.stack(to_grid, -1).reshape(grid.shape)
    return to_x.reshape(x.shape) if mask[0] else None, by_grid if mask[1] else None


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten.grid_sampler_2d.default: partial(grid_sample, 2),
    aten.grid_sampler_2d_backward.default: partial(grid_sample_backward, 2),
    aten.grid_sampler_3d.default: partial(grid_sample, 3),
    aten.grid_sampler_3d_backward.default: partial(grid_sample_backward, 3),
}
"""Operation overload → its decomposition."""
