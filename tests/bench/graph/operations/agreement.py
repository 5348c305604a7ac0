"""Checks that a loss is evaluated and differentiated in balls as PyTorch does in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from flint import acb, ctx

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import trace


def floats(values: Sequence[Any]) -> list[Any]:
    """Arrays of balls as arrays of floats, or of complex numbers where an entry is complex."""
    return [np.array([_number(ball) for ball in value.ravel()]).reshape(value.shape) for value in values]


def _number(ball: Any) -> Any:
    return complex(ball.mid()) if isinstance(ball, acb) else float(ball)


def assert_agreement(
    loss: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor], by_torch: bool = True, tolerance: float = 1e-9
) -> None:
    """Forward, our derivative and (unless `by_torch` is false) the graph of `torch.func.grad` agree with PyTorch."""
    places = tuple(range(len(inputs)))
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    value = loss(*leaves)
    kernels = torch.autograd.grad(value, leaves, materialize_grads=True)
    graph = trace(loss, inputs)
    graphs = [derivative(graph, inputs, places)]
    if by_torch:
        graphs.append(trace(torch.func.grad(loss, places), inputs))
    with ctx.workprec(128):
        forward = evaluate(graph, inputs, balls())
        gradients = [floats(evaluate(each, inputs, balls())) for each in graphs]
    np.testing.assert_allclose(floats(forward)[0].reshape(()), value.detach().numpy(), rtol=tolerance)
    for name, gradient in zip(("our derivative", "the graph of torch.func.grad"), gradients, strict=False):
        for found, kernel in zip(gradient, kernels, strict=True):
            np.testing.assert_allclose(
                found, kernel.resolve_conj().numpy(), rtol=tolerance, atol=tolerance, err_msg=name
            )
