"""Reverse mode as training loops call it."""

import torch

from gradiometer.methods.method import Call, Make, Objective


def autograd(o: Objective) -> Make:
    """torch.autograd.grad: the baseline of every time ratio."""
    leaves = o.leaves()
    return lambda: lambda: torch.autograd.grad(o.loss(*leaves), leaves)


def backward(o: Objective) -> Make:
    """loss.backward(). The call resets .grad first; otherwise the calls of a block would accumulate in it."""
    leaves = o.leaves()

    def make() -> Call:
        def call() -> tuple[torch.Tensor | None, ...]:
            for leaf in leaves:
                leaf.grad = None
            torch.autograd.backward(o.loss(*leaves))
            return tuple(leaf.grad for leaf in leaves)

        return call

    return make
