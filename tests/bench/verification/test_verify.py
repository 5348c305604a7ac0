"""Verdicts: right gradients are accepted, and a gradient that cannot be checked says why."""

from __future__ import annotations

import math

import pytest
import torch

from gradiometer.errors import GradiometerError
from gradiometer.problems import PROBLEMS
from gradiometer.verification import TORCH, VERDICTS, returned_values, verify, verify_forms
from tests.bench.verification.small_problems import first_verdict, make

SINGLE, BATCH = PROBLEMS["linear_autoencoder"], PROBLEMS["linear_autoencoder_batch"]


def test_every_shipped_form_is_exact_and_proved():
    verdicts = [verdict for problem in PROBLEMS.values() for verdict in verify(problem)]
    assert {verdict.verdict for verdict in verdicts} <= {"proved", "agrees"}
    assert all(verdict.verdict == "proved" for verdict in verdicts if verdict.form != TORCH)
    assert all(verdict.chance_log2 < -70 for verdict in verdicts if verdict.verdict == "proved")
    assert min(verdict.digits for verdict in verdicts if verdict.verdict == "proved") > 300


def test_dims_are_distinct_odd_primes_set_directly():
    (verdict, *_) = verify(BATCH, "W1")
    assert verdict.dims == "m=13 n=7 p=5; m=11 n=7 p=3"


ROOT_EIGHT = torch.tensor(8.0).sqrt()

