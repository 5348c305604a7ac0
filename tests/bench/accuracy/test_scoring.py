import numpy as np
import pytest
import torch

from gradiometer.accuracy.bounds import Bounds
from gradiometer.accuracy.cache import Cache
from gradiometer.accuracy.gradients import bits_of
from gradiometer.accuracy.reference import Reference, References
from gradiometer.accuracy.scoring import Draw, Gradient, error_row
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import PROBLEMS, Problem
from gradiometer.problems.inputs import draw, rounded
from gradiometer.study.plan import Case

BATCH = PROBLEMS["linear_autoencoder_batch"]
ERRORS = ("rel_fro", "rel_max", "comp_max", "ulp_max", "ulp_mean", "ulp_p50", "ulp_p99", "digits", "bwd_max_u")


def row(computed, truth, terms, dtype="float32", method="factored", bound=1.0):
    """One row of `errors` for a gradient of W1."""
    case = Case(BATCH, "W1", 8, (), dtype, "cpu", 1, "ieee", "hot", (method,), ("uniform",), 1)
    truth = np.asarray(truth, dtype=np.float64)
    reference = Reference("integer", truth, np.zeros_like(truth), 1e-9, np.asarray(terms, dtype=np.float64))
    draw = Draw("uniform", 0, reference, {"factored": np.full(len(truth), bound)})
    return error_row("run", method, case, draw, Gradient(np.asarray(computed, dtype=dtype).tobytes(), "hash"))


def rows(problem, dtype, wrt="x"):
    """Rows of the forms and of autograd at size 8, with their real references and bounds."""
    methods = (*problem.forms(wrt), "autograd")
    case = Case(problem, wrt, 8, (), dtype, "cpu", 1, "ieee", "hot", methods, ("uniform",), 1)
    inputs, names = rounded(draw(problem, case.dims, "uniform", 0), getattr(torch, dtype)), problem.wrts[wrt]
    reference = References(Cache(None)).of(problem, names, case.dims, inputs, dtype)
    drawn = Draw("uniform", 0, reference, Bounds().of(problem, wrt, case.dims, inputs, dtype, methods))
    makes = {name: prepare_form(form, inputs) for name, form in problem.forms(wrt).items()}
    makes["autograd"] = METHODS["autograd"].prepare(objective(problem, names, inputs))
    return {name: error_row("run", name, case, drawn, Gradient(bits_of(make()()))) for name, make in makes.items()}


def test_an_infinite_gradient_has_counts_and_no_metrics():
    found = row(np.full(3, np.inf), [1e5, 1.0, -2.0], [1e5, 1.0, 2.0], "float16")
    assert (found.status, found.n_inf, found.n_nan, found.n_spurious) == ("nonfinite", 3, 0, 2)
    assert all(getattr(found, name) is None for name in (*ERRORS, "bound_share"))
    assert "3 infinite entries of 3, 2 of them though the true value is in range" in found.reason


def test_a_structurally_zero_gradient_has_a_backward_error_and_no_relative_error():
    found = row([1e-8, -2e-8, 0.0], np.zeros(3), np.ones(3))
    assert found.status == "ok"
    assert found.rel_fro is None
    assert found.digits is None
    assert found.bwd_max_u < 1
    assert found.bound_share == np.float32(2e-8)


@pytest.mark.parametrize("computed", [0.0, 1e-30])
def test_a_gradient_whose_true_value_is_zero_is_finite(computed):
    found = row(np.full(3, computed), np.zeros(3), np.zeros(3))
    assert (found.status, found.n_nan, found.n_inf, found.n_spurious, found.n_zeroed) == ("ok", 0, 0, 0, 0)
    assert found.rel_fro == (0.0 if computed == 0 else None)
    assert found.digits == (pytest.approx(7.22, abs=0.01) if computed == 0 else None)


def test_zeros_where_the_true_entries_are_not_are_a_failure():
    found = row([0.0, 0.0], [1.0, -2.0], [1.5, 2.5], "float16", bound=2.0)
    assert (found.status, found.n_zeroed, found.rel_fro, found.digits) == ("zeroed", 2, 1.0, 0.0)
    partly = row([0.0, 1.0], [1.0, 1.0], [1.0, 1.0], "float16", bound=2.0)
    assert (partly.status, partly.n_zeroed) == ("zeroed", 1)


@pytest.mark.parametrize(
    ("computed", "truth", "terms"),
    [
        ([0.0, 0.0], [1e-6, 1e-6], [1e-6, 1e-6]),  # below the least normal number
        ([0.0, 1.0], [0.05, 1.0], [1.0, 1.0]),  # cancels
        ([0.0, 1.0], [2e-3, 1.0], [2e-3, 1.0]),  # a small share of the norm
        ([0.0, 1.0], [0.0, 1.0], [1.0, 1.0]),
    ],
)
def test_zeros_that_roundings_explain_are_no_failure(computed, truth, terms):
    assert row(computed, truth, terms, "float16").status == "ok"


def test_an_error_above_its_worst_case_bound_refutes_a_form_and_nothing_else():
    wrong = row([3.0, 5.0], [1.0, 3.5], [1.0, 3.5])
    assert (wrong.status, wrong.bound_share) == ("wrong", 2.0)
    assert row([3.0, 5.0], [1.0, 3.5], [1.0, 3.5], method="autograd").status == "ok"
    assert row([1.9, 4.4], [1.0, 3.5], [1.0, 3.5]).status == "ok"


def test_constants_that_a_form_computes_in_python_do_not_refute_it():
    problem = Problem(
        name="scaled", loss=lambda x: (0.05 * x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
        gradients={"x": {"rounded": lambda x: (10.1 - 10) * x, "off": lambda x: 0.100001 * x}},
    )  # fmt: skip
    found = rows(problem, "float64")
    assert found["rounded"].bound_share > 1
    assert (found["rounded"].status, found["off"].status) == ("ok", "wrong")


RATIO = Problem(
    name="ratio", loss=lambda x, d: (x / d).sum(), shapes={"x": "n", "d": "n"}, dims={"n": 1.0},
    gradients={
        "d": {
            "squared": lambda x, d: -x / (d * d),  # overflows in float16, so that the quotient is zero
            "divided_twice": lambda x, d: -x / d / d,
            "doubled": lambda x, d: -2 * x / d / d,
        }
    },
    sample=lambda data, dims, generator: {name: torch.full((dims["n"],), 300.0).double() for name in "xd"},
)  # fmt: skip


def test_a_needless_overflow_is_seen_beside_autograd():
    found = rows(RATIO, "float16", "d")
    assert {name: one.status for name, one in found.items()} == {
        "squared": "zeroed", "divided_twice": "ok", "doubled": "wrong", "autograd": "ok",
    }  # fmt: skip
    assert found["squared"].n_zeroed == 8
    assert found["autograd"].digits > 3
    assert {one.status for name, one in rows(RATIO, "float32", "d").items() if name != "doubled"} == {"ok"}
