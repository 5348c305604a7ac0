"""Verdicts: right gradients are accepted, and a gradient that cannot be checked says why."""

from __future__ import annotations

import math

import pytest
import torch

from gradiometer.errors import GradiometerError
from gradiometer.problems import PROBLEMS
from gradiometer.verification import TORCH, VERDICTS, form_check, form_comparisons, verify, verify_forms
from gradiometer.verification.float64 import rounding_bounds
from tests.bench.verification.small_problems import first_verdict, make

SINGLE, BATCH = PROBLEMS["linear_autoencoder"], PROBLEMS["linear_autoencoder_batch"]


LONG = ("linear_autoencoder_batch_mse",)  # the forms of another problem times a constant


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in PROBLEMS])
def test_every_shipped_form_is_exact_and_proved(name):
    """The longest problem is marked slow."""
    verdicts = verify(PROBLEMS[name])
    assert {verdict.verdict for verdict in verdicts} <= {"proved", "agrees"}
    assert all(verdict.verdict == "proved" for verdict in verdicts if verdict.form != TORCH)
    assert all(verdict.chance_log2 < -60 for verdict in verdicts if verdict.verdict == "proved")
    assert min(verdict.digits for verdict in verdicts if verdict.verdict == "proved") > 300


ROOT_EIGHT = torch.tensor(8.0).sqrt()

HARD = {
    "0.1*10": (lambda x: 0.1 * 10 * (x * x).sum(), lambda x: 2 * x, "proved"),
    "2/7 as a float": (lambda x: (x * x).sum() / 7, lambda x: 2 / 7 * x, "agrees"),
    "a third of ten": (lambda x: (x * x * x).sum() / 3, lambda x: x * x, "proved"),
    "0.3 * 3": (lambda x: 0.3 * (x * x * x).sum(), lambda x: 0.9 * x * x, "agrees"),
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


FEW_DIGITS = {
    "√2 computed in float32": (
        lambda x: torch.tensor(8.0, dtype=x.dtype).sqrt() * (x * x).sum(),
        lambda x: 4 * torch.tensor(2.0).sqrt() * x,
    ),
    "a float32 √8": (lambda x: ROOT_EIGHT * (x * x).sum(), lambda x: 2 * math.sqrt(8) * x),
    "√8 of a tensor, as a number": (
        lambda x: math.sqrt(8) * (x * x).sum(), lambda x: 2 * torch.tensor(8.0).sqrt().item() * x,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FEW_DIGITS)
def test_a_constant_with_seven_digits_makes_no_right_gradient(name):
    loss, form = FEW_DIGITS[name]
    verdict = first_verdict(make(loss, {"x": {"form": form}}, {"x": "n"}))
    assert not verdict.is_right, verdict.text


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


OTHER_EVIDENCE = {
    "randomness": (lambda x: x * torch.rand(1, dtype=x.dtype), "wrong", "another result when called again"),
    "a write into an input": (lambda x: x.mul_(2), "unchecked", "writes into its input x"),
    "a branch on data": (lambda x: 2 * x if x.sum() > 1e9 else x + x, "exact", "branches on the data"),
    "a call of numpy": (lambda x: 2 * torch.from_numpy(x.numpy().copy()), "agrees_float64", "leaves PyTorch"),
    "a number that was read": (lambda x: 2 * x + 0 * x.sum().item(), "agrees_float64", ".item()"),
    "an exception": (lambda x: x @ x @ x, "unchecked", "raises RuntimeError"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_EVIDENCE)
def test_code_that_runs_gets_a_verdict_and_the_verdict_says_on_what_evidence(name):
    form, expected, words = OTHER_EVIDENCE[name]
    verdict = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == expected, verdict.text
    assert words in verdict.text
    assert "\n" not in verdict.text
    assert verdict.traceback is None


@pytest.mark.parametrize(
    ("module", "name", "verdict"),
    [
        (verify_forms, "Places", "unchecked"),
        (form_comparisons, "compare_exactly", "unchecked"),
        (form_check, "diagnose", "wrong"),
    ],
)
def test_a_bug_of_the_checker_keeps_its_traceback(monkeypatch, module, name, verdict):
    def bug(*_):
        raise TypeError("a bug")

    monkeypatch.setattr(module, name, bug)
    found = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": lambda x: 3 * x}}, {"x": "n"}))
    assert found.verdict == verdict
    assert ", in bug" in found.traceback
    assert "\n" not in found.text


def write_everywhere(A, x):
    A.mul_(3)
    return A.T @ (A @ x)


def write_at_normal_data(A, x):
    if (A < 0).any():  # the first point has no negative entry
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
    assert len({shape[1] for shape in seen}) > 3


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
    assert "n must be 2 p" in verdict.remarks
    assert "n=14 p=7; n=24 p=12" in verdict.dims


def test_a_seed_repeats_a_verification_and_another_one_changes_the_dimensions():
    problem = make(lambda x: (x * x).sum(), {"x": {"form": lambda x: 2 * x}}, {"x": "n"})
    first = verify(problem)
    assert verify(problem, seed=first[0].seed) == first
    assert {verdict.verdict for verdict in first} <= set(VERDICTS)
    assert len({verify(problem, seed=seed)[0].dims for seed in range(4)}) > 1


def test_an_unknown_wrt_or_form_is_an_error():
    with pytest.raises(GradiometerError, match="W1, W2"):
        verify(SINGLE, "W3")
    with pytest.raises(GradiometerError, match="textbook"):
        verify(SINGLE, "W1", "nonsense")


def test_returned_values_are_held_to_their_bound(monkeypatch):
    monkeypatch.setitem(rounding_bounds.UNITS, torch.float64, 2.0**-80)  # kernels that round to 53 bits exceed it
    (verdict,) = verify(SINGLE, "W1", TORCH, seed=0)
    assert verdict.verdict == "wrong", verdict.text


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda x: (x * torch.rand(1, dtype=x.dtype)).sum(), "another result when called again"),
        (lambda x: x.mul_(2).sum(), "the loss writes into its input x"),
        (lambda x: 3.0, "expected a tensor of one element, found float"),
        (lambda x: torch.log(-1 - x * x).sum(), "is not finite at any point"),
        (lambda x: x.nonsense(), "AttributeError"),
    ],
)
def test_a_loss_that_cannot_be_checked_says_why(loss, words):
    for verdict in verify(make(loss, {"x": {"form": lambda x: x}}, {"x": "n"})):
        assert verdict.verdict == "unchecked", verdict.text
        assert words in verdict.diagnosis, verdict.text
        assert "\n" not in verdict.text
