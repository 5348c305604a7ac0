"""Comparisons, casts, selections and positions: which values have no derivative, and how they are decided."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flint import arb, ctx
from torch.nn import functional

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import UndecidedError, evaluate
from gradiometer.graph.trace import trace
from tests.bench.graph.operations.agreement import assert_agreement, floats

X = torch.tensor([[0.7, -1.3, 2.2, 0.4], [1.9, 0.6, -0.8, 1.1], [-2.5, 0.3, 1.4, 0.9]], dtype=torch.float64)
V = X[0]
WEIGHTS = torch.tensor([3.0, -1.0, 2.0, 5.0], dtype=torch.float64)


def replaced(v):
    out = torch.zeros(3, dtype=v.dtype)
    out[torch.tensor([0, 0, 1])] = v[0]
    return (out * WEIGHTS[:3]).sum()


def replaced_columns(x):
    out = torch.zeros(3, 5, dtype=x.dtype)
    out[:, torch.tensor([4, 0, 2, 1])] = x
    return (out**3).sum()


LOSSES = {
    "clamp with one bound": lambda x: (x.exp().clamp(min=1.5) * x).sum(),
    "normalize": lambda x: (functional.normalize(x, dim=1) ** 3).sum(),
    "clamp between tensors": lambda x: torch.clamp(x[0], x[1], x[2] + 1).pow(2).sum(),
    "columns replaced": replaced_columns,
    "columns added": lambda x: torch.zeros(3, 5).double().index_add(1, torch.tensor([4, 0, 0, 1]), x).pow(3).sum(),
    "a number's gather": lambda x: x[0, 0].gather(0, torch.tensor(0)) * x[0, 1],
    "a number's scatter": lambda x: torch.tensor(2.0).double().scatter_add(0, torch.tensor(0), x[0, 0]) ** 2,
    "a number's smallest": lambda x: x[0, 0].min(0).values * x[0, 1],
    "an empty sum": lambda x: x[:, :0].sum(1).sum() + x.exp().sum(),
    "comparison times value": lambda x: ((x > 0.5) * x).sum(),
    "mask as a number": lambda x: ((x.exp() > 1).to(x.dtype) * x**2).sum(),
    "one-hot comparison": lambda x: ((torch.tensor([1, 0, 3])[:, None] == torch.arange(4)) * x**2).sum(),
    "logic": lambda x: (x**2 * ((x > 0) & ~(x > 1) | torch.logical_not(x < -1))).sum(),
    "truth of numbers": lambda x: (x**2 * torch.logical_and(x, x > 0)).sum() + x.any() * x[0, 0],
    "whole part": lambda x: ((x * 9).to(torch.int64) * x).sum() + (x.int() % 2 * x).sum(),
    "sum in integers": lambda x: x.detach().sum(1, dtype=torch.int64).double() @ x.sum(1),
    "argmax": lambda x: ((x.argmax(1)[:, None] == torch.arange(4)) * x**2).sum() + x.argmin() * x[0, 0],
    "lower precision": lambda x: (x.to(torch.float64) ** 2).sum() + x.isfinite().sum() * x[0, 0] + x.isnan().any(),
    "distances": lambda x: (x.exp()[:, None] - x.exp()[None]).abs().amax(2).relu().sum(),
    "masked distances": lambda x: torch.where(torch.eye(3) > 0, 1.0, (x[:, None] - x).pow(2).sum(2)).log().sum(),
    "norm at 0": lambda x: (x * 0).norm() + (x - x).norm(dim=1).sum() + x.norm(),
    "large logits": lambda x: torch.logsumexp(900 * x, 1).sum() + torch.softmax(900 * x, 1).pow(2).sum(),
    "tied max along a dimension": lambda x: (torch.stack([x[0], x[1], x[0]]).max(0).values * WEIGHTS).sum(),
    "tied max of all": lambda x: torch.stack([x.max(), x[0, 2], x[0, 1]]).max() + torch.cat([x, x]).amax(),
    "tied maximum": lambda x: torch.maximum(x, x.clone()).pow(2).sum() + torch.maximum(x.relu(), x * 0).sum(),
    "relu6 at its bounds": lambda x: functional.relu6(torch.cat([x - x, x - x + 6, x + 1])).sum(),
    "constants of the program": lambda x: x[:, int(torch.tensor(0.1) * 30)].sum() * (torch.tensor(0.3) * 10).floor(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_decisions_follow_pytorch(name):
    assert_agreement(LOSSES[name], (X,))


def test_an_assignment_whose_index_repeats_counts_once():
    """PyTorch's own gradient counts place 0 twice."""
    with ctx.workprec(128):
        (found,) = floats(evaluate(derivative(trace(replaced, (V,)), (V,), [0]), (V,), balls()))
    assert found.tolist() == [3.0 - 1.0, 0, 0, 0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.exp().log().to(torch.int64) * x,
        lambda x: x * (x.exp().log() > x),
        lambda x: torch.stack([x.exp().log(), x]).max(0).values,
        lambda x: torch.stack([x.exp().log(), x]).sort(0).values,
    ],
)
def test_an_open_decision_is_refused(function):
    x = torch.arange(1.0, 4.0, dtype=torch.float64)
    with pytest.raises(UndecidedError):
        evaluate(trace(function, (x,)), (x,), balls())


def test_an_open_decision_does_no_harm_where_both_outcomes_are_equal():
    """Correlations of a row with itself lie at the bound of a clamp."""
    assert_agreement(lambda x: (x.corrcoef() - torch.eye(3)).pow(2).sum(), (X,))
    assert_agreement(lambda x: torch.where((x.exp().log() > x).T.T | ~(x > 5), x, 2 * x).sum(), (X,))


def test_equal_expressions_are_equal_values():
    graph = trace(lambda x: torch.where(x.exp() == torch.exp(x), 1.0, 0.0) + (x.sin() - x.sin()), (V,))
    (found,) = evaluate(graph, (V,), balls())
    assert all(ball == arb(1) for ball in found)


def test_only_the_largest_entries_must_be_decided():
    x = torch.tensor([1.0, 2.0, 30.0], dtype=torch.float64)
    graph = trace(lambda x: torch.cat([x.exp().log(), x[:2]]).max(0).values, (x,))
    assert np.isclose(float(evaluate(graph, (x,), balls())[0].item()), 30.0)
