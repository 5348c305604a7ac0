import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradiometer.accuracy import metrics, reference
from gradiometer.accuracy.cache import Cache
from gradiometer.accuracy.reference import References
from gradiometer.graph.arithmetic import enclosure
from gradiometer.graph.arithmetic.enclosure import exact
from gradiometer.problems import PROBLEMS, Problem
from gradiometer.problems.inputs import draw, rounded
from gradiometer.storage.schema import DATA, DTYPES

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
@given(st.sampled_from((*DATA, "near_optimum")), st.sampled_from(list(DTYPES)), st.integers(0, 1000), st.integers(2, 7))
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
@pytest.mark.parametrize("data", (*DATA, "near_optimum"))
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


def test_transcendental_functions_are_enclosed_in_balls():
    toy = problem_of(lambda x: x.exp().sum())
    x = draw(toy, {"n": 5}, "normal", 0)
    found = References().of(toy, ("x",), {"n": 5}, x, "float64")
    assert found.kind == "ball"
    assert np.allclose(found.hi, np.exp(x["x"].numpy()), rtol=1e-15)


def test_a_loss_that_cannot_be_traced_has_a_float64_reference():
    toy = problem_of(lambda x: (x * x).sum() if float(x[0]) > -9 else x.sum())
    x = draw(toy, {"n": 5}, "normal", 0)
    found = References().of(toy, ("x",), {"n": 5}, x, "float32")
    assert found.kind == "float64"
    assert found.radius_ulp is None
    assert np.array_equal(found.hi, 2 * x["x"].numpy())


def test_a_structurally_zero_gradient_has_a_small_backward_error():
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


EXACT = ("textbook", "factored", "gram", "gram_prepared")


@pytest.mark.parametrize("data", (*DATA, "near_optimum"))
@pytest.mark.parametrize("wrt", BATCH.wrts)
def test_the_cheapest_form_gives_the_same_reference_and_the_same_terms(data, wrt):
    dims, names = BATCH.dims_at(12), BATCH.wrts[wrt]
    inputs = rounded(draw(BATCH, dims, data, 0), torch.float32)
    by_loss = References(Cache(None)).of(BATCH, names, dims, inputs, "float32")
    by_form = References(Cache(None)).of(BATCH, names, dims, inputs, "float32", EXACT)
    assert np.abs((by_form.hi - by_loss.hi) + (by_form.lo - by_loss.lo)).max() <= 1e-30 * by_loss.terms.max()
    assert np.array_equal(by_form.terms, by_loss.terms)
    assert by_form.radius_ulp < 2.0**-20


def evaluated(monkeypatch):
    """The graphs that are evaluated exactly from here on."""
    graphs = []
    monkeypatch.setattr(reference, "exact", lambda graph, *rest: graphs.append(graph.code) or exact(graph, *rest))
    return graphs


def test_the_graph_with_the_least_work_is_evaluated(monkeypatch):
    seen = evaluated(monkeypatch)
    for m, moment_first in ((1.0, True), (0.1, False)):  # with few samples XᵀX is the detour
        dims = BATCH.dims_at(20, {"m": m})
        inputs = draw(BATCH, dims, "uniform", 0)
        References(Cache(None)).of(BATCH, ("W2",), dims, inputs, "float64", EXACT)
        assert ("mm.default(permute_default, x0)" in seen.pop()) == moment_first


def test_a_form_that_is_wrong_at_other_sizes_is_not_used():
    def late_slip(x):
        return 2 * x if len(x) < 17 else 3 * x

    toy = problem_of(lambda x: (x * x).sum())
    toy = dataclasses.replace(toy, gradients={"x": {"late_slip": late_slip}})
    for n, kind in ((7, "integer"), (19, "integer")):
        x = draw(toy, {"n": n}, "normal", 0)
        found = References(Cache(None)).of(toy, ("x",), {"n": n}, x, "float64", ["late_slip"])
        assert found.kind == kind
        assert np.array_equal(found.hi, 2 * x["x"].numpy())


def test_problems_that_share_form_and_inputs_share_their_reference(monkeypatch, tmp_path):
    seen, dims = evaluated(monkeypatch), BATCH.dims_at(9)
    inputs = rounded(draw(BATCH, dims, "uniform", 0), torch.float16)
    found = []
    for name in ("linear_autoencoder_batch", "linear_autoencoder_batch_mse"):
        references = References(Cache(tmp_path))  # as another process would
        found += [references.of(PROBLEMS[name], ("W1",), dims, inputs, "float16", EXACT) for _ in range(2)]
        assert len(seen) == 1
    assert all(np.array_equal(one.hi, found[0].hi) and np.array_equal(one.lo, found[0].lo) for one in found)
    assert found[0].radius_ulp == found[1].radius_ulp < 2.0**-20
    for changed in (inputs | {"W1": inputs["W1"] * 2}, inputs | {"X": inputs["X"].float()}):
        References(Cache(tmp_path)).of(BATCH, ("W1",), dims, changed, "float16", EXACT)
    assert len(seen) == 3


def test_a_cached_reference_is_used_only_where_its_radius_suffices(monkeypatch):
    """Balls are as narrow as the dtype asks; a narrower one is not served from a wider one's entry."""
    toy, seen, cache = problem_of(lambda x: x.exp().sum()), evaluated(monkeypatch), Cache(None)
    monkeypatch.setattr(reference, "content_key", lambda graph, inputs, what: what)  # as if both dtypes had one key
    monkeypatch.setattr(enclosure, "FIRST_PRECISION", 40)
    x = rounded(draw(toy, {"n": 5}, "normal", 0), torch.bfloat16)
    for dtype, evaluations in (("bfloat16", 1), ("bfloat16", 1), ("float64", 2), ("bfloat16", 2)):
        assert References(cache).of(toy, ("x",), {"n": 5}, x, dtype).radius_ulp < 2.0**-20
        assert len(seen) == evaluations


class _Tripled(torch.autograd.Function):
    """x², whose backward is 3x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        return 3 * ctx.saved_tensors[0] * gradient


def test_a_reference_that_autograd_contradicts_is_refused():
    x = {"x": torch.rand(4, dtype=torch.float64)}
    contradicted = References().of(problem_of(lambda x: _Tripled.apply(x).sum()), ("x",), {"n": 4}, x, "float64")
    assert contradicted.refused is not None
    assert References().of(problem_of(lambda x: (x * x).sum()), ("x",), {"n": 4}, x, "float64").refused is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_entry_that_is_exactly_zero_or_underflows_has_a_reference(dtype):
    x = {"x": torch.tensor([-1.0, 0.5, -800.0], dtype=torch.float64)}
    for loss in (
        lambda x: torch.relu(x).exp().sum(),
        lambda x: x.exp().sum(),
        lambda x: (x.clamp(0) ** 3).tanh().sum(),
    ):
        found = References().of(problem_of(loss), ("x",), {"n": 3}, rounded(x, getattr(torch, dtype)), dtype)
        assert found.kind == "ball"
        assert found.hi[2] == 0
        assert found.refused is None
