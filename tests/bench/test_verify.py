"""Right derivations pass, however hard; every slip is refused, and the common ones are named."""

from __future__ import annotations

import dataclasses
import math
from functools import cache

import pytest
import torch

from gradiometer.problems import PROBLEMS, Form, Problem
from gradiometer.verification import TORCH, VERDICTS, verify

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


def noisy(X, W1, W2):
    return right_W1(X, W1, W2) + torch.rand(1, dtype=X.dtype)


# problem, wrt, the mutant, what its diagnosis must say (None: refused is enough)
MUTANTS = {
    "half": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / 2, "a factor 2 is lost"),
    "twice": (SINGLE, "W1", lambda Y, W1, W2: 2 * right_single_W1(Y, W1, W2), "a factor 2 too many"),
    "minus": (SINGLE, "W1", lambda Y, W1, W2: -right_single_W1(Y, W1, W2), "the sign is flipped"),
    "minus half": (SINGLE, "W1", lambda Y, W1, W2: -right_single_W1(Y, W1, W2) / 2, "sign is flipped, and a factor 2"),
    "a seventh": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / 7, "is 0.1428571429 times"),
    "over p": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / len(W1), "divided by p once too often"),
    "over n": (SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) / len(Y), "divided by n once too often"),
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
        SINGLE, "W1", lambda Y, W1, W2: hit(right_single_W1(Y, W1, W2), (2, 3), 1 + 2.0**-40),
        "1 of 91 entries is wrong",
    ),
    "all by 2⁻⁴⁰": (
        SINGLE, "W1", lambda Y, W1, W2: right_single_W1(Y, W1, W2) * (1 + 2.0**-40), "(1 + 9.09e-13) times",
    ),
    "one entry twice": (
        SINGLE, "W1", lambda Y, W1, W2: hit(right_single_W1(Y, W1, W2), (0, 0), 2), "a factor 2 too many",
    ),
    "a row": (SINGLE, "W1", lambda Y, W1, W2: hit(right_single_W1(Y, W1, W2), 1, 3), "row 1"),
    "lost mean": (BATCH, "W1", lambda X, W1, W2: len(X) * right_W1(X, W1, W2), "the mean's 1/m is lost"),
    "mean twice": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) / len(X), "divided by m once too often"),
    "n for m": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) * len(X) / X.shape[1], "divided by n instead of m"),
    "mean over entries": (
        BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) / X.shape[1], "divided by n once too often",
    ),
    "lost mean and 2": (
        BATCH, "W1", lambda X, W1, W2: len(X) * right_W1(X, W1, W2) / 2, "1/m is lost, and a factor 2 is lost",
    ),
    "no X": (BATCH, "W1", lambda X, W1, W2: 2 * ((X @ W1.T @ W2.T) @ W2).T @ X / len(X), "missing"),
    "regularised": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) + 0.5 * W1, "0.5 times W1"),
    "shifted": (BATCH, "W1", lambda X, W1, W2: right_W1(X, W1, W2) + 1e-9, None),
    "dropped sample": (BATCH, "W1", lambda X, W1, W2: right_W1(X[1:], W1, W2) * (len(X) - 1) / len(X), None),
    "first part half": (
        BATCH, ("W1", "W2"), lambda X, W1, W2: (right_W1(X, W1, W2) / 2, right_W2(X, W1, W2)), "W1: a factor 2 is lost",
    ),
    "second part minus": (
        BATCH, ("W1", "W2"), lambda X, W1, W2: (right_W1(X, W1, W2), -right_W2(X, W1, W2)), "W2: the sign is flipped",
    ),
    "parts exchanged": (
        BATCH, ("W1", "W2"), lambda X, W1, W2: (right_W2(X, W1, W2), right_W1(X, W1, W2)), "expected shape",
    ),
}  # fmt: skip


