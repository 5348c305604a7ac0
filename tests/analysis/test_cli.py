"""The command line: what it prints, and one line for everything that can be wrong."""

import json
import shutil

import pytest

from gradiometer.cli import main

ONE = "linear_autoencoder"


@pytest.fixture
def results(tmp_path, monkeypatch, make_run):
    """A working directory with two runs under results/: `newer` started later, though its name sorts first."""
    monkeypatch.chdir(tmp_path)
    for name, started in (("newer", "2026-02-01T00:00:00Z"), ("older", "2026-01-01T00:00:00Z")):
        run = make_run(
            name=name, sizes=(8,), grids=((ONE, "W1", "float64"),), edit=lambda run, at=started: run.update(started=at)
        )
        shutil.copytree(run, tmp_path / "results" / name)
    return tmp_path / "results"


def error_line(capsys):
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert "Traceback" not in printed.err and printed.out == ""
    return printed.err


def test_report_takes_the_newest_run_and_says_what_it_wrote(results, capsys):
    assert main(["report"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == ["wrote results/report/report.html", "wrote results/report/report.md"]
    assert "newer" in (results / "report" / "report.md").read_text("utf-8")


def test_the_newest_run_is_found_past_broken_ones_and_reports(results, capsys):
    (results / "report").mkdir()
    (results / "zz-broken").mkdir()
    shutil.copy(results / "older" / "cells.parquet", results / "zz-broken" / "cells.parquet")
    (results / "zz-broken" / "run.json").write_text("{")
    assert main(["report"]) == 0
    assert "zz-broken" in capsys.readouterr().err


def test_a_run_is_given_by_name_or_by_path(results, tmp_path, capsys):
    assert main(["report", "older", "-o", "by-name"]) == 0
    assert main(["report", str(results / "older"), "-o", "by-path"]) == 0
    by_name, by_path = ((tmp_path / name / "report.html").read_bytes() for name in ("by-name", "by-path"))
    assert by_name == by_path and b"older" in by_name


def test_compare_prints_a_summary_and_what_it_wrote(results, capsys):
    assert main(["compare", "older", "newer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Runs compared: ")
    files = ("compare.html", "compare.md", "sizes.csv", "methods.csv", "cases.csv", "compare.csv")
    assert lines[-6:] == [f"wrote results/compare/{file}" for file in files]


def test_runs_of_real_machines_are_found_by_name_too(results, capsys):
    machines = results / "machines"
    machines.mkdir()
    (results / "older").rename(machines / "older")
    assert main(["report", "older", "-o", str(results / "out")]) == 0
    assert "older" in (results / "out" / "report.md").read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [[], ["paint"], ["compare", "one"], ["report", "--colour", "red"], ["compare", "a", "b", "--threshold", "2"]],
)
def test_bad_usage_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_an_unknown_run_is_one_line(results, capsys):
    assert main(["report", "nowhere"]) == 2
    assert "nowhere: expected a run folder or the name of a run" in error_line(capsys)


def test_no_run_at_all_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert "pytest --benchmark-only" in error_line(capsys)


def test_a_run_cut_short_says_how_to_recover_it(results, capsys):
    cut = results / "older"
    (cut / "cells.parquet").rename(cut / "journal.jsonl")
    assert main(["report", "older"]) == 2
    assert "recover" in error_line(capsys)


def test_a_folder_that_cannot_be_written_is_one_line(results, capsys):
    (results / "file").write_text("")
    assert main(["report", "older", "-o", str(results / "file")]) == 2
    assert "-o" in error_line(capsys)


def test_a_run_of_another_version_is_one_line(results, capsys):
    path = results / "older" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    assert main(["compare", "older", "newer"]) == 2
    assert "schema version 99" in error_line(capsys)
