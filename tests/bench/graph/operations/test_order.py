"""Scans and order statistics agree with PyTorch in value, derivative and backward graph, also at zeros and ties."""

from __future__ import annotations

import pytest
import torch

from tests.bench.graph.operations.agreement import assert_agreement
from tests.bench.graph.operations.test_convolution import cubed, normal

X = normal(3, 5)
TIED = torch.tensor([[1.0, 3.0, 1.0, 3.0, 2.0], [0.0, 0.0, -1.0, 0.0, 2.0], [4.0, 1.0, 4.0, 0.0, 0.0]]).double()
MISSING = torch.where(torch.tensor([[0, 1, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]).bool(), torch.nan, X)
WEIGHTS = torch.arange(1.0, 6.0, dtype=torch.float64)

OPERATIONS = {
    "scans": lambda x: [x.cumsum(1), x.cumprod(1), x.cumsum(0).cumprod(0), x[0].cumprod(0)],
    "extreme scans": lambda x: [x.cummax(1).values * WEIGHTS, x.cummin(0).values * WEIGHTS],
    "log-sum-exp": lambda x: [x.logsumexp(1), (300 * x).logsumexp((0, 1)) / 300],
    "products": lambda x: [x.prod(), x.prod(1), x.prod(0, keepdim=True), x[:, :4].prod(1)],
    "sort": lambda x: [x.sort(1).values * WEIGHTS, x.sort(dim=0, descending=True, stable=True).values, torch.msort(x)],
    "positions": lambda x: [x.argsort(1) * x, x.argmax(1, keepdim=True) * x, x.argmin() * x],
    "selections": lambda x: [x.topk(3, 1).values, x.topk(2, 0, largest=False).values, x.kthvalue(2, 1).values],
    "medians": lambda x: [x.median(), x.median(1).values, x.nanmedian(0, keepdim=True).values, x.mode(1).values],
    "quantiles": lambda x: [x.quantile(torch.tensor([0.1, 0.6]).double(), 1), x.nanquantile(0.3, 0)],
    "quantiles of the data": lambda x: [x.quantile(0.3, 1, interpolation=kind) for kind in ("lower", "nearest")],
    "extremes": lambda x: [x.max(1).values, x.min(0).values, x.amax(1), x.amin((0, 1)), x.max(), *x.aminmax(dim=1)],
    "two operands": lambda x: [torch.maximum(x, x.flip(1)), torch.fmin(x, x.flip(0)), torch.fmax(x, x.flip(1))],
    "spread": lambda x: [x.std(), x.var(1, correction=0), *torch.std_mean(x, 0), *torch.var_mean(x, 1)],
    "covariance": lambda x: [x.cov(), x.cov(correction=0, aweights=WEIGHTS)],
    "differences": lambda x: [
        x.diff(n=2), x.diff(prepend=x[:, :1]), torch.trapezoid(x, dx=0.5), torch.trapezoid(x, WEIGHTS**2),
        torch.cumulative_trapezoid(x, dim=0), torch.gradient(x, dim=1)[0],
    ],
}  # fmt: skip
AT_TIES = [name for name in OPERATIONS if name not in ("covariance", "spread", "log-sum-exp", "positions", "quantiles")]


LONG = ("quantiles", "quantiles of the data")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in OPERATIONS])
def test_scans_and_order_statistics_agree_with_pytorch(name):
    assert_agreement(cubed(OPERATIONS[name]), (X,), by_torch=name != "products")


def test_log_cumulative_sum_exp_agrees_with_pytorch():
    """PyTorch's backward graph subtracts from the least float64 and needs more bits."""
    assert_agreement(cubed(lambda x: [x.logcumsumexp(1), (300 * x).logcumsumexp(0) / 300]), (X,), by_torch=False)


@pytest.mark.parametrize("name", AT_TIES)
def test_ties_and_zeros_follow_pytorch(name):
    assert_agreement(cubed(OPERATIONS[name]), (TIED,), by_torch=False)


@pytest.mark.parametrize(
    "function", [lambda x: x.nansum(1), lambda x: x.nanmean(0), lambda x: x.nanmedian(1).values, torch.nanmedian]
)
def test_missing_entries_are_left_out(function):
    assert_agreement(cubed(function), (MISSING,))
