import json
import math
import platform
import sys
from importlib import metadata

import pytest

from gradiometer.cli import main
from gradiometer.methods import METHODS
from gradiometer.notebook import norms
from gradiometer.problems import PROBLEMS, load
from gradiometer.study.study_file import STUDIES
from gradiometer.template import TEMPLATE, write
from gradiometer.verification import verify


def test_the_notebooks_own_comparison_still_comes_out_as_it_did():
    """It printed 5.5e-6, 3.0e-6, 6.5e-6 and 5.8e-6, unseeded; over 400 seeds W1's ranged from 1.7e-6 to 9.6e-6."""
    by_seed = [norms(seed) for seed in range(30)]
    for comparison in zip(*by_seed, strict=True):
        differences = [norm.difference for norm in comparison]
        assert min(differences) > 0
        assert max(differences) < 2e-5
        assert 1e-6 < math.exp(sum(map(math.log, differences)) / len(differences)) < 1e-5
        assert max(norm.difference / norm.gradient for norm in comparison) < 1e-6


def test_the_four_norms_are_printed(run_bench):
    done = run_bench("notebook")
    assert done.code == 0
    assert done.text.count("‖by hand − jacobian‖") == 4
    assert "Warning" not in done.text


def test_verify_exits_zero_or_one_for_right_and_wrong_gradients(capsys, tmp_path):
    """Status 2 is that of the mistakes in workers/test_broken_files.py."""
    file = tmp_path / "mine.py"
    file.write_text(TEMPLATE.format(name="mine"))
    assert main(["verify", str(file)]) == 0
    assert capsys.readouterr().out.startswith("mine x textbook: proved at ")
    file.write_text(file.read_text().replace("return A.T @ (A @ x - b)", "return A.T @ (A @ x + b)"))
    assert main(["verify", str(file)]) == 1
    assert "mine x textbook: wrong" in capsys.readouterr().out


def test_new_writes_a_problem_that_is_right_and_overwrites_nothing(tmp_path):
    assert "pytest --benchmark-only --problem mine.py" in write("mine", tmp_path)
    problem = load(tmp_path / "mine.py").problem
    assert [verdict.verdict for verdict in verify(problem)] == ["proved", "proved"]
    assert len((tmp_path / "mine.py").read_text().splitlines()) < 30
    for name, said in (
        ("mine", "exists; choose another name"),
        ("../up", "expected letters"),
        ("", "expected letters"),
    ):
        with pytest.raises(ValueError, match=said):
            write(name, tmp_path)


def test_list_names_problems_forms_methods_and_studies(run_bench):
    said = run_bench("list").text
    for name in (*PROBLEMS, "gram_prepared", "W1+W2", *METHODS, *STUDIES):
        assert name in said


def test_plan_is_a_table_with_a_row_for_each_problem_and_wrt(capsys):
    assert main(["plan", "quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines[1:-1]]
    assert [row[:2] for row in rows] == [[name, wrt] for name, problem in PROBLEMS.items() for wrt in problem.wrts]
    cases, cells = (int(lines[-1].split(f" {unit}")[0].split()[-1]) for unit in ("cases", "cells"))
    columns = zip(*([int(text) for text in row[-3:]] for row in rows), strict=True)
    all_cases, measured, skipped = map(sum, columns)
    assert (all_cases, measured + skipped) == (cases, cells) and skipped > 0


def test_plan_lists_cases_and_reasons_on_request(capsys):
    assert main(["plan", "smoke", "-v"]) == 0
    cases = [line for line in capsys.readouterr().out.splitlines() if "bytes in and out" in line]
    assert cases and all("flops" in line and "MB at most" in line for line in cases)


def test_machine_prints_ten_lines_and_all_facts_on_request(capsys):
    assert main(["machine"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 10
    assert main(["machine", "--json"]) == 0
    printed = capsys.readouterr().out
    assert "cpu_flags" in json.loads(printed)["machine"]
    assert platform.node() not in printed and "/usr/" not in printed


def test_the_version_is_that_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"gradiometer {metadata.version('gradiometer')}\n"


@pytest.mark.parametrize(
    "arguments", [["plan", "nosuch"], ["recover", "nosuch"], ["plan", "--problem", "nosuch.py"], ["nosuch"], []]
)
def test_bad_usage_is_one_line_and_exit_two(capsys, arguments):
    """In this process, since starting one for each takes seconds; an exception would be the test's own failure."""
    try:
        code = main(arguments)
    except SystemExit as usage:  # argparse's
        code = usage.code
    assert code == 2
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if line and not line.startswith(("usage:", " "))]) == 1


@pytest.mark.parametrize("arguments", [["verify"], ["list"], ["plan"], ["selftest"]])
def test_a_verb_that_measures_names_the_extra_that_is_missing(monkeypatch, capsys, arguments):
    for name in [name for name in sys.modules if name.split(".")[0] == "gradiometer" and name != "gradiometer.cli"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'gradiometer[measure]'" in line
