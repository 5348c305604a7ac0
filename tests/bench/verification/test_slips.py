"""Common slips in gradients, each with the kind of mistake that a diagnosis names; every second one is slow."""

from __future__ import annotations

import math

import pytest
import torch

from gradiometer.verification.coverage.places import Places
from gradiometer.verification.form_check import FormCheck
from tests.bench.verification.small_problems import make

SHAPES = {"A": "m n", "b": "m", "x": "n"}
SEED = 11


def least_squares(A, b, x):
    return ((A @ x - b) ** 2).sum() / 2


def slope(A, b, x):
    return A.T @ (A @ x - b)


def both(A, b, x):
    return torch.outer(A @ x - b, x), slope(A, b, x)


def scan(x, y):
    return (x.cumsum(0) * y).sum()


def scan_slope(x, y):
    return y.flip(0).cumsum(0).flip(0)


def softmax_loss(z, t):
    return ((torch.softmax(z, 0) - t) ** 2).sum()


def wave(x, y):
    return (torch.sin(x * y) * y).sum()


def network(W, x):
    return torch.tanh(W @ x).sum()


def network_slope(W, x):
    return torch.outer(1 - torch.tanh(W @ x) ** 2, x)


def sums(x, y):
    return (x * x).sum() + (x * y).sum() + (y * y).sum()


def products(x, y):
    return (x * x * y).sum()


def border(x, y):
    out = 2 * x
    out[0] = x[0]
    return out


def centred(x, y):
    return (((x - x.mean()) * y) ** 2).sum()


def centred_slope(x, y):
    d = 2 * (x - x.mean()) * y * y
    return d - d.mean()


VECTORS = {"x": "n", "y": "n"}
SQUARE = {"W": "n n", "x": "n"}

# name → loss, shapes, wrt, wrong gradient, kinds of which one is expected
SLIPS = {
    "factor 2": (least_squares, SHAPES, "x", lambda A, b, x: 2 * slope(A, b, x), {"factor"}),
    "half": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) / 2, {"factor"}),
    "sign": (least_squares, SHAPES, "x", lambda A, b, x: -slope(A, b, x), {"factor"}),
    "1/m": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) / len(b), {"factor"}),
    "1/√n": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) / math.sqrt(len(x)), {"factor", "unknown"}),
    "m/(m - 1)": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) * len(b) / (len(b) - 1), {"factor"}),
    "third": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) / 3, {"factor"}),
    "no b": (least_squares, SHAPES, "x", lambda A, b, x: A.T @ (A @ x), {"term", "sum"}),
    "plus b": (least_squares, SHAPES, "x", lambda A, b, x: A.T @ (A @ x + b), {"term", "sum"}),
    "b twice": (least_squares, SHAPES, "x", lambda A, b, x: A.T @ (A @ x - 2 * b), {"term", "sum"}),
    "regularised": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) + 0.25 * x, {"term"}),
    "zero": (least_squares, SHAPES, "x", lambda A, b, x: 0 * x, {"zero"}),
    "nan": (least_squares, SHAPES, "x", lambda A, b, x: slope(A, b, x) * (0 * x / (0 * x)), {"not finite"}),
    "a constant loss": (lambda x: (0 * x).sum(), {"x": "n"}, "x", lambda x: x, {"not zero"}),
    "first part": (
        least_squares, SHAPES, ("A", "x"), lambda A, b, x: (2 * both(A, b, x)[0], slope(A, b, x)), {"factor"},
    ),
    "second part": (least_squares, SHAPES, ("A", "x"), lambda A, b, x: (both(A, b, x)[0], 0 * x), {"zero"}),
    "swapped": (products, VECTORS, ("x", "y"), lambda x, y: (x * x, 2 * x * y), {"swapped"}),
    "transposed": (network, SQUARE, "W", lambda W, x: network_slope(W, x).T, {"transposed"}),
    "no derivative of tanh": (
        network, SQUARE, "W", lambda W, x: torch.outer(torch.ones_like(x), x), {"chain factor", "sum"},
    ),
    "inner derivative": (wave, VECTORS, "x", lambda x, y: torch.cos(x * y) * y, {"chain factor"}),
    "weight twice": (wave, VECTORS, "x", lambda x, y: torch.cos(x * y) * y**3, {"chain factor"}),
    "scan not reversed": (scan, VECTORS, "x", lambda x, y: y.cumsum(0), {"unknown", "entries", "sum", "term"}),
    "scan flipped": (scan, VECTORS, "x", lambda x, y: y.flip(0).cumsum(0), {"moved"}),
    "scan off by one": (scan, VECTORS, "x", lambda x, y: scan_slope(x, y).roll(1), {"moved"}),
    "stop-gradient ignored": (
        lambda x: (x * x.detach() ** 2).sum(), {"x": "n"}, "x", lambda x: 3 * x * x, {"stop-gradient"},
    ),
    "no_grad of a mean": (
        lambda x, y: ((x - x.mean().detach()) * y * x).sum(), VECTORS, "x",
        lambda x, y: (2 * x - x.mean()) * y - (x * y).sum() / len(x), {"stop-gradient"},
    ),
    "mean as a constant": (
        centred, VECTORS, "x", lambda x, y: 2 * (x - x.mean()) * y * y, {"constant", "term", "sum"},
    ),
    "symmetric weights": (
        lambda W, x: (W @ W @ x).sum(), SQUARE, "W",
        lambda W, x: torch.outer(W @ torch.ones_like(x), x) + torch.outer(torch.ones_like(x), W @ x), {"symmetric"},
    ),
    "first of the terms": (sums, VECTORS, "x", lambda x, y: x + y, {"term", "sum"}),
    "one term doubled": (sums, VECTORS, "x", lambda x, y: 4 * x + y, {"term", "sum"}),
    "one term missing": (sums, VECTORS, "x", lambda x, y: 2 * x, {"term"}),
    "border": (lambda x, y: (x * x).sum(), VECTORS, "x", border, {"entries"}),
    "one entry": (
        lambda x: (x * x).sum(), {"x": "n"}, "x", lambda x: 2 * x * (1 + torch.eye(len(x))[0] * 2.0**-20), {"entries"},
    ),
    "one branch": (
        lambda x: x.abs().sum(), {"x": "n"}, "x", lambda x: torch.where(x > 0, 1.0, 2.0).to(x), {"entries", "term"},
    ),
    "even n": (
        lambda x: (x * x).sum(), {"x": "n"}, "x", lambda x: 2 * x if len(x) % 2 else 4 * x, {"factor"},
    ),
    "tail": (
        lambda x: (x * x).sum(), {"x": "n"}, "x", lambda x: torch.cat([2 * x[:2], 0 * x[2:]]), {"entries"},
    ),
}  # fmt: skip


