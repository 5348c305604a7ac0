"""A linear autoencoder on one sample: L = ‖Y − W2 W1 Y‖².

With r = W2 W1 Y − Y:  dL = 2 rᵀ (dW2 W1 Y + W2 dW1 Y), hence

    ∂L/∂W1 = 2 W2ᵀ r Yᵀ = 2 W2ᵀ (W2 W1 − I) Y Yᵀ,
    ∂L/∂W2 = 2 r (W1 Y)ᵀ = 2 (W2 W1 − I) Y Yᵀ W1ᵀ.

Both expressions of each gradient are right. For N inputs and M hidden units, `factored` (on the left) costs 8NM flops
for W1, `textbook` (on the right) 6N²M: the order of evaluation decides which is fast. `factored` applies the factor 2
to a vector, before the outer product makes a matrix of it.
"""

import torch

from gradiometer import Problem
from gradiometer.problems.near_optimum import near_optimum


def loss(Y, W1, W2):
    residual = Y - W2 @ (W1 @ Y)
    return (residual * residual).sum()


def _gap(W1, W2):
    """W2 W1 − I, in the dtype and on the device of the inputs."""
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
    data=("near_optimum",),
    source="Baldi & Hornik 1989, Neural Networks 2(1)",
)
