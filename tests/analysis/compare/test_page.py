"""The page of a comparison and the exit codes of `compare`."""

import csv
import dataclasses

import pandas as pd
import pytest

from gradiometer.analysis.compare.comparison import compare
from gradiometer.analysis.compare.gate import FAILURES
from gradiometer.analysis.compare.page import write_comparison
from gradiometer.cli import main


@pytest.fixture(scope="module")
def slow(other):
    return other(factor=lambda cell: 1.1 if cell["method"] == "factored" else 1.0, error=lambda cell: 2.5).folders[0]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--fail-on", "slower"], 1),
        (["--fail-on", "slower", "--threshold", "1.3"], 0),
        (["--fail-on", "less-precise"], 1),
        (["--fail-on", "less-precise", "--threshold", "4"], 0),
        ([], 0),
    ],
)
def test_fail_on_sets_the_exit_code(first, slow, tmp_path, capsys, arguments, status):
    assert main(["compare", str(first.folders[0]), str(slow), "-o", str(tmp_path), *arguments]) == status
    out, err = capsys.readouterr()
    assert out and not err and (tmp_path / "compare.html").is_file()


def test_the_checks_count_what_is_slower_and_what_is_less_precise(first, slow):
    from gradiometer import analysis

    compared = compare(first, analysis.load([slow]))
    assert FAILURES["slower"][0](compared, 1.05)[0] == "1 of 14 methods"
    assert FAILURES["less-precise"][0](compared, 2.0) == ["140 of 140 gradients by a factor above 2.00"]
    assert not FAILURES["less-precise"][0](compared, 4.0)


def test_a_build_fails_by_every_table_that_has_a_verdict(gpu):
    assert {"families by size", "cells"} <= {what.split(" ", 3)[-1] for what in FAILURES["slower"][0](gpu, 1.05)}
    families_alone = dataclasses.replace(gpu, cells=gpu.cells.assign(verdict="undecided"))
    assert any("families by size" in what for what in FAILURES["slower"][0](families_alone, 1.05))


def test_a_run_is_not_compared_with_itself(first, tmp_path, capsys):
    run = first.folders[0]
    same = f"{run.parent}/../{run.parent.name}/{run.name}"
    assert main(["compare", str(run), same, "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err and not any(tmp_path.iterdir())


def test_a_build_is_not_passed_by_runs_without_a_common_cell(first, other, tmp_path, capsys):
    apart = other(dtype="float64", ids=("-float32-", "-float64-"))
    folders = [str(first.folders[0]), str(apart.folders[0])]
    assert main(["compare", *folders, "-o", str(tmp_path), "--fail-on", "slower"]) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("factor", ["1", "0.9", "nan", "much"])
def test_a_threshold_that_is_no_factor_is_bad_usage(factor, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "a", "b", "--fail-on", "slower", "--threshold", factor])
    assert ended.value.code == 2 and "--threshold" in capsys.readouterr().err


def test_every_ratio_is_marked_with_what_differs(gpu, first, tmp_path):
    html, markdown, *tables = write_comparison(first, first, gpu, tmp_path)
    for page in (html, markdown):
        assert page.read_text("utf-8").count(f"runs differ in {gpu.differs_in}") >= 4 + 4  # tables and sentences
    for table in tables:
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
        assert rows and all(row["differs_in"] == gpu.label for row in rows)


def test_a_page_without_a_compared_cell_can_be_written(first, other, tmp_path):
    second = other(dtype="float64", ids=("-float32-", "-float64-"))
    html, *_ = write_comparison(first, second, compare(first, second), tmp_path)
    assert html.is_file()


def test_a_second_comparison_leaves_no_file_of_the_first_and_every_foreign_file(first, null, other, tmp_path):
    (tmp_path / "notes.txt").write_text("kept")
    write_comparison(first, first, null, tmp_path)
    assert (tmp_path / "sizes.svg").is_file()
    second = other(dtype="float64", ids=("-float32-", "-float64-"))
    write_comparison(first, second, compare(first, second), tmp_path)
    assert not (tmp_path / "sizes.svg").exists()
    assert (tmp_path / "notes.txt").is_file() and (tmp_path / "compare.html").is_file()


def test_differences_come_first_and_foreign_text_is_escaped(first, other, tmp_path):
    def nasty(run):
        run["versions"]["torch"] = "<script>a|b</script>"
        run["machine"]["cpu"] = "=cmd()"
        run["machine"]["load_1min"] = 3.5

    second = other(edit=nasty)
    html, markdown, *_ = write_comparison(first, second, compare(first, second), tmp_path)
    pages = [path.read_text("utf-8") for path in (html, markdown)]
    assert all("<script" not in it and it.index("Differences between") < it.index("Runs compared") for it in pages)
    assert r"a\|b" in pages[1]
    rows = {row["what"]: row for row in csv.DictReader((tmp_path / "differences.csv").open(encoding="utf-8"))}
    assert rows["cpu"]["b"] == "'=cmd()" and rows["torch"]["aspect"] == "software"
    assert "machine.load_1min" not in (tmp_path / "other_differences.csv").read_text("utf-8")


def test_the_page_shows_some_rows_and_the_file_all(null, first, tmp_path):
    many = pd.concat([null.cells] * 10, ignore_index=True)
    html, *_ = write_comparison(first, first, dataclasses.replace(null, cells=many), tmp_path)
    assert f"The first 500 of {len(many)} rows" in html.read_text("utf-8")
    assert len(list(csv.reader((tmp_path / "compare.csv").open(encoding="utf-8")))) == len(many) + 1