def mistake_of(loss, shapes, wrt, form):
    """The check of a wrong gradient."""
    names = sorted({token for shape in shapes.values() for token in shape.split()})
    problem = make(loss, {wrt: {"form": form}}, shapes, dict.fromkeys(names, 1.0))
    check = FormCheck(Places(problem, SEED), "+".join(wrt) if isinstance(wrt, tuple) else wrt, "form")
    check.run()
    return check


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (i % 2)) for i, name in enumerate(SLIPS)]
)
def test_the_kind_of_a_slip_is_named(name):
    *given, kinds = SLIPS[name]
    check = mistake_of(*given)
    assert check.verdict == "wrong"
    assert check.mistake in kinds, f"{check.mistake}: {check.diagnosis}"


RANDOM = {
    "another function": lambda x, y: torch.cos(3 * x + y),
    "noise of all inputs": lambda x, y: torch.sin(7 * x) * torch.exp(y.sin()) + 0.1,
    "a small error": lambda x, y: 2 * x * y + 1e-9 * torch.sin(x + 2 * y),
    "of another loss": lambda x, y: x**3 - y**2 * x.sum(),
}


def test_no_term_is_called_missing_where_only_a_mask_differs():
    """The hinge is never off; leaving a term out of the argument of the comparison would do the same."""
    loss = lambda x, y: torch.relu((x * x).sum() - (y * y).sum() + 1).sum()  # noqa: E731
    check = mistake_of(loss, VECTORS, "x", lambda x, y: 2 * x)
    assert check.verdict == "wrong"
    assert check.mistake != "sum", check.diagnosis


def test_an_error_below_float64_has_its_size_in_the_diagnosis():
    check = mistake_of(products, VECTORS, "x", lambda x, y: 2 * x * y + 2.0**-80 * 2 * x * y)
    assert "8.27e-25" in check.diagnosis, check.diagnosis


def test_a_term_of_one_entry_is_no_evidence():
    """One wrong entry is a multiple of any mask that selects it."""
    loss = lambda x: (torch.nn.functional.relu6(x) ** 2).sum()  # noqa: E731
    check = mistake_of(loss, {"x": "n"}, "x", lambda x: 2 * torch.relu(x))
    assert check.verdict == "wrong"
    assert check.mistake in ("entries", "term")
    assert check.mistake != "term" or "ge(" not in check.diagnosis, check.diagnosis


@pytest.mark.parametrize("loss", [products, *(pytest.param(one, marks=pytest.mark.slow) for one in (wave, centred))])
@pytest.mark.parametrize("name", RANDOM)
def test_an_unrelated_gradient_gets_no_cause(loss, name):
    check = mistake_of(loss, VECTORS, "x", RANDOM[name])
    assert (check.verdict, check.mistake) == ("wrong", "unknown"), check.diagnosis
