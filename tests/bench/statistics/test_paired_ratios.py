import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradiometer import statistics
from gradiometer.statistics import moderation, verdicts
from gradiometer.storage import schema

ROUNDS = 3


def made(true_ratio, processes, between, within, seed, segments=6, candidate="candidate", base="base"):
    """Samples of two candidates whose ratio varies by `between` over processes and `within` over segments (log scale)."""
    rng = np.random.default_rng(seed)
    rows = []
    for process in range(processes):
        shift = rng.normal(0, between)
        for segment in range(segments):
            own = rng.normal(0, within)
            for round_ in range(ROUNDS):
                drift = rng.normal(0, 0.3)  # the machine's own, common to both candidates
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


@pytest.mark.parametrize(("ratio", "verdict"), [(1.05, "undecided"), (0.95, "undecided"), (1.5, "slower")])
def test_one_process_alone_decides_only_beyond_what_processes_differ_by(ratio, verdict):
    found = statistics.paired_ratio(made(ratio, 1, 0.0, 1e-4, 0), "candidate", "base")
    assert found.processes == 1 and "one process only" in str(found)
    assert found.high / found.low < 1.001
    assert found.verdict == verdict


def test_the_floor_is_subtracted_from_wall_time_and_never_leaves_nothing():
    samples = made(1.0, 2, 0, 0, 0).assign(overhead_s=1e-3)
    assert np.exp(statistics.block_logs(samples)["log"]).max() == pytest.approx(1e-10)
    on_device = statistics.block_logs(samples.assign(clock="device"), "device")
    assert np.exp(on_device["log"]).min() > 1e-6


# Moderated variances ------------------------------------------------------------------------------------------------


def variances(seed, cells=2000, degrees=2, prior=math.inf):
    """True and sample variances: true ones vary as `prior` degrees of freedom would have them."""
    rng = np.random.default_rng(seed)
    true = 1e-4 * (np.ones(cells) if math.isinf(prior) else prior / rng.chisquare(prior, cells))
    return true, true * rng.chisquare(degrees, cells) / degrees


def test_alike_cells_share_one_variance_and_differing_ones_keep_more_of_their_own():
    degrees = np.full(2000, 2.0)
    _, alike = variances(0)
    pooled, freedom = moderation.moderated(alike, degrees, np.ones(2000))
    assert freedom.min() > 20
    assert np.ptp(np.log(pooled)) < 0.1 * np.ptp(np.log(alike))
    _, differing = variances(0, prior=3.0)
    _, some = moderation.moderated(differing, degrees, np.ones(2000))
    assert 3 < some.max() < 9


@pytest.mark.parametrize("prior", [4.0, math.inf])
def test_moderated_intervals_cover_and_are_narrower(prior):
    rng = np.random.default_rng(1)
    covered, widths, own_widths = [], [], []
    for seed in range(20):
        true, found = variances(seed, 200, prior=prior)
        means = rng.normal(0, np.sqrt(true / 3))
        pooled, freedom = moderation.moderated(found, np.full(200, 2.0), np.ones(200))
        half = statistics.t_quantile(freedom) * np.sqrt(pooled / 3)
        covered.append((np.abs(means) <= half).mean())
        widths.append(half.mean())
        own_widths.append((statistics.t_quantile(2.0) * np.sqrt(found / 3)).mean())
    assert 0.94 <= np.mean(covered) <= 0.96
    assert np.mean(widths) < 0.75 * np.mean(own_widths)


def test_a_known_scale_is_followed_and_too_few_cells_borrow_nothing():
    scale = np.geomspace(1e-6, 1e-2, 2000)
    _, base = variances(0)
    pooled, freedom = moderation.moderated(base / 1e-4 * scale, np.full(2000, 2.0), scale)
    assert freedom.min() > 20
    assert np.corrcoef(np.log(pooled), np.log(scale))[0, 1] > 0.99
    few = base[:5]
    unchanged, degrees = moderation.moderated(few, np.full(5, 2.0), np.ones(5))
    assert (unchanged == few).all() and (degrees == 2).all()


# A table of verdicts ------------------------------------------------------------------------------------------------


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


def test_cells_are_filled_from_raw_rows_and_the_baseline_is_one():
    cells = pd.DataFrame(
        {"case_id": "case", "cell_id": [f"case-{m}" for m in ("autograd", "textbook", "jacfwd")],
         "method": ["autograd", "textbook", "jacfwd"], "family": ["reverse", "analytic", "forward"]}
    )  # fmt: skip
    samples = made(0.5, 3, 0.01, 0.01, 0, candidate="case-textbook", base="case-autograd")
    segments = samples[["case_id", "process", "segment"]].drop_duplicates().assign(overhead_s=0.0, interference=False)
    found = statistics.summarise(cells, samples, segments).set_index("method")
    assert found.loc["autograd", ["ratio", "ratio_log_se", "ratio_df"]].tolist() == [1, 0, np.inf]
    assert found.loc["textbook", "ratio"] == pytest.approx(0.5, rel=0.05)
    assert found.loc["textbook", "ratio_df"] == 2
    assert np.isnan(found.loc["jacfwd", "ratio"]) and found.loc["jacfwd", "samples"] == 0
    assert {*found.columns} - {"case_id", "cell_id", "method", "family"} <= {*schema.columns(schema.Cell)}
