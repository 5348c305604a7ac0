"""Several runs of one study on one machine are one run of more processes; unlike ones are refused."""

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.pool import pooled
from gradiometer.cli import main
from gradiometer.storage.validate import StoreError


@pytest.fixture(scope="module")
def three(make_run):
    return [make_run(name=f"run{seed}", seed=seed, sizes=(8, 32)) for seed in range(3)]


def test_pooled_runs_have_all_processes_and_narrower_intervals(three):
    alone = analysis.load(three[:1]).cells.set_index("cell_id")
    pool = pooled(analysis.load(three))
    together = pool.cells.set_index("cell_id")
    assert list(together.index) == list(alone.index)
    timed = together["time_s"].notna()
    assert (together.loc[timed, "processes"] == 3 * alone.loc[timed, "processes"]).all()
    assert (together["samples"] == 3 * alone["samples"]).all()
    widths = [np.log(cells["ratio_high"] / cells["ratio_low"]).median() for cells in (together, alone)]
    assert widths[0] < 0.75 * widths[1]
    assert len(pool.samples) == together["samples"].sum()


def test_a_pooled_report_is_of_one_run(three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--pool", *map(str, three), "-o", "out"]) == 0
    assert "3 runs pooled: run0, run1, run2" in (tmp_path / "out" / "report.html").read_text()


def test_a_run_of_another_machine_is_refused_by_what_differs(three, make_run, capsys):
    other = make_run(name="other", sizes=(8, 32), edit=lambda run: run["machine"].update(cpu="Another"))
    with pytest.raises(StoreError, match=r"other: .*machine\.cpu 'Another' .* compare them instead"):
        pooled(analysis.load([three[0], other]))
