"""A linear autoencoder on one sample: L = ‖Y − W2 W1 Y‖².

With r = W2 W1 Y − Y:  dL = 2 rᵀ (dW2 W1 Y + W2 dW1 Y), hence

    ∂L/∂W1 = 2 W2ᵀ r Yᵀ = 2 W2ᵀ (W2 W1 − I) Y Yᵀ,
    ∂L/∂W2 = 2 r (W1 Y)ᵀ = 2 (W2 W1 − I) Y Yᵀ W1ᵀ.

Both ways of writing each are right. For N inputs and M hidden units, the left one (`factored`) costs 8NM flops for W1
and the right one (`textbook`) 6N²M, so the order of evaluation, not the derivation, decides whether it pays. For the
same reason `factored` doubles a vector, not the matrix that it becomes.
"""

import torch

from gradiometer.problems.near_optimum import near_optimum
from gradiometer.problems.problem import Problem


def loss(Y, W1, W2):
    residual = Y - W2 @ (W1 @ Y)
    return (residual * residual).sum()


def _gap(W1, W2):
    """W2 W1 − I, the identity in the inputs' own dtype and device."""
    return W2 @ W1 - torch.eye(len(W2), dtype=W2.dtype, device=W2.device)


def textbook_W1(Y, W1, W2):
    return 2 * ((W2.T @ _gap(W1, W2)) @ (Y @ Y.T))


def textbook_W2(Y, W1, W2):
    return 2 * ((_gap(W1, W2) @ (Y @ Y.T)) @ W1.T)


def textbook_both(Y, W1, W2):
    gap, moment = _gap(W1, W2), Y @ Y.T
    return 2 * ((W2.T @ gap) @ moment), 2 * ((gap @ moment) @ W1.T)


def factored_W1(Y, W1, W2):
    return (2 * (W2.T @ (W2 @ (W1 @ Y) - Y))) @ Y.T


def factored_W2(Y, W1, W2):
    Z = W1 @ Y
    return (2 * (W2 @ Z - Y)) @ Z.T


def factored_both(Y, W1, W2):
    Z = W1 @ Y
    doubled = 2 * (W2 @ Z - Y)
    return (W2.T @ doubled) @ Y.T, doubled @ Z.T


problem = Problem(
    name="linear_autoencoder",
    label="Linear autoencoder, one sample",
    loss=loss,
    shapes={"Y": "n 1", "W1": "p n", "W2": "n p"},
    dims={"n": 1.0, "p": 0.5},
    gradients={
        "W1": {"textbook": textbook_W1, "factored": factored_W1},
        "W2": {"textbook": textbook_W2, "factored": factored_W2},
        ("W1", "W2"): {"textbook": textbook_both, "factored": factored_both},
    },
    sample=near_optimum("Y"),
    source="Baldi & Hornik 1989, Neural Networks 2(1)",
)
