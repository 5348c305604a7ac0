"""Runs of one real machine, pairwise: equal methods are found equal, and a change that was put in is found."""

import itertools
import shutil
from pathlib import Path

import pytest

from gradiometer import analysis
from gradiometer.analysis.compare.comparison import compare
from gradiometer.storage.tables import read_table

RESULTS = Path(__file__).parents[3] / "results" / "machines"
RUNS = ("quick-20261125t005949", "quick-20261125t010328", "quick-20261125t010718")
PAIRS = tuple(itertools.combinations(RUNS, 2))
BUSY = ("quick-20261125t061037", "quick-20261125t061522", "quick-20261125t061846")
"""Recorded while the machine was busy: whole cases differ by up to 20 %."""
SINGLE_BACKWARD = ("autograd", "backward", "func_grad", "func_vjp")
NEWS = {"faster", "slower"}


def loaded(run):
    return analysis.load([RESULTS / run])


def news(compared):
    return NEWS & {*compared.cells["verdict"], *compared.methods["verdict"], *compared.cases["verdict"],
                   *compared.whole["verdict"]}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_nothing_is_faster_or_slower_and_nine_cells_in_ten_are_the_same(pair):
    compared = compare(*map(loaded, pair))
    assert compared.one_machine and not news(compared)
    cells = compared.cells[compared.cells["reason"].isna()]
    steady = cells[(cells["family"] == "analytic") | cells["method"].isin(SINGLE_BACKWARD)]
    print(
        f"{(steady['verdict'] == 'same').mean():.3f} of {len(steady)}, {(cells['verdict'] == 'same').mean():.3f} of all"
    )
    assert len(steady) == 528 and (steady["verdict"] == "same").mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("pair", tuple(itertools.combinations(BUSY, 2)))
def test_a_busy_machine_makes_nothing_faster_or_slower(pair):
    compared = compare(*map(loaded, pair))
    cells = compared.cells[compared.cells["reason"].isna()]
    steady = cells[(cells["family"] == "analytic") | cells["method"].isin(SINGLE_BACKWARD)]
    print(f"{(steady['verdict'] == 'same').mean():.3f} of {len(steady)}; {compared.drift}")
    assert compared.one_machine and not news(compared)
    assert compared.cases["ratio"].max() / compared.cases["ratio"].min() > 1.3  # due to the machine


@pytest.mark.slow
@pytest.mark.parametrize("method", ["textbook", "factored", "gram", "autograd", "func_vjp", "jacobian"])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_method_that_does_ten_percent_more_is_named_and_nothing_else(pair, method, tmp_path):
    folder = tmp_path / "more"
    shutil.copytree(RESULTS / pair[1], folder)
    samples = read_table(folder, "samples")
    samples["time_s"] *= samples["cell_id"].astype(str).str.endswith(f"-{method}").map({True: 1.1, False: 1.0})
    samples.to_parquet(folder / "samples.parquet")
    compared = compare(loaded(pair[0]), analysis.load([folder]))
    methods = compared.methods[compared.methods["verdict"].isin(NEWS)]
    assert methods[["method", "verdict"]].to_numpy().tolist() == [[method, "slower"]]
    cells = compared.cells[compared.cells["verdict"].isin(NEWS)]
    print(f"{method}: {len(cells)} cells slower, {methods['ratio'].item():.3f}")
    assert set(cells["method"]) <= {method} and not NEWS & {*compared.cases["verdict"], *compared.whole["verdict"]}
