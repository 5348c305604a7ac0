"""What a recorded call of a function says about it: constants, branches, writes, and code that calls autograd."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.recording import eager
from gradiometer.graph.trace import TraceError, trace

X = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.3
LAYER = torch.nn.Linear(3, 2, dtype=torch.float64)


def _mean_without_gradient(x):
    with torch.no_grad():
        mean = x.mean()
    return ((x - mean) ** 2).sum()


def _buffer_without_gradient(x):
    buffer = torch.zeros(3, dtype=x.dtype)
    with torch.no_grad():
        buffer.mul_(0.9).add_(x[0])
    return (x * buffer).sum()


def _written_intermediate(x):
    out = torch.zeros_like(x)
    out[x > 0] = 1.0
    out[0] = x[1] * 2
    out += x
    return (out * x).sum()


def _gradient_penalty(x):
    x = x if x.requires_grad else x.clone().requires_grad_()
    (slope,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    return (slope**2).sum()


def _penalty_of_a_saved_result(x):
    x = x if x.requires_grad else x.requires_grad_()
    (slope,) = torch.autograd.grad(torch.tanh(x).sum(), x, create_graph=True)
    return (slope**2).sum()


class _Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


LOSSES = {
    "no_grad": _mean_without_gradient,
    "buffer written under no_grad": _buffer_without_gradient,
    "detach": lambda x: (x * x.detach()).sum(),
    "torch.detach": lambda x: (x * torch.detach(x)).sum(),
    "detach of a new result": lambda x: (x * x.tanh().detach()).sum(),
    "new_tensor": lambda x: (x * x.new_tensor(x)).sum(),
    "Parameter": lambda x: (x * torch.nn.Parameter(x)).sum(),
    "penalty of a saved result": _penalty_of_a_saved_result,
    "data": lambda x: (x * x.data).sum(),
    "writes into intermediates": _written_intermediate,
    "autograd inside": _gradient_penalty,
    "autograd.Function": lambda x: _Cube.apply(x).sum(),
    "module": lambda x: LAYER(x).tanh().sum(),
    "module made inside": lambda x: torch.func.functional_call(
        torch.nn.Linear(3, 1), {"weight": x[:1], "bias": x[0, :1]}, (x,)
    ).sum(),
    "vector @ matrix": lambda x: x[0] @ x.T @ x @ x[1],
    "rms_norm": lambda x: functional.rms_norm(x, (3,)).pow(3).sum(),
    "attention": lambda x: functional.scaled_dot_product_attention(x[None], x[None], x[None]).pow(2).sum(),
    "compiled": lambda x: torch.compile(lambda y: (y.exp() * y).sum())(x),
    "vmap of grad": lambda x: torch.vmap(torch.func.grad(lambda row: (row**3).sum()))(x).pow(2).sum(),
    "jvp": lambda x: torch.func.jvp(torch.sin, (x,), (x,))[1].sum(),
    "mask of data": lambda x: x[x > 0].pow(2).sum(),
    "branch": lambda x: (x * x).sum() if x.sum() > 0 else x.sum(),
}


def _floats(values):
    return np.array([float(ball) for ball in values.ravel()]).reshape(values.shape)


@pytest.mark.parametrize("name", LOSSES)
def test_the_derivative_of_the_record_is_that_of_autograd(name):
    loss = LOSSES[name]
    with eager():
        leaf = X.clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(leaf), leaf)
    graph = trace(loss, (X,), at_point=True)
    (found,) = evaluate(derivative(graph, (X,), [0]), (X,), balls())
    assert np.allclose(_floats(found), expected.numpy(), rtol=1e-13, atol=1e-14)


def test_a_graph_knows_whether_the_call_read_the_data():
    def facts(function):
        meta = trace(function, (X,), at_point=True).meta
        return meta["branches_on_data"], meta["reads_numbers"]

    assert facts(lambda x: x.sum()) == (False, False)
    assert facts(lambda x: x[torch.tensor([True, False, True, False])].sum() * torch.tensor(3).item()) == (False, False)
    assert facts(LOSSES["branch"]) == (True, False)
    assert facts(LOSSES["mask of data"]) == (True, False)
    assert facts(lambda x: (x / x.norm().item()).sum()) == (True, True)


def test_large_inputs_are_traced_without_data():
    seen = []
    trace(lambda x: seen.append(type(x)) or (x @ x).sum(), (torch.zeros(300, 300, dtype=torch.float64),))
    assert seen != [torch.Tensor]


@pytest.mark.parametrize("function", [lambda x: x.view(-1).add_(1), lambda x: x[0].zero_() + x[1]])
def test_a_write_into_a_view_of_an_input_is_refused(function):
    with pytest.raises(TraceError, match="writes into an input"):
        trace(function, (X,))


@pytest.mark.parametrize(
    "function", [lambda x: torch.from_numpy(x.numpy() * 2), lambda x: torch.tensor(x.tolist()), lambda x: 3.0]
)
def test_a_function_that_leaves_pytorch_is_refused(function):
    with pytest.raises(TraceError):
        trace(function, (X,), at_point=True)


def test_integers_that_change_during_the_call_are_constants_with_their_value_at_each_use():
    def loss(x):
        places = torch.arange(3)
        first = x[places[:2]].sum()
        places.add_(1)
        return first + 10 * x[places[:2]].sum()

    graph = trace(loss, (X,))
    (found,) = evaluate(derivative(graph, (X,), [0]), (X,), balls())
    assert _floats(found)[:, 0].tolist() == [1.0, 11.0, 10.0, 0.0]
