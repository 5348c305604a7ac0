"""Several runs of one study on one machine are one run of more processes; unlike ones are refused."""

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.pool import pooled
from gradiometer.cli import main
from gradiometer.storage.validate import StoreError

GRIDS = (("linear_autoencoder", "W1", "float32"),)


@pytest.fixture(scope="module")
def three(make_run):
    return [make_run(name=f"run{seed}", seed=seed, sizes=(8, 32), grids=GRIDS) for seed in range(3)]


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
    assert "run0, run1, run2" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda run: run["machine"].update(cpu="Another"), "Another"),
        (lambda run: run["versions"].update(torch="2.11.0"), "2.11.0"),
        (lambda run: run["study"].update(budget_s=100.0), "budget_s"),
        (lambda run: run["study"]["grid"][0].update(data=["normal"]), "grid"),
        (lambda run: run["problems"]["linear_autoencoder"].update(source_hash="cd"), "linear_autoencoder"),
    ],
)
def test_a_run_that_measured_something_else_is_refused(three, make_run, change, what):
    other = make_run(name="other", sizes=(8, 32), grids=GRIDS, edit=change)
    with pytest.raises(StoreError, match=f"other: .*{what}"):
        pooled(analysis.load([three[0], other]))


def test_what_else_differs_is_named_and_does_not_prevent_pooling(make_run):
    """The order of the thread pools differs too, which is no difference between the machines."""
    pools = [{"user_api": "blas", "architecture": "SkylakeX"}, {"user_api": "openmp", "architecture": None}]
    a, b = (
        make_run(name=name, sizes=(8,), grids=GRIDS, edit=lambda run, facts=facts: run["machine"].update(facts))
        for name, facts in (("a", {"thread_pools": pools, "kernel": "6.1"}),
                            ("b", {"thread_pools": pools[::-1], "kernel": "6.2"}))
    )  # fmt: skip
    assert pooled(analysis.load([a, b])).runs[0]["pool"] == {"runs": ["a", "b"], "differ_in": ["machine.kernel"]}
