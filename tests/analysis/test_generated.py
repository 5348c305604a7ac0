"""Generated runs are runs: every table is whole, and the report is made of them."""

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights import scaling
from gradiometer.storage import schema
from gradiometer.storage.tables import read_arrow, read_table
from tests.analysis.generated import METHODS, Plan, generate

PLAN = Plan("tiny", problems=2, wrts=2, sizes=5, dtypes=2, configurations=2, processes=3, segments=2, rounds=2, seeds=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("results"), PLAN)


def test_every_table_is_whole_and_refers_to_the_cells(folder):
    frames = analysis.load([folder])
    assert len(frames.cells) == 2 * 2 * 5 * 2 * 2 * len(METHODS) == frames.cells["cell_id"].nunique()
    timed = set(frames.cells.loc[frames.cells["status"].isin(schema.TIMED_STATUSES), "cell_id"])
    assert set(frames.samples["cell_id"]) == timed == set(frames.errors["cell_id"])
    assert len(frames.samples) == 12 * len(timed) and len(frames.errors) == 6 * len(timed)
    assert set(frames.segments["case_id"]) == set(frames.cells["case_id"])
    assert set(frames.cells["status"]) == {"ok", "skipped"}
    for name, row in schema.TABLES.items():
        required = set(schema.columns(row)) - schema.nullable(row)
        assert read_table(folder, name)[sorted(required)].notna().all(axis=None)


def test_cells_summarise_their_samples_and_the_truth_is_found_again(folder):
    frames = analysis.load([folder])
    logs = np.log(frames.samples["time_s"] - 4e-8).groupby([frames.samples["cell_id"], frames.samples["process"]])
    times = np.exp(logs.median().groupby("cell_id").mean())
    found = frames.cells.set_index("cell_id")["time_s"].dropna()
    np.testing.assert_allclose(found, times[found.index])
    exponents = scaling.tail_exponents(frames.cells).groupby("method")["exponent"].max()
    assert 3 < exponents["jacfwd"] < 4.1 and exponents["autograd"] < 1  # a call of autograd is overhead


def test_the_same_plan_gives_the_same_run(folder, tmp_path):
    again = generate(tmp_path, PLAN)
    for name in schema.TABLES:
        assert read_arrow(again, name).equals(read_arrow(folder, name))
