import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradiometer.problems import PROBLEMS, Problem, ProblemError, inputs

SINGLE, BATCH = PROBLEMS["linear_autoencoder"], PROBLEMS["linear_autoencoder_batch"]


def test_the_bits_never_change():
    """Another machine, torch version or operating system draws the same numbers."""
    dims = SINGLE.dims_at(9)
    assert {
        data: inputs.digest(inputs.draw(SINGLE, dims, data, 3)) for data in ("uniform", "normal", "near_optimum")
    } == {
        "uniform": "169598daf3696a0a",
        "normal": "805241be54dc7587",
        "near_optimum": "697ec0a21aa42a7b",
    }


def test_problems_that_share_an_input_share_its_bits():
    twin = dataclasses.replace(BATCH, name="twin", loss=lambda X, W1, W2: (X @ W1.T @ W2.T).sum())
    for data in ("uniform", "normal", "near_optimum"):
        one, other = (inputs.draw(problem, BATCH.dims_at(12), data, 1) for problem in (BATCH, twin))
        assert all(torch.equal(one[name], other[name]) for name in one)
    single = inputs.draw(SINGLE, SINGLE.dims_at(12), "uniform", 1)
    assert torch.equal(single["W1"], inputs.draw(BATCH, BATCH.dims_at(12), "uniform", 1)["W1"])


def test_seeds_kinds_names_and_shapes_all_change_the_draw():
    drawn = [
        inputs.draw(BATCH, BATCH.dims_at(size), data, seed)
        for size, data, seed in ((8, "uniform", 0), (8, "uniform", 1), (8, "normal", 0), (9, "uniform", 0))
    ]
    assert len({inputs.digest(d) for d in drawn}) == 4
    assert not torch.equal(drawn[0]["W1"], drawn[0]["W2"].T)


def test_normal_data_are_standard_normal():
    x = inputs.draw(plain(), {"n": 40_000}, "normal", 0)["x"]
    assert abs(float(x.mean())) < 0.02
    assert abs(float(x.std()) - 1) < 0.02
    assert abs(float((x.abs() < 1).double().mean()) - math.erf(math.sqrt(0.5))) < 0.01
    assert float(x.abs().max()) > 3.5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(0, 100))
def test_near_the_optimum_rows_are_orthonormal_and_data_lie_in_their_span(size, seed):
    x = inputs.draw(BATCH, BATCH.dims_at(size), "near_optimum", seed)
    W1, W2, X = x["W1"], x["W2"], x["X"]
    assert torch.allclose(W1 @ W1.T, torch.eye(len(W1), dtype=torch.float64), atol=1e-14)
    assert torch.allclose(X @ W1.T @ W1, X, atol=1e-13)
    assert float((W2 - W1.T).abs().max()) <= 2**-11


def plain(**changes):
    known = {
        "name": "plain", "loss": lambda x: x.sum(), "shapes": {"x": "n"}, "dims": {"n": 1.0},
        "gradients": {"x": {"ones": lambda x: torch.ones_like(x)}},
    }  # fmt: skip
    return Problem(**known | changes)


def test_a_kind_that_a_problem_does_not_have_is_none():
    assert inputs.draw(plain(), {"n": 3}, "near_optimum", 0) is None
    assert inputs.draw(BATCH, BATCH.dims_at(4, {"p": 2.0}), "near_optimum", 0) is None
    called = []
    problem = plain(sample=lambda data, dims, generator: called.append(data))
    assert inputs.draw(problem, {"n": 3}, "near_optimum", 0) is None
    assert not called


def test_a_problem_draws_its_own_kind_of_data():
    problem = plain(
        data=("ramp",), sample=lambda data, dims, generator: {"x": torch.arange(3.0).double()} if data == "ramp" else {}
    )
    assert inputs.draw(problem, {"n": 3}, "ramp", 0)["x"].tolist() == [0, 1, 2]
    assert torch.equal(
        inputs.draw(problem, {"n": 3}, "normal", 0)["x"], inputs.draw(plain(), {"n": 3}, "normal", 0)["x"]
    )


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"x": torch.zeros(2)}, r"x is torch.float32 \(2,\); expected a float64 tensor of shape \(3,\)"),
        ({"x": [0.0]}, "x is list; expected a float64 tensor"),
        ({"X": torch.zeros(3).double()}, "sample returns X; the inputs are x"),
        ([torch.zeros(3).double()], "sample returns list; expected tensors by name, or None"),
        ({}, "sample returns no x for ramp data; return every input, or None"),
    ],
)
def test_what_a_sampler_returns_is_checked(returned, message):
    problem = plain(data=("ramp",), sample=lambda data, dims, generator: returned)
    with pytest.raises(ProblemError, match=message):
        inputs.draw(problem, {"n": 3}, "ramp", 0)
