"""Estimates and their intervals."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gradiometer.statistics import Estimate, half_width, welch, with_intervals


def test_an_estimate_over_values_is_students_t_on_their_logs():
    values = np.array([1.0, 1.1, 0.9, 1.3])
    expected = stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    assert Estimate.of(values).interval() == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert Estimate.of(values).value == pytest.approx(stats.gmean(values))


def test_one_value_has_no_error_and_an_exact_one_has_none_to_show():
    alone = Estimate.of([2.0])
    assert alone.value == 2 and math.isnan(alone.log_se) and math.isnan(alone.interval()[0])
    assert Estimate(1.0, 0.0, math.inf).interval() == (1.0, 1.0)


def test_displayed_columns_are_the_intervals_of_the_estimates():
    cells = pd.DataFrame({"time_s": [1e-5, np.nan], "time_log_se": [0.1, np.nan], "time_df": [3.0, np.nan],
                          "ratio": [1.0, 2.0], "ratio_log_se": [0.0, 0.2], "ratio_df": [np.inf, np.inf]})  # fmt: skip
    found = with_intervals(cells)
    low, high = Estimate(1e-5, 0.1, 3.0).interval()
    assert (found.loc[0, "time_low_s"], found.loc[0, "time_high_s"]) == (low, high)
    assert found["ratio_low"].tolist() == pytest.approx([1, 2 * math.exp(-0.2 * stats.norm.ppf(0.975))])
    assert np.isnan(found.loc[1, "time_low_s"])


def test_welch_is_that_of_two_samples():
    random = np.random.default_rng(0)
    one, other = random.normal(0, 1, 5), random.normal(0, 3, 9)
    errors = np.array([stats.sem(one), stats.sem(other)])
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert half_width(errors, np.array([4.0, 8.0])) == pytest.approx((interval.high - interval.low) / 2)
    assert welch(np.array([1.0, 0.0]), np.array([3.0, np.inf]))[1] == 3
