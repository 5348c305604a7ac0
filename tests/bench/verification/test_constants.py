"""Differences that the digits of a constant explain: they are measured and named, and hide nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from flint import arb, ctx

from gradiometer.graph.literals import literal
from gradiometer.verification.constants.closed_forms import closed_form
from gradiometer.verification.verdict import LEAST_DIGITS
from tests.bench.verification.small_problems import first_verdict, make

TENTH = torch.tensor(0.1)


def cubes(x):
    return 0.3 * (x**3).sum()


def scaled_by_pi(x):
    return math.pi * (x * x).sum()


def gelu(x):
    return torch.nn.functional.gelu(x, approximate="tanh").sum()


def gelu_gradient(x, root):
    t = torch.tanh(root * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x)


# name → loss, form, digits, words in the remarks
EXPLAINED = {
    "decimals": (cubes, lambda x: 0.9 * x * x, 16, "0.9 is rounded"),
    "float32": (scaled_by_pi, lambda x: 2 * torch.tensor(math.pi) * x, 7, "3.1415927 is π to 7 digits"),
    "three digits": (scaled_by_pi, lambda x: 6.28 * x, 3, "6.28 is 2 · π to 3 digits"),
    "ten digits": (scaled_by_pi, lambda x: 6.283185307 * x, 10, "6.283185307 is 2 · π to 10 digits"),
    "inside tanh": (gelu, lambda x: gelu_gradient(x, 0.7978845608), 10, "0.7978845608 is √(2/π) to 10 digits"),
}
UNEXPLAINED = {
    "no rounded constant": lambda x: 0.9 * x * x * (1 + 2.0**-45),
    "behind constants that cancel": lambda x: 0.9 * x * x * (1 + 2.0**-45) + 4096 * (0.1 * x - 0.1 * x),
    "behind 17 digits that cancel": lambda x: 0.9 * x * x * (1 + 2.0**-45) + 4096 * (2 / 7 * x - 2 / 7 * x),
    "behind a float32 that cancels": lambda x: 0.9 * x * x * (1 + 2.0**-30) + 1e6 * (TENTH - TENTH),
    "another sum than the constant allows": lambda x: 0.9 * x * x + 2.0**-60 * x,
    "more than the digits allow": lambda x: 0.9002 * x * x,
}  # fmt: skip


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_difference_within_a_constants_digits_agrees_to_them(name):
    loss, form, digits, words = EXPLAINED[name]
    verdict = first_verdict(make(loss, {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == "agrees", verdict.text
    assert abs(verdict.digits - digits) <= 1, verdict.text
    assert words in verdict.remarks, verdict.text
    assert verdict.is_right == (digits >= LEAST_DIGITS)


@pytest.mark.parametrize("name", UNEXPLAINED)
def test_constants_hide_no_other_difference(name):
    verdict = first_verdict(make(cubes, {"x": {"form": UNEXPLAINED[name]}}, {"x": "n"}))
    assert verdict.verdict == "wrong", verdict.text


def test_a_wrong_entry_behind_a_large_sum_has_few_digits():
    """The digits are relative to the value, which is far below its terms."""
    form = lambda x: TENTH * 1e6 - TENTH * 1e6 + 2.001 * x  # noqa: E731
    verdict = first_verdict(make(lambda x: (x * x).sum(), {"x": {"form": form}}, {"x": "n"}))
    assert verdict.verdict == "wrong", verdict.text
    assert 3 <= verdict.digits < 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (lambda: (2 / arb.pi()).sqrt(), "√(2/π)"), (lambda: 3 * arb.pi() / 2, "3/2 · π"), (lambda: arb(2) / 7, "2/7"),
        (lambda: arb(2).log(), "log 2"), (lambda: arb.const_euler(), "γ"), (lambda: arb("0.7317320508"), None),
    ],
)  # fmt: skip
def test_closed_forms(value, text):
    with ctx.workprec(200):
        assert closed_form(value()) == text


@pytest.mark.parametrize(
    ("value", "dtype", "digits", "fills"),
    [
        (0.1, torch.float64, 1, False), (-0.7978845608, torch.float64, 10, False), (2 / 7, torch.float64, 16, True),
        (math.pi, torch.float32, 8, True), (1e-12, torch.float64, 1, False),
    ],
)  # fmt: skip
def test_digits_of_a_literal(value, dtype, digits, fills):
    found = literal(float(torch.tensor(value, dtype=dtype)), dtype)
    assert (found.digits, found.fills_format) == (digits, fills)
    assert abs(found.value - abs(value)) <= 1e-7


@pytest.mark.parametrize("value", [3.0, 0.375, 2.0**-60, float("inf"), 0.0])
def test_exact_literals(value):
    assert literal(value) is None
