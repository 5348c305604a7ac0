"""Several runs on one page: the machine of each, and each compared with the first."""

import csv

import pytest

from gradiometer import analysis
from gradiometer.analysis.compare.machines import side_by_side
from gradiometer.analysis.report import output

ONE = "linear_autoencoder"
SMALL = {"grids": ((ONE, "W1", "float32"),), "sizes": (8, 128)}


def faster(run):
    run["machine"]["gpus"] = [{"name": "Imaginary H1000"}]
    run["label"] = "the new one"


@pytest.fixture(scope="module")
def frames(make_run):
    return analysis.load(
        [
            make_run(name="first", **SMALL),
            make_run(name="again", seed=1, **SMALL),
            make_run(name="gpu", seed=2, device="cuda", scale=0.1, edit=faster, **SMALL),
            make_run(name="elsewhere", grids=((ONE, "W2", "float64"),), sizes=(8,)),
        ]
    )


def test_one_run_has_nothing_beside_it(frames):
    assert side_by_side(frames.of_run("first")) is None


def test_each_run_is_compared_with_the_first(frames):
    machines = side_by_side(frames)
    sides = machines.sides.frame.set_index("run")
    assert list(sides.index) == ["first", "again", "the new one", "elsewhere"]
    assert sides.loc["the new one", "computes"] == "Imaginary H1000"
    assert sides.loc["first", "computes"] == "Imaginary Xeon"
    comparable = ["–", "yes", "no: hardware and conditions differ", "yes"]
    assert list(sides["comparable with the first run"]) == comparable
    assert [other.name for other in machines.against] == ["again", "the new one", "elsewhere"]
    forms = machines.sizes.frame.query("family == 'analytic'").set_index(["run", "size"])
    assert forms.loc[("the new one", 8), "ratio"] == pytest.approx(0.1, rel=0.05)
    assert forms.loc[("the new one", 8), "verdict"] == "faster" and "elsewhere" not in set(machines.sizes.frame["run"])
    assert "Precision" not in machines.against[-1].sections  # no cell in common


def test_its_tables_are_files_that_name_what_differs(frames, tmp_path):
    machines = side_by_side(frames)
    out = output.Output(tmp_path, "machines", tables=".")
    for table in machines.tables:
        out.csv(table)
    with (tmp_path / "gpu-against_first.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(frames.of_run("first").cells)
    assert all("Imaginary H1000" in row["differs_in"] for row in rows)
    assert machines.drawn.svg.startswith("<svg")
    assert all(name in machines.drawn.svg for name in ("again", "the new one"))
    with (tmp_path / "machines_sizes.csv").open(encoding="utf-8") as file:
        assert {row["run"] for row in csv.DictReader(file)} == {"again", "the new one"}
