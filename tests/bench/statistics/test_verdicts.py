"""The decision rule, for one ratio and for a table of them."""

import math

import numpy as np
import pytest

from gradiometer import statistics
from gradiometer.statistics import verdicts


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.98, "faster"),
        (1.02, 3, "slower"),
        (0.995, 1.005, "same"),
        (0.98, 1.005, "undecided"),
        (0.5, 2, "undecided"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_verdicts_against_the_band(low, high, verdict):
    value, log_se = math.sqrt(low * high), math.log(high / low) / 2 / statistics.t_quantile(2.0)
    assert statistics.Ratio(value, log_se, 2.0, 3).verdict == verdict


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.0, "undecided"), (1.07, "undecided"), (0.935, "undecided"), (1.12, "slower")]
)
def test_one_process_alone_decides_only_beyond_what_processes_differ_by(ratio, verdict):
    found = statistics.Ratio(ratio, 1e-4, 5.0, 1)
    assert found.high / found.low < 1.001
    assert found.verdict == verdict


def test_holm_against_the_textbook():
    assert verdicts.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(verdicts.holm([math.nan, 0.01])[0])
    assert verdicts.holm([math.nan, 0.01])[1] == 0.01
    assert len(verdicts.holm([])) == 0


def test_over_a_table_of_null_pairs_at_most_one_table_in_twenty_has_a_false_verdict():
    rng = np.random.default_rng(0)
    tables = 200
    false = 0
    for _ in range(tables):
        error = 0.01 * np.sqrt(rng.chisquare(20, 100) / 20)
        ratios = np.exp(math.log(1.01) + rng.normal(0, 0.01, 100))  # at the band's edge, the worst case of sameness
        false += bool({"faster", "slower"} & set(verdicts.decide(ratios, error, np.full(100, 20.0))))
    assert false / tables <= 0.09


def test_a_table_says_same_where_it_is_known_and_names_the_one_that_differs():
    ratios, errors = np.array([1.0, 1.0, 1.2, 1.0, np.nan]), np.array([1e-3, 0.1, 1e-2, np.nan, 0.1])
    found = verdicts.decide(ratios, errors, np.full(5, 10.0))
    assert found == ["same", "undecided", "slower", None, None]


def test_of_what_is_called_the_same_at_most_one_in_twenty_is_not():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        differs = np.arange(200) < 100
        logs = np.where(differs, math.log(1.05), 0.0) + rng.normal(0, 0.013, 200)  # half at the band's very edge
        found = np.array(verdicts.decide(np.exp(logs), np.full(200, 0.013), np.full(200, np.inf), band=0.05))
        shares.append((found[differs] == "same").sum() / max((found == "same").sum(), 1))
        assert (found[~differs] == "same").mean() > 0.7
    assert np.mean(shares) <= 0.05


def test_one_ratio_is_judged_as_a_table_of_one():
    rng = np.random.default_rng(0)
    for _ in range(50):
        value, log_se, df = np.exp(rng.normal(0, 0.03)), rng.uniform(0, 0.02), rng.uniform(1, 30)
        verdict = statistics.Ratio(value, log_se, df, 3).verdict
        assert verdict == verdicts.decide([value], [log_se], [df])[0]
        low, high = statistics.Estimate(value, log_se, df).interval()
        if verdict in ("faster", "slower"):  # the displayed interval agrees
            assert high < 1 / 1.01 or low > 1.01


def test_a_ratio_from_one_process_is_judged_more_strictly_within_a_table_too():
    ratios, log_ses = np.full(2, 1.07), np.full(2, 1e-4)
    assert verdicts.decide(ratios, log_ses, np.full(2, 5.0), [1, 3]) == ["undecided", "slower"]
