"""Wrong gradients are refused, and common mistakes are identified."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import pytest
import torch

from gradiometer.problems import PROBLEMS, Form
from gradiometer.verification import TORCH, verify
from tests.bench.verification.small_problems import first_verdict, make

SINGLE, BATCH = PROBLEMS["linear_autoencoder"], PROBLEMS["linear_autoencoder_batch"]


def hit(gradient, place, factor):
    """One entry times a factor."""
    out = gradient.clone()
    out[place] = out[place] * factor
    return out


def residual(Y, W1, W2):
    return W2 @ (W1 @ Y) - Y


def right_single_W1(Y, W1, W2):
    return 2 * ((W2.T @ residual(Y, W1, W2)) @ Y.T)


def E(X, W1, W2):
    return (X @ W1.T) @ W2.T - X


def right_W1(X, W1, W2):
    return 2 * ((E(X, W1, W2) @ W2).T @ X) / len(X)


def right_W2(X, W1, W2):
    return 2 * (E(X, W1, W2).T @ (X @ W1.T)) / len(X)


# name → problem, wrt, the wrong gradient, and a part of its diagnosis (None: any)
MUTANTS = {
    "half": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / 2, "a factor 2 is missing"),
    "twice": (SINGLE, "W1", lambda Y, W1, W2: 2 * right_single_W1(Y, W1, W2), "a factor 2 too many"),
    "minus": (SINGLE, "W1", lambda Y, W1, W2: -right_single_W1(Y, W1, W2), "the sign is flipped"),
    "minus half": (SINGLE, "W1", lambda Y, W1, W2: -right_single_W1(Y, W1, W2) / 2, "sign is flipped, and a factor 2"),
    "a seventh": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / 7, "is 0.142857 times"),
    "over p": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / len(W1), "a factor 1/p"),
    "over n": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / len(Y), "a factor 1/n"),
    "no identity": (SINGLE, "W1", lambda Y, W1, W2: 2 * (W2.T @ W2 @ W1 @ Y @ Y.T), "missing"),
    "plus identity": (
        SINGLE, "W1", lambda Y, W1, W2: 2 * (W2.T @ (W2 @ (W1 @ Y) + Y)) @ Y.T,
        "as if the first term had the other sign",
    ),
    "no Wᵀ but W": (SINGLE, "W1", lambda Y, W1, W2: 2 * (W1 @ residual(Y, W1, W2)) @ Y.T, None),
    "zero": (SINGLE, "W1", lambda Y, W1, W2: torch.zeros_like(W1), "zero everywhere"),
    "nan": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) * (Y - Y).sum() / (Y - Y).sum(), "NaN"),
    "wrong shape": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2).T, "its transpose"),
    "wrong dtype": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2).float(), "expected dtype"),
    "two of them": (SINGLE, "W1", lambda Y, W1, W2: (W1, W2), "expected 1 gradients, found 2"),
    "no tensor": (SINGLE, "W1", lambda Y, W1, W2: 3.0, "expected a tensor, found float"),
    "one entry 2⁻⁴⁰": (
        SINGLE, "W1", lambda Y, W1, W2: hit(right_single_W1(Y, W1, W2), (-1, -1), 1 + 2.0**-40),
        "entries is wrong",
    ),
    "all by 2⁻⁴⁰": (
        SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) * (1 + 2.0**-40), "(1 + 9.09e-13) times",
    ),
    "one entry twice": (
        SINGLE, "W1", lambda Y, W1, W2: hit(right_single_W1(Y, W1, W2), (0, 0), 2), "a factor 2 too many",
    ),
    "a row": (SINGLE, "W1", lambda Y, W1, W2: hit(right_single_W1(Y, W1, W2), 1, 3), "row 1"),
    "lost mean": (BATCH, "W1", lambda X, W1, W2: len(X) * right_W1(X, W1, W2), "a factor m:"),
    "mean twice": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) / len(X), "a factor 1/m"),
    "n for m": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) * len(X) / X.shape[1], "a factor m/n"),
    "mean over entries": (
        BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) / X.shape[1], "a factor 1/n",
    ),
    "lost mean and 2": (
        BATCH, "W1", lambda X, W1, W2: len(X) * right_W1(X, W1, W2) / 2, "a factor 0.5 m:",
    ),
    "no X": (BATCH, "W1", lambda X, W1, W2: 2 * ((X @ W1.T @ W2.T) @ W2).T @ X / len(X), "missing"),
    "regularised": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) + 0.5 * W1, "0.5 times W1"),
    "shifted": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) + 1e-9, None),
    "dropped sample": (BATCH, "W1", lambda X, W1, W2: right_W1(X[1:], W1, W2) * (len(X) - 1) / len(X), None),
    "first part half": (
        BATCH, ("W1", "W2"), lambda X, W1, W2: (right_W1(X, W1, W2) / 2, right_W2(X, W1, W2)), "W1: a factor 2 is",
    ),
    "second part minus": (
        BATCH, ("W1", "W2"), lambda X, W1, W2: (right_W1(X, W1, W2), -right_W2(X, W1, W2)), "W2: the sign is flipped",
    ),
    "parts exchanged": (
        BATCH, ("W1", "W2"), lambda X, W1, W2: (right_W2(X, W1, W2), right_W1(X, W1, W2)), "expected shape",
    ),
}  # fmt: skip


SLOW = [name for name in MUTANTS if name in {
    "twice", "minus", "a seventh", "over n", "plus identity", "no Wᵀ but W", "all by 2⁻⁴⁰", "one entry twice", "a row",
    "mean twice", "mean over entries", "lost mean and 2", "shifted", "second part minus",
}]  # fmt: skip


@cache
def verdicts_of_mutants(slow):
    """Verdicts by name. All mutants of a problem and wrt are forms of one problem, which is traced once."""
    found = {}
    groups = {}
    for name, (problem, wrt, mutant, _) in MUTANTS.items():
        if (name in SLOW) != slow:
            continue
        groups.setdefault((problem.name, wrt), {})[f"mutant{len(found) + len(groups)}_{len(groups)}"] = (name, mutant)
        found[name] = None
    for (problem, wrt), mutants in groups.items():
        forms = {form: mutant for form, (_, mutant) in mutants.items()}
        for verdict in verify(dataclasses.replace(PROBLEMS[problem], gradients={wrt: forms})):
            if verdict.form != TORCH:
                found[mutants[verdict.form][0]] = verdict
    return found


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in MUTANTS])
def test_a_wrong_gradient_is_refused_and_its_mistake_identified(name):
    """Nearly half of the mutants are marked slow: test_slips.py has mistakes of the same kinds."""
    verdict = verdicts_of_mutants(name in SLOW)[name]
    assert verdict.verdict == "wrong", verdict.text
    words = MUTANTS[name][-1]
    assert words is None or words in verdict.diagnosis, verdict.text
    assert "\n" not in verdict.text


def test_a_diagnosis_shows_the_found_and_the_true_value():
    diagnosis = verdicts_of_mutants(False)["half"].diagnosis
    found, truth = (
        float(word.rstrip(";,")) for word in (diagnosis.split(" is ")[-1].split(",")[0], diagnosis.split()[-1])
    )
    assert math.isclose(2 * found, truth, rel_tol=1e-4)


def test_a_mistake_at_some_dimensions_only_is_identified():
    form = lambda x: x if len(x) < 17 else 2 * x  # noqa: E731
    verdict = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": form}}, {"x": "n"}))
    assert "a factor 2 is missing" in verdict.diagnosis


def test_an_assumed_symmetry_is_identified():
    verdict = first_verdict(
        make(lambda A, x: x @ (A @ x), {"x": {"form": lambda A, x: 2 * (A @ x)}}, {"A": "n n", "x": "n"})
    )
    assert verdict.verdict == "wrong"
    assert "right where A is symmetric; declare A as symmetric" in verdict.diagnosis


def test_a_gradient_that_vanishes_and_a_scalar_input():
    loss = lambda c, x: c * (x * x).sum() + 0 * c  # noqa: E731
    shapes, dims = {"c": "", "x": "n"}, {"n": 1.0}
    verdict = first_verdict(make(loss, {"c": {"form": lambda c, x: (x * x).sum() + c}}, shapes, dims))
    assert verdict.verdict == "wrong"
    assert "c is" in verdict.diagnosis
    flat = make(lambda c, x: x.sum() + 0 * c, {"c": {"form": lambda c, x: c}}, shapes, dims)
    assert "should be zero everywhere" in first_verdict(flat).diagnosis


def test_a_transposed_gradient_of_a_square_input():
    verdict = first_verdict(
        make(
            lambda A, x: x @ (A @ (A @ x)),
            {"A": {"form": lambda A, x: (torch.outer(x, A @ x) + torch.outer(A.T @ x, x)).T}},
            {"A": "n n", "x": "n"},
        )
    )
    assert "transposed" in verdict.diagnosis


def test_a_mistake_in_prepare_is_identified():
    wrong = Form(prepare=lambda X: {"S": X.T @ X}, call=lambda S, W1, W2: 2 * (((W2.T @ W2) @ W1 - W2.T) @ S))
    verdict = first_verdict(dataclasses.replace(BATCH, gradients={"W1": {"gram": wrong}}))
    assert "a factor m:" in verdict.diagnosis