@cache
def verdicts_of_mutants():
    """All mutants of a problem and wrt as forms of one problem, so that the truth is worked out once."""
    found = {}
    groups = {}
    for name, (problem, wrt, mutant, _) in MUTANTS.items():
        groups.setdefault((problem.name, wrt), {})[f"mutant{len(found) + len(groups)}_{len(groups)}"] = (name, mutant)
        found[name] = None
    for (problem, wrt), mutants in groups.items():
        forms = {form: mutant for form, (_, mutant) in mutants.items()}
        for verdict in verify(dataclasses.replace(PROBLEMS[problem], gradients={wrt: forms})):
            if verdict.form != TORCH:
                found[mutants[verdict.form][0]] = verdict
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_a_slip_is_refused_and_named(name):
    verdict = verdicts_of_mutants()[name]
    assert verdict.verdict == "wrong", verdict.text
    words = MUTANTS[name][-1]
    assert words is None or words in verdict.diagnosis, verdict.text
    assert "\n" not in verdict.text
    assert not verdict.is_proved


def test_values_stand_side_by_side():
    diagnosis = verdicts_of_mutants()["half"].diagnosis
    found, truth = (
        float(word.rstrip(";,")) for word in (diagnosis.split(" is ")[-1].split(",")[0], diagnosis.split()[-1])
    )
    assert math.isclose(2 * found, truth, rel_tol=1e-4)


def test_every_shipped_form_is_right_and_proved_so():
    verdicts = [verdict for problem in PROBLEMS.values() for verdict in verify(problem)]
    assert {verdict.verdict for verdict in verdicts} <= {"exact", "rounded_constants"}
    assert all(verdict.verdict == "exact" for verdict in verdicts if verdict.form != TORCH)
    assert all(verdict.is_proved and verdict.chance_log2 < -70 for verdict in verdicts if verdict.verdict == "exact")
    assert min(verdict.digits for verdict in verdicts if verdict.verdict == "exact") > 300


def test_dims_are_distinct_odd_primes_set_directly():
    (verdict, *_) = verify(BATCH, "W1")
    assert verdict.dims == "m=13 n=7 p=5; m=11 n=7 p=3"


def make(loss, forms, shapes, dims=None, **options):
    """A problem with one wrt, x."""
    dims = dims or {token: 1.0 for shape in shapes.values() for token in shape.split() if not token.isdigit()}
    return Problem(name="small", loss=loss, shapes=shapes, dims=dims, gradients=forms, **options)


def only(problem):
    return verify(problem)[0]


ROOT_EIGHT = torch.tensor(8.0).sqrt()

