"""Exponents against the truth that the run was made from."""

import math

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights import scaling
from gradiometer.analysis.insights.crossover import crossovers
from gradiometer.analysis.insights.preparation import break_even

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"


def pure(problem, method, n):
    """Times that are pure powers of the size, without overhead."""
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
def cells(make_run):
    grids = ((ONE, "W1", "float32"),)
    return analysis.load([make_run(name="pure", truth=pure, grids=grids, sizes=(8, 32, 128, 256, 512))]).cells


@pytest.fixture(scope="module")
def realistic(run_folder):
    return analysis.load([run_folder]).cells


def one(frame, **values):
    for column, value in values.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.mark.parametrize(("method", "power"), [("textbook", 3), ("factored", 2), ("autograd", 0), ("gram", -1.5)])
def test_tail_exponent_is_the_power_and_its_interval_holds_it(cells, method, power):
    row = one(scaling.tail_exponents(cells), method=method)
    assert (row["size_from"], row["size_to"], row["points"]) == (128, 512, 3)
    assert row["exponent"] == pytest.approx(power, abs=0.03)
    assert row["exponent_low"] < power < row["exponent_high"]
    assert row["exponent_high"] - row["exponent_low"] < 0.2


def test_local_exponents_grow_with_the_share_of_work(realistic):
    rows = scaling.local_exponents(realistic)
    mine = (rows["problem"] == ONE) & (rows["wrt"] == "W1") & (rows["dtype"] == "float32")
    steps = rows[mine & (rows["method"] == "textbook")]
    assert steps["size_from"].tolist() == [8, 32, 128] and steps["size_to"].tolist() == [32, 128, 512]
    expected = [
        math.log((8e-6 + 2.2e-11 * stop**3) / (8e-6 + 2.2e-11 * start**3)) / math.log(4)
        for start, stop in ((8, 32), (32, 128), (128, 512))
    ]
    assert steps["exponent"].tolist() == pytest.approx(expected, abs=0.02)


def test_a_curve_that_is_no_power_has_a_wider_interval(make_run):
    def bent(problem, method, n):
        return 50e-6 * (3 if n == 256 and method == "textbook" else 1) * (n / 8)

    cells = analysis.load(
        [make_run(name="bent", truth=bent, grids=((ONE, "W1", "float32"),), sizes=(128, 256, 512))]
    ).cells
    rows = scaling.tail_exponents(cells)
    width = rows["exponent_high"] - rows["exponent_low"]
    assert width[rows["method"] == "textbook"].item() > 5 * width[rows["method"] == "factored"].item()


def test_one_time_is_no_exponent(cells):
    assert scaling.tail_exponents(cells[cells["size"] == 8]).empty
    assert scaling.local_exponents(cells[cells["size"] == 8]).empty


def test_unknown_intervals_leave_the_exponent_without_one(cells):
    blind = cells.assign(time_log_se=np.nan)
    row = one(scaling.tail_exponents(blind), method="textbook")
    assert row["exponent"] == pytest.approx(3, abs=0.03)
    assert math.isnan(row["exponent_low"]) and math.isnan(row["exponent_high"])


def test_failed_cells_take_no_part(realistic):
    failed = realistic[realistic["status"] != "ok"]
    assert len(failed)
    for find in (scaling.tail_exponents, scaling.local_exponents, crossovers, break_even):
        assert find(failed).empty
