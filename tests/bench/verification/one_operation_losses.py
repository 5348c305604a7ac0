"""Losses of one operation each: family → operation → the level of evidence, the shapes of the inputs, the loss.

The level is the verdict that PyTorch's gradient of the loss gets at least. It is `wrong` where PyTorch's gradient
differs from the derivative: an assignment at a repeated index (every value gets a gradient, only the last one is
stored), softplus (exactly 1 above a threshold of 20), binary_cross_entropy (a small number is added in a quotient),
hardsigmoid (1/6 in float32), digamma and polygamma (values that are off by 3e-10), a cast to float32 and back (it
rounds, and the derivative does not). Inputs are named by the loss; their shapes are separated by semicolons.
"""

from __future__ import annotations

import inspect

import torch

from gradiometer.problems import Problem
from tests.bench.verification.one_operation import elementwise, indexing, layers, losses, other, products

FAMILIES = {
    "products": products.PRODUCTS,
    "linear algebra": products.LINEAR_ALGEBRA,
    "convolution and pooling": layers.CONVOLUTION,
    "norms and nets": layers.NETS,
    "indexing": indexing.INDEXING,
    "moves": indexing.MOVES,
    "scans and order": indexing.ORDER,
    "elementwise": elementwise.ELEMENTWISE,
    "activations": elementwise.ACTIVATIONS,
    "losses": losses.LOSSES,
    "transforms": other.TRANSFORMS,
    "complex": other.COMPLEX,
    "distributions": other.DISTRIBUTIONS,
}


def problem(family, operation):
    """The problem of a loss: its form is PyTorch's derivative with respect to all inputs, computed by autograd."""
    _, text, loss = FAMILIES[family][operation]
    names = tuple(inspect.signature(loss).parameters)
    shapes = dict(zip(names, (shape.strip() for shape in text.split(";")), strict=True))

    def by_autograd(*inputs):
        variables = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(loss(*variables), variables, materialize_grads=True)

    by_autograd.__signature__ = inspect.signature(loss)
    return Problem(
        name="one_operation",
        loss=loss,
        shapes=shapes,
        dims={token: 1.0 for shape in shapes.values() for token in shape.split() if not token.isdigit()},
        gradients={names: {"by_autograd": by_autograd}},
    )
