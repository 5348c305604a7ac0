"""A right gradient of each loss of one operation gets the verdict that the table names."""

from __future__ import annotations

from collections import Counter

import pytest

from gradiometer.verification import verify
from gradiometer.verification.verdict import VERDICTS
from tests.bench.verification.one_operation_losses import FAMILIES, problem

FAST = [("products", "matmul of vector and matrix"), ("activations", "gelu")]
"""Losses that every run verifies; the rest is marked slow."""


def verdicts(family, operation):
    """The verdicts on the form and on PyTorch's own derivative."""
    return [verdict.verdict for verdict in verify(problem(family, operation))]


@pytest.mark.parametrize(("family", "operation"), FAST)
def test_the_verdict_is_the_one_of_the_table(family, operation):
    level = FAMILIES[family][operation][0]
    assert verdicts(family, operation) == [level, level]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_each_loss_of_a_family_reaches_its_level(family):
    found = {operation: verdicts(family, operation)[0] for operation in FAMILIES[family]}
    print(family, dict(Counter(found.values())))
    expected = {operation: level for operation, (level, *_) in FAMILIES[family].items()}
    order = list(VERDICTS)
    below = {one: found[one] for one in found if order.index(found[one]) > order.index(expected[one])}
    assert not below
