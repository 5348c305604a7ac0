import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradiometer.accuracy import metrics
from gradiometer.storage.schema import DTYPES

FLOAT32 = DTYPES["float32"]


@given(st.floats(-1e30, 1e30, allow_subnormal=False))
def test_a_unit_in_the_last_place_is_the_spacing_of_the_dtypes_numbers(value):
    here = np.float32(value)
    expected = float(np.spacing(np.abs(here)))
    assert metrics.ulp_of(np.array([float(here)]), FLOAT32)[0] == expected


def test_one_rounding_is_half_an_ulp_at_most():
    exact = np.random.default_rng(0).normal(size=1000)
    row = metrics.score(exact.astype(np.float32).astype(float), exact, FLOAT32)
    assert 0.49 < row["ulp_max"] <= 0.5
    assert row["rel_fro"] < FLOAT32.unit_roundoff
    assert metrics.digits(1e-3, FLOAT32) == pytest.approx(3)
    assert row["n_nan"] == row["n_inf"] == row["n_underflow"] == 0


def test_each_metric_of_errors_from_0_to_100_units_in_the_last_place():
    reference = np.where(np.arange(101) == 0, 4.0, 1.0)
    row = metrics.score(reference + np.arange(101) * 2.0**-23, reference, FLOAT32)
    assert {name: row[name] for name in ("ulp_max", "ulp_mean", "ulp_p50", "ulp_p99")} == {
        "ulp_max": 100, "ulp_mean": 50, "ulp_p50": 50, "ulp_p99": 99,
    }  # fmt: skip
    assert row["rel_max"] == 25 * 2.0**-23
    assert row["comp_max"] == 100 * 2.0**-23
    assert row["rel_fro"] == pytest.approx(2.0**-23 * (338350 / 116) ** 0.5)


def test_an_infinite_gradient_has_counts_and_no_metrics():
    row = metrics.score(np.full(6, np.inf), np.array([1e5, 1.0, 2.0, 1e6, 3.0, 7e4]), DTYPES["float16"])
    assert (row["n_inf"], row["n_spurious"]) == (6, 3)
    assert not set(row) & {*metrics.METRICS, "ulp_max", "digits"}


def test_nothing_overflows_or_divides_by_zero_at_the_ends_of_the_range():
    huge = np.array([1e300, -1e300])
    assert metrics.score(huge * (1 + 1e-10), huge, DTYPES["float64"])["rel_fro"] == pytest.approx(1e-10, rel=1e-4)
    zero = np.zeros(3)
    assert metrics.score(zero, zero, FLOAT32)["rel_fro"] == 0
    off = metrics.score(zero + 1e-20, zero, FLOAT32)
    assert off["rel_fro"] is None
    assert off["comp_max"] is None
    assert off["digits"] is None


def test_entries_that_underflow_are_counted():
    assert metrics.score(np.array([0.0, 1.0]), np.array([1e-9, 1.0]), DTYPES["float16"])["n_underflow"] == 1


def test_digits_lie_between_0_and_those_of_the_dtype():
    assert metrics.digits(10.0, FLOAT32) == 0
    assert metrics.digits(0.0, FLOAT32) == pytest.approx(7.22, abs=0.01)
