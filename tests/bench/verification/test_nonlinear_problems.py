"""Nonlinear problems: a right gradient is accepted and a wrong one refused."""

from __future__ import annotations

import pytest
import torch

from gradiometer.verification import verify
from tests.bench.verification.small_problems import make


def tanh_loss(X, W1, b1, W2, b2):
    return ((torch.tanh(X @ W1.T + b1) @ W2.T + b2 - X) ** 2).sum() / len(X)


def tanh_gradient(X, W1, b1, W2, b2):
    H = torch.tanh(X @ W1.T + b1)
    D = 2 * (H @ W2.T + b2 - X) / len(X)
    G = (D @ W2) * (1 - H * H)
    return G.T @ X, G.sum(0), D.T @ H, D.sum(0)


def tanh_mistake(X, W1, b1, W2, b2):
    H = torch.tanh(X @ W1.T + b1)
    D = 2 * (H @ W2.T + b2 - X) / len(X)
    G = (D @ W2) * (1 - H)
    return G.T @ X, G.sum(0), D.T @ H, D.sum(0)


def logistic_loss(A, y, x):
    return torch.nn.functional.binary_cross_entropy_with_logits(A @ x, y, reduction="sum")


def cross_entropy_loss(X, T, W):
    return -(torch.log_softmax(X @ W, 1) * T).sum() / len(X)


def one_hot(data, dims, generator):
    classes = torch.randint(dims["k"], (dims["m"],), generator=generator)
    return {"T": torch.eye(dims["k"], dtype=torch.float64)[classes]}


def layer_norm_loss(X, g, b, C):
    return (torch.nn.functional.layer_norm(X, (X.shape[1],), g, b) * C).sum()


def layer_norm_gradient(X, g, b, C):
    centred = X - X.mean(1, keepdim=True)
    s = torch.rsqrt((centred * centred).mean(1, keepdim=True) + 1e-5)
    normed, d = centred * s, C * g
    return s * (d - d.mean(1, keepdim=True) - normed * (d * normed).mean(1, keepdim=True))


def layer_norm_mistake(X, g, b, C):
    centred = X - X.mean(1, keepdim=True)
    s = torch.rsqrt((centred * centred).mean(1, keepdim=True) + 1e-5)
    normed, d = centred * s, C * g
    return s * (d - normed * (d * normed).mean(1, keepdim=True))


def attention_loss(Q, K, V, C):
    return ((torch.softmax(Q @ K.T / Q.shape[1], -1) @ V) * C).sum()


def attention_gradient(Q, K, V, C):
    P = torch.softmax(Q @ K.T / Q.shape[1], -1)
    dP = C @ V.T
    dS = P * (dP - (P * dP).sum(1, keepdim=True)) / Q.shape[1]
    return dS @ K, dS.T @ Q, P.T @ C


def attention_mistake(Q, K, V, C):
    dQ, dK, dV = attention_gradient(Q, K, V, C)
    return dQ, dK * Q.shape[1], dV


NONLINEAR = {
    "tanh autoencoder": (
        tanh_loss, {"X": "m n", "W1": "p n", "b1": "p", "W2": "n p", "b2": "n"}, ("W1", "b1", "W2", "b2"),
        tanh_gradient, tanh_mistake, "W1: ", None,
    ),
    "logistic": (
        logistic_loss, {"A": "m n", "y": "m", "x": "n"}, "x",
        lambda A, y, x: A.T @ (torch.sigmoid(A @ x) - y), lambda A, y, x: A.T @ torch.sigmoid(A @ x), "missing", None,
    ),
    "softmax cross-entropy": (
        cross_entropy_loss, {"X": "m n", "T": "m k", "W": "n k"}, "W",
        lambda X, T, W: X.T @ (torch.softmax(X @ W, 1) - T) / len(X),
        lambda X, T, W: X.T @ (torch.softmax(X @ W, 1) - T), "off by a factor m",
        lambda data, dims, generator: one_hot(data, dims, generator) if data != "near_optimum" else None,
    ),
    "layer norm": (
        layer_norm_loss, {"X": "m n", "g": "n", "b": "n", "C": "m n"}, "X",
        layer_norm_gradient, layer_norm_mistake, "a term is missing", None,
    ),
    "attention": (
        attention_loss, {"Q": "n d", "K": "n d", "V": "n v", "C": "n v"}, ("Q", "K", "V"),
        attention_gradient, attention_mistake, "K: off by a factor d", None,
    ),
    "log-sum-exp": (
        lambda v: torch.logsumexp(50 * v, 0) / 50, {"v": "n"}, "v",
        lambda v: torch.softmax(50 * v, 0), lambda v: torch.softmax(v, 0), "", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NONLINEAR)
def test_a_right_gradient_is_exact_and_a_wrong_one_is_refused(name):
    loss, shapes, wrt, right, mistake, words, sample = NONLINEAR[name]
    by_hand, wrong, by_torch = verify(make(loss, {wrt: {"right": right, "mistake": mistake}}, shapes, sample=sample))
    assert by_hand.verdict == "exact", by_hand.text
    assert by_hand.digits > 150
    assert wrong.verdict == "wrong", wrong.text
    assert words in wrong.diagnosis, wrong.text
    assert by_torch.verdict in ("exact", "agrees"), by_torch.text
