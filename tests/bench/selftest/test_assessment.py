"""What the selftest reports on trials whose truth is known."""

import numpy as np
import pytest

from gradiometer.selftest import assessment, candidates
from gradiometer.selftest.trials import Trial, frame_of
from tests.research import peers


def trial(experiment, duration="50us", **fields):
    blank = dict.fromkeys(Trial.__dataclass_fields__)
    known = {"condition": "as is", "harness": "gradiometer", "trial": 0, "ratio": 1.0, "budget_s": 0.6, "wall_s": 0.6}
    return Trial(**blank | known | {"experiment": experiment, "duration": duration} | fields)


def pairs(experiment, out, of, truth=1.0, **fields):
    """So many trials, of which `out` have an interval that excludes the truth."""
    low, high = [0.99 * truth, 1.001 * truth], [1.01 * truth, 1.02 * truth]
    return [
        trial(experiment, truth=truth, low=low[i < out], high=high[i < out], verdict="same", **fields)
        for i in range(of)
    ]


def is_met(function, trials):
    return [line.is_met for line in function(frame_of(trials)) if not line.text.startswith(" ")]


@pytest.mark.parametrize(("out", "met"), [(0, False), (5, True), (9, False)])
def test_a_95_percent_interval_excludes_the_truth_as_often_as_it_should_and_no_less(out, met):
    assert is_met(assessment.false_alarms, pairs("null", out, 100)) == [met]


def test_one_bad_condition_is_not_hidden_by_good_ones():
    good = [row for where in ("a", "b", "c", "d") for row in pairs("null", 3, 100, condition=where)]
    assert is_met(assessment.false_alarms, good) == [True]
    assert is_met(assessment.false_alarms, good + pairs("null", 12, 100, condition="e")) == [False]


def test_few_trials_decide_nothing():
    few = frame_of(pairs("null", 0, 8) + pairs("known", 1, 8, 1.2))
    assert {line.is_met for line in assessment.lines(few)} == {None}


def test_false_verdicts_are_counted():
    right = pairs("null", 20, 400)
    wrong = [trial("null", low=1.02, high=1.03, verdict="slower")] * 2
    assert is_met(assessment.false_verdicts, right) == [True]
    assert is_met(assessment.false_verdicts, right + wrong) == [False]


@pytest.mark.parametrize(("out", "met"), [(7, True), (8, False)])
def test_known_ratios_are_covered(out, met):
    assert is_met(assessment.known, pairs("known", out, 100, 1.05)) == [met]


@pytest.mark.parametrize(("half", "met"), [(0.02, True), (0.004, False)])
def test_a_run_covers_the_mean_of_the_others(half, met):
    ratios = 1.7 * np.exp(np.random.default_rng(0).normal(0, 0.008, 40))
    rows = [trial("distinct", ratio=r, low=r * (1 - half), high=r * (1 + half), between=0.01) for r in ratios]
    assert is_met(assessment.distinct, rows) == [met]


def test_differences_and_a_candidate_that_empties_the_caches():
    found = [trial("difference", "+3%", verdict="slower", low=1.02)] * 19
    missed = [trial("difference", "+3%", verdict="undecided", low=0.99)]
    assert is_met(assessment.differences, found + missed) == [True]
    assert is_met(assessment.differences, found + missed * 2) == [False]
    alone = [trial("hostile", "alone", ratio=1.7, time_s=1e-4)] * 20
    for slower, met in ((1.02, True), (1.05, False)):
        beside = [trial("hostile", "beside", ratio=1.7, time_s=slower * 1e-4)] * 20
        assert is_met(assessment.hostile, alone + beside) == [met]


def test_the_smallest_detectable_difference_is_the_band_and_nearly_two_half_widths():
    rows = [trial("null", low=0.99, high=1.01)] * 5 + [trial("null", "1ms", low=0.9, high=1.1)]
    busy = [trial("null", low=0.5, high=2.0, condition="loaded")] * 20
    found = assessment.smallest_differences(frame_of(rows + busy))
    assert found["50us"] == pytest.approx(0.01 + assessment.POWER * 0.01, rel=0.02)
    assert found["1ms"] > 0.18


def test_peers_with_a_larger_and_a_smaller_error():
    rng = np.random.default_rng(0)
    errors = {"gradiometer": 0.002, "alike": 0.002, "better": 0.0002, "worse": 0.02}
    rows = [
        trial("peers", harness=harness, ratio=float(np.exp(rng.normal(0, error))))
        for harness, error in errors.items()
        for _ in range(30)
    ]
    assert is_met(peers.compared, rows) == [True, True, False, True]


def test_a_repeated_operation_is_done_as_often_as_asked(monkeypatch):
    calls = []
    monkeypatch.setattr(candidates, "_operation", lambda size: lambda: calls.append(size))
    candidates.repeated("1ms", 21)()
    assert len(calls) == 21
