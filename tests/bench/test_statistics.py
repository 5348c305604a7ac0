import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import statistics


def made(true_ratio, processes, between, within, seed, segments=6):
    """Samples of two arms whose ratio varies by `between` over processes and `within` over segments (log scale)."""
    rng = np.random.default_rng(seed)
    rows = []
    for process in range(processes):
        shift = rng.normal(0, between)
        for segment in range(segments):
            drift = rng.normal(0, 0.3)  # the machine's own, common to both arms
            for arm, log in (("base", drift), ("arm", drift + np.log(true_ratio) + shift + rng.normal(0, within))):
                rows += [("case", arm, "wall", process, segment, 1e-5 * np.exp(log))] * 3
    return pd.DataFrame(rows, columns=["case_id", "cell_id", "clock", "process", "segment", "time_s"])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(300):
        found = statistics.paired_ratio(made(1.05, 4, 0.01, 0.002, seed), "arm", "base")
        covered += found.low <= 1.05 <= found.high
    assert 0.91 <= covered / 300 <= 0.985


def test_pooling_segments_would_not():
    """What the process as unit guards against: the same data, its segments taken as independent."""
    covered = 0
    for seed in range(100):
        samples = made(1.05, 4, 0.01, 0.002, seed)
        wide = samples.groupby(["process", "segment", "cell_id"])["time_s"].median().unstack()
        _, low, high = statistics.log_interval(np.log(wide["arm"] / wide["base"]).to_numpy())
        covered += low <= 1.05 <= high
    assert covered < 80


def test_drift_of_the_machine_cancels_in_a_paired_ratio():
    found = statistics.paired_ratio(made(2.0, 3, 0.0, 1e-4, 0), "arm", "base")
    assert found.value == pytest.approx(2.0, rel=1e-3)
    assert found.high / found.low < 1.002


@settings(max_examples=50, deadline=None)
@given(st.floats(0.1, 10), st.integers(2, 6), st.integers(0, 2**31))
def test_a_ratio_and_its_inverse_are_reciprocal(ratio, processes, seed):
    samples = made(ratio, processes, 0.02, 0.01, seed)
    one, other = statistics.paired_ratio(samples, "arm", "base"), statistics.paired_ratio(samples, "base", "arm")
    assert one.value * other.value == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.98, "faster"),
        (1.02, 3, "slower"),
        (0.995, 1.005, "same"),
        (0.98, 1.005, "undecided"),
        (0.5, 2, "undecided"),
    ],
)
def test_verdicts_against_the_band(low, high, verdict):
    assert statistics.Estimate(1.0, low, high, 3).verdict == verdict


def test_the_floor_is_subtracted_from_wall_time_and_never_leaves_nothing():
    samples = made(1.0, 2, 0, 0, 0)
    segments = samples[["case_id", "process", "segment"]].drop_duplicates().assign(floor_s=1e-3)
    medians = statistics.segment_medians(samples, segments)
    assert (medians["time_s"] == statistics.LEAST_TIME_S).all()
    on_device = statistics.segment_medians(samples.assign(clock="device"), segments)
    assert (on_device["time_s"] > 1e-6).all()


def test_arms_that_share_no_segment_have_no_ratio():
    samples = made(1.0, 2, 0, 0, 0)
    apart = samples[(samples["cell_id"] == "arm") == (samples["process"] == 0)]
    with pytest.raises(KeyError, match="share no segment"):
        statistics.paired_ratio(apart, "arm", "base")
