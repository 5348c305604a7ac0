"""Two runs, cell by cell."""

import csv

import pandas as pd
import pytest

import analysis
from analysis.compare import compare, differences, summary, write_comparison

ONE = "linear_autoencoder"
GRIDS = ((ONE, "W1", "float32"), (ONE, "W2", "float32"))


@pytest.fixture(scope="module")
def first(make_run):
    return analysis.load([make_run(name="first", grids=GRIDS, sizes=(8, 128))])


def other(make_run, **fields):
    return analysis.load([make_run(name="other", sizes=(8, 128), seed=7, **{"grids": GRIDS} | fields)])


def test_ratio_is_b_over_a_and_its_interval_holds_the_truth(first, make_run):
    compared = compare(first, other(make_run, scale=1.25))
    timed = compared[compared["reason"].isna()]
    assert set(timed["verdict"]) == {"slower"}
    assert timed["ratio"].between(1.2, 1.3).all()
    assert ((timed["ratio_low"] < timed["ratio"]) & (timed["ratio"] < timed["ratio_high"])).all()
    assert (timed["ratio_low"].lt(1.25) & timed["ratio_high"].gt(1.25)).mean() > 0.8
    assert set(compared["matched_by"]) == {"cell_id"}


def test_the_interval_is_wider_than_either_runs_own(first, make_run):
    second = other(make_run)
    compared = compare(first, second).dropna(subset=["ratio"])
    widths = [compared[f"time_high_s_{run}"] / compared[f"time_low_s_{run}"] for run in "ab"]
    # Welch adds variances but also degrees of freedom, so it can be narrower than the wider of the two, never by much.
    assert (compared["ratio_high"] / compared["ratio_low"] > pd.concat(widths, axis=1).min(axis=1)).all()
    assert not {"faster", "slower"} & set(compared["verdict"]) or (compared["verdict"] == "undecided").mean() > 0.7


def test_only_cells_that_both_timed_are_compared_and_the_rest_says_why(first, make_run):
    second = other(make_run, grids=GRIDS[:1], statuses={"jacobian": ("crashed", None)})
    compared = compare(first, second)
    assert len(compared) == len(first.cells)
    assert compared["ratio"].notna().equals(compared["reason"].isna())
    reasons = compared["reason"].value_counts().to_dict()
    assert reasons["not in B"] == (first.cells["wrt"] == "W2").sum()
    assert reasons["crashed in B"] == 2
    assert reasons["skipped in A, skipped in B"] == 1
    said = summary(compared)
    assert said[0].startswith(f"{compared['reason'].isna().sum()} of {len(compared)} cells are compared")
    assert "2 crashed in B" in said[-1] and "not in B" in said[-1]


def test_errors_stand_beside_times(first, make_run):
    compared = compare(first, first)
    assert (compared["error_ratio"].dropna() == 1).all() and compared["error_ratio"].notna().any()


def test_without_a_common_device_cells_match_by_the_rest_and_say_so(first, make_run):
    gpu = other(make_run, device="cuda", threads=2, scale=0.1)
    compared = compare(first, gpu)
    assert set(compared["matched_by"]) == {"cell_id less device and threads"}
    timed = compared[compared["reason"].isna()]
    assert len(timed) and timed["ratio"].between(0.09, 0.11).all()
    assert set(timed["device_a"]) == {"cpu"} and set(timed["device_b"]) == {"cuda"}
    assert "less device and threads" in summary(compared)[0]


def test_runs_with_nothing_in_common_compare_nothing(first, make_run):
    compared = compare(first, other(make_run, grids=((ONE, "W1", "float64"),)))
    assert compared["ratio"].isna().all()
    assert set(compared["reason"]) == {"not in A", "not in B"}
    assert summary(compared)[0].startswith("0 of ")


def test_what_differs_between_the_machines_is_listed(first, make_run):
    def newer(run):
        run["versions"]["torch"] = "2.14.0"
        run["machine"]["cpu_flags"] = ["avx2", "amx_bf16"]
        run["machine"]["load_1min"] = 3.5

    found = differences(first, other(make_run, edit=newer)).set_index("what")
    assert found.loc["versions.torch"].tolist() == ["2.13.0", "2.14.0"]
    assert found.loc["machine.cpu_flags"].tolist() == ["avx2, fma", "avx2, amx_bf16"]
    assert "machine.load_1min" not in found.index and "machine.memory_bytes" not in found.index


def test_pages_put_what_differs_first_and_escape(first, make_run, tmp_path):
    def nasty(run):
        run["versions"]["torch"] = "<script>a|b</script>"
        run["label"] = "=cmd()"

    second = other(make_run, edit=nasty)
    paths = write_comparison(first, second, compare(first, second), tmp_path)
    assert [path.name for path in paths] == ["compare.html", "compare.md", "compare.csv"]
    html, markdown = (path.read_text("utf-8") for path in paths[:2])
    assert "<script" not in html and "<script" not in markdown and r"a\|b" in markdown
    assert html.index("What differs") < html.index("What was compared") < html.index("Cells that both measured")
    rows = list(csv.DictReader(paths[2].open(encoding="utf-8")))
    assert len(rows) == len(first.cells)
    with (tmp_path / "differences.csv").open(encoding="utf-8") as file:
        assert any(row["what"] == "versions.torch" for row in csv.DictReader(file))