HARD = {
    "0.1*10": (lambda x: 0.1 * 10 * (x * x).sum(), lambda x: 2 * x, "proved"),
    "2/7 as a float": (lambda x: (x * x).sum() / 7, lambda x: 2 / 7 * x, "agrees"),
    "a third of ten": (lambda x: (x * x * x).sum() / 3, lambda x: x * x, "proved"),
    "0.3 * 3": (lambda x: 0.3 * (x * x * x).sum(), lambda x: 0.9 * x * x, "agrees"),
    "√8 inside": (
        lambda x: torch.tensor(8.0, dtype=x.dtype).sqrt() * (x * x).sum(),
        lambda x: 4 * torch.tensor(2.0).sqrt() * x * 2 / 2 * torch.ones((), dtype=x.dtype),
        "exact",
    ),
    "a float32 √8": (lambda x: ROOT_EIGHT * (x * x).sum(), lambda x: 2 * math.sqrt(8) * x, "agrees"),
    "√8 of a tensor, as a number": (
        lambda x: math.sqrt(8) * (x * x).sum(), lambda x: 2 * torch.tensor(8.0).sqrt().item() * x, "agrees",
    ),
    "cancellation": (
        lambda x: (x * x).sum(),
        lambda x: (x + 2.0**80) * (x + 2.0**80) - x * x - 2.0**160 - 2.0**81 * x + 2 * x,
        "proved",
    ),
    "rounded constants that cancel": (
        lambda x: (x * x).sum(), lambda x: (2 / 7 * x + 2 / 7) * 7 - 2 / 7 * 7, "agrees",
    ),
    "a long way round": (lambda x: (x * x).sum(), lambda x: torch.log(torch.exp(x) * torch.exp(x)), "exact"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_right_ones_that_are_hard_are_accepted(name):
    loss, form, expected = HARD[name]
    verdict = first_verdict(make(loss, {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == expected, verdict.text


@pytest.mark.parametrize(("size", "expected"), [(2.0**-40, "wrong"), (2.0**-50, "wrong"), (2.0**-57, "agrees")])
def test_a_rounded_constant_excuses_its_own_rounding_only(size, expected):
    verdict = first_verdict(
        make(lambda x: (x * x).sum() / 7, {"x": {"form": lambda x: 2 / 7 * x + size * x}}, {"x": "n"})
    )
    assert verdict.verdict == expected, verdict.text


def test_a_rounded_constant_that_is_blown_up_excuses_nothing():
    """With 0.1 widened, the difference of the two products contains every number; the form is 3 x, not 2 x."""
    blown = lambda x: 3 * x + 0.1 * x * 2.0**60 - 0.1 * x * 2.0**60  # noqa: E731
    verdict = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": blown}}, {"x": "n"}))
    assert verdict.verdict == "wrong", verdict.text


def test_equality_that_the_precision_cannot_prove_is_not_called_proved():
    """Values of 1,240 bits over 7: equal to 300 digits, but their balls hold more than one integer over 7."""
    form = lambda x: 32 * x**31 / 7  # noqa: E731
    verdict = first_verdict(make(lambda x: (x**32).sum() / 7, {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == "exact", verdict.text


UNCHECKABLE = {
    "randomness": (lambda x: x * torch.rand(1, dtype=x.dtype), "another result when called again"),
    "a write into an input": (lambda x: x.mul_(2), "writes into its input x"),
    "a branch on data": (lambda x: 2 * x if x.sum() > 1e9 else x + x, "branches on the data"),
    "an unknown operation": (lambda x: torch.special.i0(x) * 0 + 2 * x, "does not support"),
    "a call of numpy": (lambda x: 2 * torch.from_numpy(x.numpy().copy()), "leaves PyTorch"),
    "a value that no tracing sees": (
        lambda x: 2 * x * (1 + float(x.sum()) if type(x) is torch.Tensor else 1), "other values than the operations",
    ),
    "an exception": (lambda x: x @ x @ x, "raises RuntimeError"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCHECKABLE)
def test_a_form_that_cannot_be_checked_says_why_in_one_line(name):
    form, words = UNCHECKABLE[name]
    verdict = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == "unchecked", verdict.text
    assert words in verdict.diagnosis, verdict.text
    assert "\n" not in verdict.text
    assert verdict.digits is None
    assert verdict.traceback is None


@pytest.mark.parametrize(
    ("name", "verdict"), [("instances", "unchecked"), ("compare", "unchecked"), ("diagnose", "wrong")]
)
def test_a_bug_of_the_checker_keeps_its_traceback(monkeypatch, name, verdict):
    def bug(*_):
        raise TypeError("a bug")

    monkeypatch.setattr(verify_forms, name, bug)
    found = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": lambda x: 3 * x}}, {"x": "n"}))
    assert found.verdict == verdict
    assert ", in bug" in found.traceback
    assert "\n" not in found.text


def write_everywhere(A, x):
    A.mul_(3)
    return A.T @ (A @ x)


def write_at_normal_data(A, x):
    if (
        type(A) is torch.Tensor and (A < 0).any()
    ):  # the first point has no negative entry; while tracing, A is no Tensor
        A.mul_(3)
    return 2 * A.T @ (A @ x)


@pytest.mark.parametrize("writing", [write_everywhere, write_at_normal_data])
def test_a_form_that_writes_into_its_inputs_changes_no_other_verdict(writing):
    forms = {"writing": writing, "right": lambda A, x: 2 * A.T @ (A @ x), "wrong": lambda A, x: A.T @ (A @ x)}
    verdicts = verify(make(lambda A, x: (A @ x).square().sum(), {"x": forms}, {"A": "m n", "x": "n"}))
    assert {v.form: v.verdict for v in verdicts} == {
        "writing": "unchecked", "right": "proved", "wrong": "wrong", TORCH: "proved",
    }  # fmt: skip
    assert "writes into its input A" in verdicts[0].diagnosis


def test_no_form_can_be_taken_for_torchs_own_derivative():
    """The name is set after the checks of the problem, which refuse it."""
    problem = make(lambda x: (x * x).sum(), {"x": {"form": lambda x: x}}, {"x": "n"})
    object.__setattr__(problem, "gradients", {"x": {"torch": lambda x: x}})
    assert [(v.form, v.verdict) for v in verify(problem)] == [("torch", "wrong"), (TORCH, "proved")]
    with pytest.raises(GradiometerError):
        make(lambda x: (x * x).sum(), {"x": {TORCH: lambda x: x}}, {"x": "n"})


def test_a_loss_that_is_not_a_scalar_is_not_checked():
    verdicts = verify(make(lambda x: x * x, {"x": {"form": lambda x: 2 * x}}, {"x": "n"}))
    assert {verdict.verdict for verdict in verdicts} == {"unchecked"}
    assert all("expected a tensor of one element" in verdict.diagnosis for verdict in verdicts)


def test_dimensions_an_author_fixed_stay_fixed():
    seen = []

    def loss(x):
        seen.append(tuple(x.shape))
        return (x * x).sum()

    verdict = first_verdict(make(loss, {"x": {"form": lambda x: 2 * x}}, {"x": "3 n"}))
    assert verdict.verdict == "proved"
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
    verdict = first_verdict(problem)
    assert verdict.verdict == "proved", verdict.text
    assert "n must be 2 p" in verdict.diagnosis
    assert verdict.dims == "n=14 p=7; n=24 p=12"


def test_verdicts_are_deterministic():
    first, second = verify(SINGLE, "W1"), verify(SINGLE, "W1")
    assert first == second
    assert {verdict.verdict for verdict in first} <= set(VERDICTS)


def test_an_unknown_wrt_or_form_is_an_error():
    with pytest.raises(GradiometerError, match="W1, W2"):
        verify(SINGLE, "W3")
    with pytest.raises(GradiometerError, match="textbook"):
        verify(SINGLE, "W1", "nonsense")


def test_torchs_own_kernels_are_held_to_their_bound(monkeypatch):
    monkeypatch.setattr(returned_values, "UNIT", 2.0**-70)  # kernels that round to 53 bits then exceed their bound
    verdict = verify(SINGLE, "W1")[-1]
    assert (verdict.form, verdict.verdict) == (TORCH, "wrong")


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda x: (x * torch.rand(1, dtype=x.dtype)).sum(), "another result when called again"),
        (lambda x: x.mul_(2).sum(), "the loss writes into its input x"),
        (lambda x: 3.0, "expected a tensor of one element, found float"),
        (lambda x: x.sum() if x.sum() > 0 else -x.sum(), "branches on the data"),
        (lambda x: torch.special.i0(x).sum(), "derivative"),
        (lambda x: torch.log(-1 - x * x).sum(), "is not finite at any point"),
        (lambda x: x.nonsense(), "AttributeError"),
    ],
)
def test_a_loss_that_cannot_be_checked_says_why(loss, words):
    for verdict in verify(make(loss, {"x": {"form": lambda x: x}}, {"x": "n"})):
        assert verdict.verdict == "unchecked", verdict.text
        assert words in verdict.diagnosis, verdict.text
        assert "\n" not in verdict.text
