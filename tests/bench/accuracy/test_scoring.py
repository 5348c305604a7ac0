
import numpy as np

from gradiometer.accuracy.reference import Reference
from gradiometer.accuracy.scoring import Draw, Gradient, error_row
from gradiometer.problems import PROBLEMS
from gradiometer.study.plan import Case

BATCH = PROBLEMS["linear_autoencoder_batch"]
ERRORS = ("rel_fro", "rel_max", "comp_max", "ulp_max", "ulp_mean", "ulp_p50", "ulp_p99", "digits", "bwd_max_u")


def row(computed, truth, terms, dtype="float32", method="factored"):
    """One row of `errors` for a gradient of W1."""
    case = Case(BATCH, "W1", 8, (), dtype, "cpu", 1, "ieee", "hot", (method,), ("uniform",), 1)
    truth = np.asarray(truth, dtype=np.float64)
    reference = Reference("integer", truth, np.zeros_like(truth), 1e-9, np.asarray(terms, dtype=np.float64))
    draw = Draw("uniform", 0, reference, {"factored": np.full(len(truth), 1.0)})
    return error_row("run", method, case, draw, Gradient(np.asarray(computed, dtype=dtype).tobytes(), "hash"))


def test_an_all_infinite_gradient_is_counted_and_has_no_error():
    found = row(np.full(3, np.inf), [1e5, 1.0, -2.0], [1e5, 1.0, 2.0], "float16")
    assert (found.status, found.n_inf, found.n_nan, found.n_spurious) == ("nonfinite", 3, 0, 2)
    assert all(getattr(found, name) is None for name in (*ERRORS, "bound_share"))
    assert "3 infinite entries of 3, 2 of them though the true value is in range" in found.reason


def test_a_gradient_that_is_structurally_zero_has_no_relative_error_but_one_in_units_of_its_terms():
    found = row([1e-8, -2e-8, 0.0], np.zeros(3), np.ones(3))
    assert found.status == "ok"
    assert found.rel_fro is None
    assert found.digits is None
    assert found.bwd_max_u < 1
    assert found.bound_share == np.float32(2e-8)
