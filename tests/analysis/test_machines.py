"""Several runs on one page: what each ran on, and each against the first."""

import csv
import itertools

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


def test_each_run_is_told_against_the_first(frames):
    machines = side_by_side(frames)
    sides = machines.sides.frame.set_index("run")
    assert list(sides.index) == ["first", "again", "the new one", "elsewhere"]
    assert (
        sides.loc["the new one", "computes"] == "Imaginary H1000" and sides.loc["first", "computes"] == "Imaginary Xeon"
    )
    crossing = "a ratio to the first goes"
    assert sides.loc["the new one", crossing] == "across other hardware and conditions"
    assert sides.loc["again", crossing] == "across nothing that matters"
    told = {other.name: " ".join(itertools.chain(*other.said.values())) for other in machines.against}
    assert told["again"].startswith("A and B are runs of one machine") and "same" in told["again"]
    assert "Imaginary H1000 against Imaginary Xeon" in told["the new one"]
    assert "faster at n = 8 and 128: 0.10" in told["the new one"] or "0.099" in told["the new one"]
    assert "0 of " in told["elsewhere"] and "Precision" not in machines.against[-1].said


def test_its_tables_are_files_with_what_their_ratios_cross(frames, tmp_path):
    machines = side_by_side(frames)
    for table in machines.tables:
        output.write_csv(tmp_path / f"{table.name}.csv", table)
    with (tmp_path / "gpu-against_first.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(frames.of_run("first").cells)
    assert all("Imaginary H1000" in row["crosses"] for row in rows)
    assert machines.drawn.svg.startswith("<svg") and "the new one takes 0." in machines.drawn.reading
    assert all(name in machines.drawn.svg for name in ("again", "the new one", "Derived by hand"))
    with (tmp_path / "machines_sizes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == {"again", "the new one"}