HARD = {
    "0.1*10": (lambda x: 0.1 * 10 * (x * x).sum(), lambda x: 2 * x, "exact"),
    "2/7 as a float": (lambda x: (x * x).sum() / 7, lambda x: 2 / 7 * x, "rounded_constants"),
    "a third of ten": (lambda x: (x * x * x).sum() / 3, lambda x: x * x, "exact"),
    "0.3 * 3": (lambda x: 0.3 * (x * x * x).sum(), lambda x: 0.9 * x * x, "rounded_constants"),
    "√8 inside": (
        lambda x: torch.tensor(8.0, dtype=x.dtype).sqrt() * (x * x).sum(),
        lambda x: 4 * torch.tensor(2.0).sqrt() * x * 2 / 2 * torch.ones((), dtype=x.dtype),
        "exact",
    ),
    "a float32 √8": (lambda x: ROOT_EIGHT * (x * x).sum(), lambda x: 2 * math.sqrt(8) * x, "rounded_constants"),
    "√8 of a tensor, as a number": (
        lambda x: math.sqrt(8) * (x * x).sum(), lambda x: 2 * torch.tensor(8.0).sqrt().item() * x, "rounded_constants",
    ),
    "cancellation": (
        lambda x: (x * x).sum(),
        lambda x: (x + 2.0**80) * (x + 2.0**80) - x * x - 2.0**160 - 2.0**81 * x + 2 * x,
        "exact",
    ),
    "rounded constants that cancel": (
        lambda x: (x * x).sum(), lambda x: (2 / 7 * x + 2 / 7) * 7 - 2 / 7 * 7, "rounded_constants",
    ),
    "a long way round": (lambda x: (x * x).sum(), lambda x: torch.log(torch.exp(x) * torch.exp(x)), "exact"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_right_ones_that_are_hard_are_accepted(name):
    loss, form, expected = HARD[name]
    verdict = only(make(loss, {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == expected, verdict.text


@pytest.mark.parametrize(
    ("size", "expected"), [(2.0**-40, "wrong"), (2.0**-50, "wrong"), (2.0**-57, "rounded_constants")]
)
def test_a_rounded_constant_excuses_its_own_rounding_only(size, expected):
    verdict = only(make(lambda x: (x * x).sum() / 7, {"x": {"form": lambda x: 2 / 7 * x + size * x}}, {"x": "n"}))
    assert verdict.verdict == expected, verdict.text


def test_a_rounded_constant_that_is_blown_up_excuses_nothing():
    """Widened, the two products differ by anything at all; the form is still 3 x and not 2 x."""
    blown = lambda x: 3 * x + 0.1 * x * 2.0**60 - 0.1 * x * 2.0**60  # noqa: E731
    verdict = only(make(lambda x: (x * x).sum(), {"x": {"form": blown}}, {"x": "n"}))
    assert verdict.verdict == "wrong", verdict.text


def test_what_the_precision_blurs_is_not_called_proved():
    """Values of 1,240 bits over 7: equal to 300 digits, but their balls hold more than one integer over 7."""
    form = lambda x: 32 * x**31 / 7  # noqa: E731
    verdict = only(make(lambda x: (x**32).sum() / 7, {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == "exact", verdict.text
    assert not verdict.is_proved


def test_a_slip_at_some_dimensions_only_is_named_from_those():
    form = lambda x: x if len(x) < 17 else 2 * x  # noqa: E731
    verdict = only(make(lambda x: (x * x).sum(), {"x": {"form": form}}, {"x": "n"}))
    assert "a factor 2 is lost" in verdict.diagnosis


# Further problems: loss, shapes, the right gradient of one input, and a wrong one with what is said of it.


def tanh_loss(X, W1, b1, W2, b2):
    return ((torch.tanh(X @ W1.T + b1) @ W2.T + b2 - X) ** 2).sum() / len(X)


def tanh_gradient(X, W1, b1, W2, b2):
    H = torch.tanh(X @ W1.T + b1)
    D = 2 * (H @ W2.T + b2 - X) / len(X)
    G = (D @ W2) * (1 - H * H)
    return G.T @ X, G.sum(0), D.T @ H, D.sum(0)


def tanh_slip(X, W1, b1, W2, b2):
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


def layer_norm_slip(X, g, b, C):
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


def attention_slip(Q, K, V, C):
    dQ, dK, dV = attention_gradient(Q, K, V, C)
    return dQ, dK * Q.shape[1], dV


FURTHER = {
    "tanh autoencoder": (
        tanh_loss, {"X": "m n", "W1": "p n", "b1": "p", "W2": "n p", "b2": "n"}, ("W1", "b1", "W2", "b2"),
        tanh_gradient, tanh_slip, "W1: ", None,
    ),
    "logistic": (
        logistic_loss, {"A": "m n", "y": "m", "x": "n"}, "x",
        lambda A, y, x: A.T @ (torch.sigmoid(A @ x) - y), lambda A, y, x: A.T @ torch.sigmoid(A @ x), "missing", None,
    ),
    "softmax cross-entropy": (
        cross_entropy_loss, {"X": "m n", "T": "m k", "W": "n k"}, "W",
        lambda X, T, W: X.T @ (torch.softmax(X @ W, 1) - T) / len(X),
        lambda X, T, W: X.T @ (torch.softmax(X @ W, 1) - T), "the mean's 1/m is lost",
        lambda data, dims, generator: one_hot(data, dims, generator) if data != "near_optimum" else None,
    ),
    "layer norm": (
        layer_norm_loss, {"X": "m n", "g": "n", "b": "n", "C": "m n"}, "X",
        layer_norm_gradient, layer_norm_slip, "a term is missing", None,
    ),
    "attention": (
        attention_loss, {"Q": "n d", "K": "n d", "V": "n v", "C": "n v"}, ("Q", "K", "V"),
        attention_gradient, attention_slip, "K: the mean's 1/d is lost", None,
    ),
    "log-sum-exp": (
        lambda v: torch.logsumexp(50 * v, 0) / 50, {"v": "n"}, "v",
        lambda v: torch.softmax(50 * v, 0), lambda v: torch.softmax(v, 0), "", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FURTHER)
def test_further_problems(name):
    loss, shapes, wrt, right, slip, words, sample = FURTHER[name]
    by_hand, wrong, by_torch = verify(make(loss, {wrt: {"right": right, "slip": slip}}, shapes, sample=sample))
    assert by_hand.verdict == "exact", by_hand.text
    assert by_hand.digits > 150
    assert not by_hand.is_proved  # transcendental: digits at points, no more
    assert wrong.verdict == "wrong", wrong.text
    assert words in wrong.diagnosis, wrong.text
    assert by_torch.verdict in ("exact", "rounded_constants"), by_torch.text


def test_symmetry_taken_for_granted():
    verdict = only(make(lambda A, x: x @ (A @ x), {"x": {"form": lambda A, x: 2 * (A @ x)}}, {"A": "n n", "x": "n"}))
    assert verdict.verdict == "wrong"
    assert "right only where A is symmetric" in verdict.diagnosis


def test_a_gradient_that_vanishes_and_a_scalar_input():
    loss = lambda c, x: c * (x * x).sum() + 0 * c  # noqa: E731
    shapes, dims = {"c": "", "x": "n"}, {"n": 1.0}
    verdict = only(make(loss, {"c": {"form": lambda c, x: (x * x).sum() + c}}, shapes, dims))
    assert verdict.verdict == "wrong"
    assert "c is" in verdict.diagnosis
    flat = make(lambda c, x: x.sum() + 0 * c, {"c": {"form": lambda c, x: c}}, shapes, dims)
    assert "should be zero everywhere" in only(flat).diagnosis


def test_a_transposed_gradient_of_a_square_input():
    verdict = only(
        make(
            lambda A, x: x @ (A @ (A @ x)),
            {"A": {"form": lambda A, x: (torch.outer(x, A @ x) + torch.outer(A.T @ x, x)).T}},
            {"A": "n n", "x": "n"},
        )
    )
    assert "transposed" in verdict.diagnosis


UNCHECKABLE = {
    "randomness": (lambda x: x * torch.rand(1, dtype=x.dtype), "returns something else when it is called again"),
    "a write into an input": (lambda x: x.mul_(2), "changes its input x"),
    "a branch on data": (lambda x: 2 * x if x.sum() > 1e9 else x + x, "a branch or by .item()"),
    "an unknown operation": (
        lambda x: torch.special.i0(x) * 0 + 2 * x,
        "add one to OPERATIONS in bench/graph/arithmetic/balls.py",
    ),
    "a reading outside of torch": (lambda x: 2 * torch.from_numpy(x.numpy().copy()), "reads its data outside of torch"),
    "a reading that no tracing sees": (
        lambda x: 2 * x * (1 + float(x.sum()) if type(x) is torch.Tensor else 1),
        "what it returns is not what its traced operations give",
    ),
    "an exception": (lambda x: x @ x @ x, "raises RuntimeError"),
}


@pytest.mark.parametrize("name", UNCHECKABLE)
def test_what_cannot_be_checked_says_why_in_one_line(name):
    form, words = UNCHECKABLE[name]
    verdict = only(make(lambda x: (x * x).sum(), {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == "unchecked", verdict.text
    assert words in verdict.diagnosis, verdict.text
    assert "\n" not in verdict.text
    assert verdict.digits is None


def test_a_loss_that_is_no_scalar_is_uncheckable_with_its_reason():
    verdicts = verify(make(lambda x: x * x, {"x": {"form": lambda x: 2 * x}}, {"x": "n"}))
    assert {verdict.verdict for verdict in verdicts} == {"unchecked"}
    assert all("expected a tensor of one element" in verdict.diagnosis for verdict in verdicts)


def test_dimensions_an_author_fixed_stay_fixed():
    seen = []

    def loss(x):
        seen.append(tuple(x.shape))
        return (x * x).sum()

    verdict = only(make(loss, {"x": {"form": lambda x: 2 * x}}, {"x": "3 n"}))
    assert verdict.verdict == "exact"
    assert {shape[0] for shape in seen} == {3}
    assert {shape[1] for shape in seen} == {13, 11}


def test_a_problem_that_cannot_take_the_primes_is_checked_at_its_own_sizes():
    def sample(data, dims, generator):
        if dims["n"] != 2 * dims["p"]:
            raise ValueError("n must be 2 p")
        return {} if data != "near_optimum" else None

    problem = make(
        lambda x, y: (x[::2] * y).sum(), {"y": {"form": lambda x, y: x[::2]}}, {"x": "n", "y": "p"},
        {"n": 2.0, "p": 1.0},
        sample=sample,
    )  # fmt: skip
    verdict = only(problem)
    assert verdict.verdict == "exact", verdict.text
    assert "n must be 2 p" in verdict.diagnosis
    assert verdict.dims == "n=14 p=7; n=24 p=12"


def test_prepare_is_part_of_the_derivation():
    wrong = Form(prepare=lambda X: {"S": X.T @ X}, call=lambda S, W1, W2: 2 * (((W2.T @ W2) @ W1 - W2.T) @ S))
    verdict = only(dataclasses.replace(BATCH, gradients={"W1": {"gram": wrong}}))
    assert "the mean's 1/m is lost" in verdict.diagnosis


def test_verdicts_are_deterministic_and_known():
    first, second = verify(SINGLE, "W1"), verify(SINGLE, "W1")
    assert first == second
    assert {verdict.verdict for verdict in first} <= set(VERDICTS)


def test_torchs_own_kernels_are_held_to_their_bound(monkeypatch):
    from gradiometer.verification import verdicts

    monkeypatch.setattr(verdicts, "UNIT", 2.0**-70)  # as if kernels rounded to 70 bits: then they must be found out
    verdict = verify(SINGLE, "W1")[-1]
    assert (verdict.form, verdict.verdict) == (TORCH, "wrong")
    assert "torch's kernels are off by" in verdict.diagnosis


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda x: (x * torch.rand(1, dtype=x.dtype)).sum(), "the loss returns something else when it is called again"),
        (lambda x: x.mul_(2).sum(), "the loss changes its input x"),
        (lambda x: 3.0, "expected a tensor of one element, found float"),
        (lambda x: x.sum() if x.sum() > 0 else -x.sum(), "depends on the data"),
        (lambda x: torch.special.i0(x).sum(), "add its rule to RULES in bench/graph/derivative/cotangents.py"),
        (lambda x: torch.log(-1 - x * x).sum(), "is not finite at any point"),
        (lambda x: x.nonsense(), "AttributeError"),
    ],
)
def test_a_loss_that_cannot_be_checked_says_why(loss, words):
    for verdict in verify(make(loss, {"x": {"form": lambda x: x}}, {"x": "n"})):
        assert verdict.verdict == "unchecked", verdict.text
        assert words in verdict.diagnosis, verdict.text
        assert "\n" not in verdict.text
