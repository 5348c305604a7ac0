"""The notebook that this project grew from: its four comparisons, with its own sizes and formulas.

The expressions are the notebook's own (builtin `sum(sum(z))`, a float32 `eye`, inputs that require gradients). A seed
makes them repeatable. The norms are absolute, of the difference of two rounded results, so they do not say which of the
two is less precise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import mm, nn, transpose


@dataclass(frozen=True)
class Norm:
    """One comparison: Frobenius norms of formula − jacobian, and of the formula."""

    problem: str
    wrt: str
    difference: float
    gradient: float


def _compare(
    problem: str, wrt: str, formula: torch.Tensor, loss: Callable[..., torch.Tensor], at: torch.Tensor
) -> Norm:
    jacobian = torch.autograd.functional.jacobian(loss, at).reshape(at.shape)
    norm = torch.linalg.matrix_norm
    return Norm(problem, wrt, norm(jacobian - formula).item(), norm(formula).item())


def one_sample(generator: torch.Generator) -> list[Norm]:
    """N = 6, M = 5: L = (Y − W2 W1 Y)ᵀ(Y − W2 W1 Y), a 1 × 1 tensor."""
    N, M = 6, 5
    Y = torch.rand(N, 1, generator=generator)
    W1 = torch.rand(M, N, generator=generator).requires_grad_()
    W2 = torch.rand(N, M, generator=generator).requires_grad_()

    def loss(W1: torch.Tensor, W2: torch.Tensor) -> torch.Tensor:
        return mm(transpose(Y - mm(W2, mm(W1, Y)), 0, 1), Y - mm(W2, mm(W1, Y)))

    gap, moment = mm(W2, W1) - torch.eye(N), mm(Y, transpose(Y, 0, 1))
    by_hand_W1 = 2 * mm(mm(transpose(W2, 0, 1), gap), moment)
    by_hand_W2 = 2 * mm(mm(gap, moment), transpose(W1, 0, 1))
    return [
        _compare("linear_autoencoder", "W1", by_hand_W1, lambda at: loss(at, W2), W1),
        _compare("linear_autoencoder", "W2", by_hand_W2, lambda at: loss(W1, at), W2),
    ]


def many_samples(generator: torch.Generator) -> list[Norm]:
    """n = 6, p = 5, m = 4: the sum of squares over m, and MSELoss times n."""
    n, p, m = 6, 5, 4
    X = torch.rand(m, n, generator=generator)
    W1 = torch.rand(p, n, generator=generator).requires_grad_()
    W2 = torch.rand(n, p, generator=generator).requires_grad_()

    def loss_of_W1(W1: torch.Tensor) -> torch.Tensor:
        z = mm(X, mm(transpose(W1, 0, 1), transpose(W2, 0, 1))) - X
        total: torch.Tensor = sum(sum(torch.mul(z, z)))  # type: ignore[call-overload]  # as in the notebook
        return total / m

    def loss_of_W2(W2: torch.Tensor) -> torch.Tensor:
        mse: torch.Tensor = nn.MSELoss()(mm(X, mm(transpose(W1, 0, 1), transpose(W2, 0, 1))), X)
        return mse * n

    gap, moment = mm(W2, W1) - torch.eye(n), mm(transpose(X, 0, 1), X)
    by_hand_W1 = 2 * mm(mm(transpose(W2, 0, 1), gap), moment) / m
    by_hand_W2 = 2 * mm(mm(gap, moment), transpose(W1, 0, 1)) / m
    return [
        _compare("linear_autoencoder_batch", "W1", by_hand_W1, loss_of_W1, W1),
        _compare("linear_autoencoder_batch_mse", "W2", by_hand_W2, loss_of_W2, W2),
    ]


def norms(seed: int = 0) -> list[Norm]:
    """The four comparisons, in the order of the notebook."""
    generator = torch.Generator().manual_seed(seed)
    return [*one_sample(generator), *many_samples(generator)]
