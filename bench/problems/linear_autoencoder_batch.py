"""A linear autoencoder on m samples, the rows of X: L = ‖X W1ᵀ W2ᵀ − X‖² / m.

With Z = X W1ᵀ, E = Z W2ᵀ − X and S = XᵀX / m:

    ∂L/∂W1 = (2/m) (E W2)ᵀ X = 2 W2ᵀ (W2 W1 − I) S,
    ∂L/∂W2 = (2/m) Eᵀ Z = 2 (W2 W1 − I) S W1ᵀ.

S does not depend on the weights. `gram_prepared` computes S once per data set, so that a call costs the same for any m;
`gram` computes S in every call. Both expand W2ᵀ(W2 W1 − I) = (W2ᵀW2) W1 − W2ᵀ, which saves a factor N/M but loses
accuracy near the optimum, where the difference cancels.
"""

import torch

from gradiometer import Form, Problem
from gradiometer.problems.near_optimum import near_optimum


def loss(X, W1, W2):
    residual = (X @ W1.T) @ W2.T - X
    return (residual * residual).sum() / len(X)


def _gap(W1, W2):
    """W2 W1 − I, in the dtype and on the device of the inputs."""
    return W2 @ W1 - torch.eye(len(W2), dtype=W2.dtype, device=W2.device)


def textbook_W1(X, W1, W2):
    return 2 * ((W2.T @ _gap(W1, W2)) @ (X.T @ X)) / len(X)


def textbook_W2(X, W1, W2):
    return 2 * ((_gap(W1, W2) @ (X.T @ X)) @ W1.T) / len(X)


def textbook_both(X, W1, W2):
    gap, moment = _gap(W1, W2), X.T @ X
    return 2 * ((W2.T @ gap) @ moment) / len(X), 2 * ((gap @ moment) @ W1.T) / len(X)


def factored_W1(X, W1, W2):
    E = (X @ W1.T) @ W2.T - X
    return 2 * ((E @ W2).T @ X) / len(X)


def factored_W2(X, W1, W2):
    Z = X @ W1.T
    return 2 * ((Z @ W2.T - X).T @ Z) / len(X)


def factored_both(X, W1, W2):
    Z = X @ W1.T
    E = Z @ W2.T - X
    return 2 * ((E @ W2).T @ X) / len(X), 2 * (E.T @ Z) / len(X)


def second_moment(X):
    return {"S": X.T @ X / len(X)}


def moment_W1(S, W1, W2):
    return 2 * (((W2.T @ W2) @ W1 - W2.T) @ S)


def moment_W2(S, W1, W2):
    C = S @ W1.T
    return 2 * (W2 @ (W1 @ C) - C)


def moment_both(S, W1, W2):
    C = S @ W1.T
    return moment_W1(S, W1, W2), 2 * (W2 @ (W1 @ C) - C)


def gram_W1(X, W1, W2):
    return moment_W1(X.T @ X / len(X), W1, W2)


def gram_W2(X, W1, W2):
    return moment_W2(X.T @ X / len(X), W1, W2)


def gram_both(X, W1, W2):
    return moment_both(X.T @ X / len(X), W1, W2)


problem = Problem(
    name="linear_autoencoder_batch",
    label="Linear autoencoder, batch, sum / m",
    loss=loss,
    shapes={"X": "m n", "W1": "p n", "W2": "n p"},
    dims={"m": 1.0, "n": 1.0, "p": 0.5},
    gradients={
        "W1": {
            "textbook": textbook_W1,
            "factored": factored_W1,
            "gram": gram_W1,
            "gram_prepared": Form(prepare=second_moment, call=moment_W1),
        },
        "W2": {
            "textbook": textbook_W2,
            "factored": factored_W2,
            "gram": gram_W2,
            "gram_prepared": Form(prepare=second_moment, call=moment_W2),
        },
        ("W1", "W2"): {
            "textbook": textbook_both,
            "factored": factored_both,
            "gram": gram_both,
            "gram_prepared": Form(prepare=second_moment, call=moment_both),
        },
    },
    sample=near_optimum("X"),
    data=("near_optimum",),
    source="Baldi & Hornik 1989, Neural Networks 2(1)",
)
