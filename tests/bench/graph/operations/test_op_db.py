"""PyTorch's own table of operations agrees with the traced value, the exact derivative and PyTorch's backward graph."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tests.bench.graph.operations import op_db
from tests.bench.graph.operations.op_agreement import DisagreementError, check

LEAST_AGREEING = 485
"""Operations that agree in all three. Raise it as more are supported."""


class WrongBackward(torch.autograd.Function):
    """The square, with a derivative that is off by a factor."""

    @staticmethod
    def forward(x, factor):
        return x * x

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(inputs[0])
        context.factor = inputs[1]

    @staticmethod
    def backward(context, g):
        return g * context.factor * context.saved_tensors[0], None


X = torch.tensor([0.5, -2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("function", "stage"),
    [
        (lambda x: WrongBackward.apply(x, 3.0).sum(), "derivative"),
        (lambda x: WrongBackward.apply(x, 2.0 + 1e-13).sum(), "backward"),
        (lambda x: (x * torch.rand(2)).sum(), "forward"),
    ],
)
def test_the_stage_at_which_a_function_disagrees_is_named(function, stage):
    with pytest.raises(DisagreementError) as raised:
        check(function, [X], [0])
    assert raised.value.stage == stage


@pytest.mark.parametrize("function", [lambda x: WrongBackward.apply(x, 2.0).sum(), lambda x: (0.1 * x).exp().sum()])
def test_a_function_with_the_right_derivative_agrees(function):
    assert check(function, [X], [0]) == ""


@pytest.mark.slow
def test_most_operations_of_torch_agree():
    pytest.importorskip("expecttest", reason="PyTorch's table of operations needs it; install the extra `dev`")
    found = list(op_db.results(op_db.operations()))
    counts = Counter(result.stage for result in found)
    print(counts)
    assert counts["agrees"] >= LEAST_AGREEING
    assert counts["error"] == 0
