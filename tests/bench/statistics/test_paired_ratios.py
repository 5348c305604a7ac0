import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradiometer import statistics

ROUNDS = 3


def made(true_ratio, processes, between, within, seed, segments=6, candidate="candidate", base="base"):
    """Samples of two candidates; the log of their ratio varies by `between` over processes, `within` over segments."""
    rng = np.random.default_rng(seed)
    rows = []
    for process in range(processes):
        shift = rng.normal(0, between)
        for segment in range(segments):
            own = rng.normal(0, within)
            for round_ in range(ROUNDS):
                drift = rng.normal(0, 0.3)  # of the machine, common to both candidates
                for name, log in ((base, drift), (candidate, drift + np.log(true_ratio) + shift + own)):
                    rows.append(("case", name, "wall", process, segment, segment * ROUNDS + round_, 1e-5 * np.exp(log)))
    return pd.DataFrame(rows, columns=["case_id", "cell_id", "clock", "process", "segment", "round", "time_s"])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        found = statistics.paired_ratio(made(1.05, 4, 0.01, 0.002, seed, segments=2), "candidate", "base")
        covered += found.low <= 1.05 <= found.high
    assert 0.91 <= covered / 200 <= 0.985


def test_pooling_segments_would_not():
    """What the process as unit guards against: the same data, its segments taken as independent."""
    covered = 0
    for seed in range(100):
        logs = statistics.paired_logs(made(1.05, 4, 0.01, 0.002, seed), {"candidate": "base"})
        medians = logs.groupby(["process", "segment"])["log"].median()
        half = statistics.t_quantile(len(medians) - 1) * medians.std() / len(medians) ** 0.5
        covered += abs(medians.mean() - math.log(1.05)) <= half
    assert covered < 80


def test_what_slows_both_blocks_of_a_round_cancels():
    found = statistics.paired_ratio(made(2.0, 3, 0.0, 1e-4, 0), "candidate", "base")
    assert found.ratio == pytest.approx(2.0, rel=1e-3)
    assert found.high / found.low < 1.002


def test_blocks_of_another_round_are_no_pair():
    samples = made(2.0, 3, 0.0, 0.0, 0)
    samples.loc[samples["cell_id"] == "candidate", "round"] += 1000
    with pytest.raises(KeyError, match="share no round"):
        statistics.paired_ratio(samples, "candidate", "base")


def test_skewed_noise_and_unequal_numbers_of_blocks_do_not_bias_a_null_pair():
    rng = np.random.default_rng(0)
    rows = [
        ("case", name, "wall", process, segment, round_, 1e-5 * (1 + rng.exponential(0.3)))
        for process in range(4)
        for segment in range(200)
        for round_ in range(6)
        for name in (("base", "candidate") if round_ < 3 else ("base",))
    ]
    samples = pd.DataFrame(rows, columns=["case_id", "cell_id", "clock", "process", "segment", "round", "time_s"])
    found = statistics.paired_ratio(samples, "candidate", "base")
    assert found.ratio == pytest.approx(1, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 10), st.integers(2, 6), st.integers(0, 2**31))
def test_a_ratio_and_its_inverse_are_reciprocal(ratio, processes, seed):
    samples = made(ratio, processes, 0.02, 0.01, seed)
    one, other = (
        statistics.paired_ratio(samples, "candidate", "base"),
        statistics.paired_ratio(samples, "base", "candidate"),
    )
    assert one.ratio * other.ratio == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)


def test_the_overhead_is_subtracted_from_wall_time_only_and_a_positive_time_remains():
    samples = made(1.0, 2, 0, 0, 0).assign(overhead_s=1e-3)
    assert np.exp(statistics.block_logs(samples)["log"]).max() == pytest.approx(1e-10)
    on_device = statistics.block_logs(samples.assign(clock="device"), "device")
    assert np.exp(on_device["log"]).min() > 1e-6
