"""Crossovers with autograd, in runs that were made to cross it at known sizes."""

import math

import pytest

from gradiometer import analysis
from gradiometer.analysis.insights.crossover import crossings, crossovers
from gradiometer.analysis.insights.view import view_of

ONE = "linear_autoencoder"


def pure(problem, method, n):
    """Powers without overhead: textbook crosses autograd at n = 64, gram at n = 181."""
    return {
        "autograd": 50e-6,
        "textbook": 50e-6 * (n / 64) ** 3,
        "factored": 2e-6 * (n / 8) ** 2,
        "gram": 50e-6 * (181 / n) ** 1.5,
        "gram_prepared": 12e-6,
        "backward": 50e-6,
        "jacobian": 80e-6,
    }.get(method)


@pytest.fixture(scope="module")
def frames(make_run):
    grids = ((ONE, "W1", "float32"),)
    return analysis.load([make_run(name="pure", truth=pure, grids=grids, sizes=(8, 32, 128, 256, 512))])


def one(frame, **values):
    for column, value in values.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.mark.parametrize(
    ("method", "size", "between", "relation"),
    [
        ("textbook", 64, (32, 128), "faster below, slower above"),
        ("gram", 181, (128, 256), "slower below, faster above"),
    ],
)
def test_a_crossover_lies_between_measured_sizes_and_has_a_direction(frames, method, size, between, relation):
    row = one(crossovers(frames.cells), method=method)
    assert row["relation"] == relation
    assert row["size"] == pytest.approx(size, rel=0.01)
    assert (row["size_low"], row["size_high"]) == between


def test_the_interval_contains_a_crossing_that_interpolation_misses(make_run):
    """Between 32 and 128 the ratio is a step at n = 127, which no interpolation of the two sizes can know."""

    def step(problem, method, n):
        return {"autograd": 50e-6, "textbook": 20e-6 if n < 127 else 55e-6}.get(method)

    cells = analysis.load([make_run(name="step", truth=step, grids=((ONE, "W1", "float32"),), sizes=(32, 128))]).cells
    row = one(crossovers(cells), method="textbook")
    assert row["size"] < 120
    assert row["size_low"] < 127 < row["size_high"]


def test_noise_around_one_is_no_crossover(frames):
    row = one(crossovers(frames.cells), method="backward")
    assert math.isnan(row["size"])
    assert row["relation"] in ("same", "undecided")


def test_methods_that_do_not_cross_have_their_decision(frames):
    rows = crossovers(frames.cells)
    assert one(rows, method="gram_prepared")["relation"] == "faster"
    assert one(rows, method="jacobian")["relation"] == "slower"
    assert "autograd" not in set(rows["method"])


def test_an_undecided_size_widens_a_crossover_but_does_not_hide_it(frames):
    unsure = frames.cells["method"].eq("textbook") & frames.cells["size"].eq(32)
    blurred = frames.cells.assign(ratio_log_se=frames.cells["ratio_log_se"].where(~unsure, 3.0))
    sharp, wide = (one(crossovers(cells), method="textbook") for cells in (frames.cells, blurred))
    assert (sharp["size_low"], wide["size_low"]) == (32, 8)
    assert wide["size_high"] == 128


def test_only_forms_become_insights(frames):
    found = {it.numbers["form"]: it for it in crossings(view_of(frames))}
    assert set(found) == {"textbook", "gram", "factored"}
    assert found["textbook"].numbers["above"] == "slower" and found["gram"].numbers["above"] == "faster"
    assert (found["textbook"].numbers["low"], found["textbook"].numbers["high"]) == (32, 128)
