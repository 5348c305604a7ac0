from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import metrics
from bench.inputs import draw, rounded
from bench.problems import PROBLEMS, Problem
from bench.reference import References
from bench.schema import DATA, DTYPES

BATCH = PROBLEMS["linear_autoencoder_batch"]


def rational_gradient(inputs):
    """dW1 of the batch problem in Python's own fractions: slow, and sharing nothing with what it checks."""
    X, W1, W2 = (
        [[Fraction(value) for value in row] for row in inputs[name].double().tolist()] for name in ("X", "W1", "W2")
    )

    def times(a, b):
        return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a]

    def turned(a):
        return list(zip(*a, strict=True))

    reconstructed = times(times(X, turned(W1)), turned(W2))
    E = [[p - q for p, q in zip(*rows, strict=True)] for rows in zip(reconstructed, X, strict=True)]
    return [2 * value / len(X) for row in times(turned(times(E, W2)), X) for value in row]


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(DATA), st.sampled_from(list(DTYPES)), st.integers(0, 1000), st.integers(2, 7))
def test_the_reference_encloses_the_gradient_in_rational_arithmetic(data, dtype, seed, size):
    dims = BATCH.dims_at(size, {"m": 1.5})
    inputs = rounded(draw(BATCH, dims, data, seed), getattr(torch, dtype))
    found = References().of(BATCH, ("W1",), dims, inputs, dtype)
    assert found.kind == "integer"
    assert found.radius_ulp < 2.0**-20
    unit = np.maximum(metrics.ulp_of(found.hi, DTYPES[dtype]), DTYPES[dtype].unit_roundoff * found.terms)
    for truth, hi, lo, one in zip(rational_gradient(inputs), found.hi, found.lo, unit, strict=True):
        assert abs(truth - Fraction(hi) - Fraction(lo)) <= Fraction(max(found.radius_ulp * one, 1e-300))


@pytest.mark.parametrize("name", ["linear_autoencoder", "linear_autoencoder_batch"])
@pytest.mark.parametrize("data", DATA)
def test_the_sum_of_terms_bounds_the_gradient_and_matches_the_formula(name, data):
    problem, size = PROBLEMS[name], 9
    dims = problem.dims_at(size)
    inputs = draw(problem, dims, data, 0)
    found = References().of(problem, ("W1",), dims, inputs, "float64")
    assert (found.terms >= np.abs(found.hi) * (1 - 1e-12)).all()
    W1, W2 = inputs["W1"].abs(), inputs["W2"].abs()
    X = inputs["X"].abs() if "X" in inputs else inputs["Y"].abs().T
    residual = X @ W1.T @ W2.T + X
    scale = 2 / len(X) if "X" in inputs else 2
    expected = (scale * (residual @ W2).T @ X).numpy().ravel()
    assert np.allclose(found.terms, expected, rtol=1e-12)


def problem_of(loss):
    return Problem(name="toy", loss=loss, shapes={"x": "n"}, dims={"n": 1.0}, gradients={"x": {"none": lambda x: x}})


def test_functions_that_no_integer_holds_are_enclosed_by_balls():
    toy = problem_of(lambda x: x.exp().sum())
    x = draw(toy, {"n": 5}, "normal", 0)
    found = References().of(toy, ("x",), {"n": 5}, x, "float64")
    assert found.kind == "ball"
    assert np.allclose(found.hi, np.exp(x["x"].numpy()), rtol=1e-15)


def test_what_cannot_be_traced_falls_back_to_float64_and_says_so():
    toy = problem_of(lambda x: (x * x).sum() if float(x[0]) > -9 else x.sum())
    x = draw(toy, {"n": 5}, "normal", 0)
    found = References().of(toy, ("x",), {"n": 5}, x, "float32")
    assert found.kind == "float64"
    assert found.radius_ulp is None
    assert np.array_equal(found.hi, 2 * x["x"].numpy())


def test_a_structurally_zero_gradient_reads_as_such_in_units_of_its_terms():
    """W2 = W1ᵀ with orthonormal rows: dW1 is exactly zero, so any rounding is an infinite relative error."""
    dims = BATCH.dims_at(8)
    inputs = rounded(draw(BATCH, dims, "near_optimum", 0), torch.float32)
    inputs["W1"] = torch.eye(4, 8)
    inputs["W2"] = torch.eye(8, 4) + 0.0
    found = References().of(BATCH, ("W1",), dims, inputs, "float32")
    computed = np.full_like(found.hi, 1e-8) * (found.terms > 0)
    row = metrics.score(computed, found.hi, DTYPES["float32"], found.lo, found.terms)
    assert not found.hi.any()
    assert row["rel_fro"] is None
    assert row["bwd_max_u"] < 10
