"""Embeddings and operations on positions agree with PyTorch in value, derivative and backward graph."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import trace
from tests.bench.graph.operations.agreement import assert_agreement, floats
from tests.bench.graph.operations.test_convolution import cubed, normal

X, Y = normal(3, 4), normal(3, 4)
ROWS = torch.tensor([2, 0, 2, 2])
PLACES = torch.tensor([[0, 2, 1, 0], [2, 2, 0, 1]])
BAGS, OFFSETS = torch.tensor([0, 2, 1, 1, 2]), torch.tensor([0, 2, 2])
MASK = torch.tensor([[True, False, True, True], [False, False, True, False], [True, True, False, False]])


def reductions(x, y):
    kinds = ("sum", "mean", "amax", "amin")
    return [x.scatter_reduce(0, PLACES, y[:2], kind, include_self=own) for kind in kinds for own in (True, False)]


def slice_reductions(x, y):
    kinds = ("mean", "amax", "amin")
    return [x.index_reduce(1, ROWS, y, kind, include_self=own) for kind in kinds for own in (True, False)]


def products(x, y):
    return [
        x.scatter_reduce(0, PLACES, y[:2], "prod"), x.scatter_reduce(0, PLACES, y[:2], "prod", include_self=False),
        x.index_reduce(0, ROWS[:3], y, "prod"),
    ]  # fmt: skip


def assignments(x, y):
    out = x.clone()
    out[1, ::2] = y[0, :2]
    out[MASK] *= 2
    out[:, 1] += y[:, 2]
    out[ROWS[:2], 3] = y[2, 0]
    return out.index_put((ROWS[:3], ROWS[1:]), y[0, :3], accumulate=True)


OPERATIONS = {
    "embedding": lambda x, y: [
        functional.embedding(PLACES, x), functional.embedding(ROWS, x, padding_idx=2),
        functional.embedding(ROWS, x, scale_grad_by_freq=True),
    ],
    "embedding bag": lambda x, y: [
        functional.embedding_bag(BAGS, x, OFFSETS, mode=mode, padding_idx=1) for mode in ("sum", "mean", "max")
    ] + [functional.embedding_bag(BAGS, x, OFFSETS, mode="sum", per_sample_weights=y[0, :1].expand(5))],
    "slices": lambda x, y: [
        x.index_select(1, ROWS), x.index_add(1, ROWS, y, alpha=0.5), x.index_copy(0, ROWS[:2], y[:2]),
        x.index_fill(0, ROWS, 2.0),
    ],
    "reductions": reductions,
    "reductions of slices": slice_reductions,
    "scatters": lambda x, y: [
        x.scatter(0, PLACES[:1, 1:3], y[:1, :2]), x.scatter_add(0, PLACES, y[:2]),
        x.scatter(0, PLACES, 0.5), x.gather(0, PLACES),
    ],
    "assignments": assignments,
    "flat positions": lambda x, y: [
        x.take(PLACES), x.put(PLACES[1, 1:], y[0, 1:]), x.put(PLACES, y[:2], accumulate=True),
        x.take_along_dim(PLACES, 0),
    ],
    "constant masks": lambda x, y: [
        x[MASK], x.masked_select(MASK[:, :1]), x.masked_scatter(MASK, y), x.masked_fill(MASK, 0.5), x[MASK[0, :3]],
    ],
    "overlapping windows": lambda x, y: [x.unfold(1, 3, 1), x.as_strided((3, 3), (1, 2))],
    "moves": lambda x, y: [
        x.narrow(1, 1, 2), x.roll((1, 2), (0, 1)), x.rot90(), x.tril(1), x.triu(), x.diagonal(1), x.diag_embed(),
        x.diag(), torch.block_diag(x, y), x.repeat_interleave(2, 0), x.repeat_interleave(ROWS, 1), x.flip(0),
    ],
    "scattered views": lambda x, y: [
        x.select_scatter(y[0], 0, 1), x.slice_scatter(y[:, :2], 1, 1, 4, 2), x.diagonal_scatter(y[0, :3]),
    ],
    "results without a derivative": lambda x, y: [
        functional.one_hot(ROWS[:3], 4) * x, torch.bucketize(x, torch.tensor([-0.5, 0.5])) * y,
        torch.searchsorted(x.sort().values, y, right=True) * x,
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_positions_agree_with_pytorch(name):
    assert_agreement(cubed(OPERATIONS[name]), (X, Y))


def test_products_into_positions_agree_with_pytorch():
    """The backward graph of PyTorch branches on the data, to find zeros."""
    assert_agreement(cubed(products), (X, Y), by_torch=False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, v: x.index_copy(0, torch.tensor([1, 1]), v),
        lambda x, v: x.index_put((torch.tensor([1, 1]),), v),
        lambda x, v: x.scatter(0, torch.tensor([[1], [1]]).expand(2, 4), v),
    ],
)
def test_only_the_entry_that_stays_has_a_derivative(function):
    graph = trace(lambda x, v: function(x, v).sum(), (X, Y[:2]))
    to_x, to_v = floats(evaluate(derivative(graph, (X, Y[:2]), [0, 1]), (X, Y[:2]), balls()))
    assert to_x.tolist() == [[1] * 4, [0] * 4, [1] * 4]
    assert to_v.tolist() == [[0] * 4, [1] * 4]
