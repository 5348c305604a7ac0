"""What the selftest says of trials whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from gradiometer.selftest import assessment, candidates
from gradiometer.selftest.trials import Trial, frame_of


def trial(experiment, duration="50us", **fields):
    blank = dict.fromkeys(Trial.__dataclass_fields__)
    known = {"condition": "quiet", "harness": "gradiometer", "trial": 0, "ratio": 1.0, "budget_s": 0.6, "wall_s": 0.6}
    return Trial(**blank | known | {"experiment": experiment, "duration": duration} | fields)


def pairs(experiment, out, of, truth=1.0, **fields):
    """So many trials, of which `out` have an interval that leaves out the truth."""
    low, high = [0.99 * truth, 1.001 * truth], [1.01 * truth, 1.02 * truth]
    return [
        trial(experiment, truth=truth, low=low[i < out], high=high[i < out], verdict="same", **fields)
        for i in range(of)
    ]


def said(trials):
    return {line.text.split(";")[0].split(":")[0]: line.is_met for line in assessment.lines(frame_of(trials))}


@pytest.mark.parametrize(("out", "met"), [(0, False), (5, True), (9, False)])
def test_as_many_alarms_as_an_interval_of_95_percent_gives_and_no_fewer(out, met):
    assert said(pairs("null", out, 100))["null pairs, intervals without 1"] is met


def test_one_bad_condition_is_not_hidden_by_good_ones():
    good = [row for where in ("a", "b", "c", "d") for row in pairs("null", 3, 100, condition=where)]
    assert said(good)["null pairs, intervals without 1"] is True
    assert said(good + pairs("null", 12, 100, condition="e"))["null pairs, intervals without 1"] is False


def test_few_trials_decide_nothing():
    assert set(said(pairs("null", 0, 8) + pairs("known", 1, 8, 1.2)).values()) == {None}


def test_false_verdicts_are_counted():
    right = pairs("null", 20, 400)
    wrong = [trial("null", low=1.02, high=1.03, verdict="slower")] * 2
    assert said(right)["null pairs called faster or slower"] is True
    assert said(right + wrong)["null pairs called faster or slower"] is False


@pytest.mark.parametrize(("out", "met"), [(7, True), (8, False)])
def test_known_ratios_are_covered(out, met):
    assert said(pairs("known", out, 100, 1.05))["known ratios of 50us calls"] is met


@pytest.mark.parametrize(("half", "met"), [(0.02, True), (0.004, False)])
def test_a_run_covers_the_mean_of_the_others(half, met):
    ratios = 1.7 * np.exp(np.random.default_rng(0).normal(0, 0.008, 40))
    rows = [trial("distinct", ratio=r, low=r * (1 - half), high=r * (1 + half), between=0.01) for r in ratios]
    (line,) = assessment.lines(frame_of(rows))
    assert line.is_met is met and "between processes 1.00%" in str(line)


def test_a_peer_is_worse_better_or_not_told_apart():
    rng = np.random.default_rng(0)
    errors = {"gradiometer": 0.002, "worse": 0.02, "better": 0.0002, "alike": 0.002}
    rows = [
        trial("peers", harness=harness, ratio=float(np.exp(rng.normal(0, error))))
        for harness, error in errors.items()
        for _ in range(30)
    ]
    found = said(rows)
    assert found["worse"] is True and found["alike"] is True and found["better"] is False
    assert found["error of a null ratio in 0.60 s"] is True


def test_differences_and_a_hostile_candidate():
    found = [trial("difference", "+3%", verdict="slower", low=1.02)] * 19
    missed = [trial("difference", "+3%", verdict="undecided", low=0.99)]
    assert said(found + missed)["+3% in 0.6 s"] is True
    assert said(found + missed * 2)["+3% in 0.6 s"] is False
    alone = [trial("hostile", "alone", ratio=1.7, time_s=1e-4)] * 20
    beside = [trial("hostile", "beside", ratio=1.7, time_s=1.05e-4)] * 20
    (line,) = assessment.lines(frame_of(alone + beside))
    assert line.is_met is False and "the time +5.00%" in str(line)


def test_rows_go_to_parquet_and_back(tmp_path):
    frame = frame_of(pairs("null", 1, 3))
    frame.to_parquet(tmp_path / "trials.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "trials.parquet")[["ratio", "low"]], frame[["ratio", "low"]]
    )


def test_what_is_repeated_is_repeated(monkeypatch):
    calls = []
    monkeypatch.setattr(candidates, "_operation", lambda size: lambda: calls.append(size))
    candidates.repeated("1ms", 21)()
    assert len(calls) == 21
