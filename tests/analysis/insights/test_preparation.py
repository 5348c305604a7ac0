"""When preparing once pays, against the truth that the run was made from."""

import dataclasses
import math

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights.preparation import SETUP_LOG_SE, break_even, preparation
from gradiometer.analysis.insights.view import view_of

BATCH = "linear_autoencoder_batch"
TRUTH = 3e-3 / ((14e-6 + 3e-11 * 512**3) - (11e-6 + 1.2e-11 * 512**3))


@pytest.fixture(scope="module")
def frames(run_folder):
    return analysis.load([run_folder])


@pytest.fixture(scope="module")
def rows(frames):
    return break_even(frames.cells)


def one(frame, **values):
    for column, value in values.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_preparing_pays_after_setup_over_saved_time(rows):
    assert set(rows["method"]) == {"gram_prepared"} and set(rows["other"]) == {"textbook", "factored", "gram"}
    row = one(rows, wrt="W1", size=512, other="gram")
    assert row["calls"] == pytest.approx(TRUTH, rel=0.03)
    assert row["calls_low"] < TRUTH < row["calls_high"]


def test_the_interval_includes_the_error_of_preparing(frames):
    exact = break_even(frames.cells.assign(time_log_se=0.0))
    row = one(exact, wrt="W1", size=512, other="gram")
    spread = math.exp(1.96 * SETUP_LOG_SE / math.sqrt(4))
    assert row["calls_high"] / row["calls"] == pytest.approx(spread, rel=1e-3)
    assert row["calls"] / row["calls_low"] == pytest.approx(spread, rel=1e-3)


def test_preparing_never_pays_against_what_is_faster_anyway(rows):
    row = one(rows, wrt="W1", size=8, other="textbook")
    assert row["calls"] == row["calls_high"] == math.inf


def test_only_a_form_prepares(frames):
    generic = frames.cells["family"] != "analytic"
    cells = frames.cells.assign(setup_s=frames.cells["setup_s"].where(~generic, 5e-6))
    assert set(break_even(cells)["method"]) == {"gram_prepared"}


def test_the_insight_compares_the_recommended_form_with_the_fastest_that_prepares_nothing(frames):
    found = [it for it in preparation(view_of(frames)) if it.where.wrt == "W1"]
    (insight,) = found
    assert (insight.where.problem, insight.numbers["form"], insight.numbers["other"]) == (
        BATCH,
        "gram_prepared",
        "factored",
    )
    assert insight.numbers["size"] == 512 and insight.numbers["calls"] == 4
    unknown = dataclasses.replace(frames, cells=frames.cells.assign(setup_s=np.nan))
    assert preparation(view_of(unknown)) == []
