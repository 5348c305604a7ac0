import math
import platform
import subprocess
import sys

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


def test_verify_says_what_is_right_and_what_is_wrong_with_the_rest(run_bench, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(TEMPLATE.format(name="mine"))
    done = run_bench("verify", str(file))
    assert done.code == 0
    assert done.text.startswith("mine x textbook: exact, agrees to 308 digits")
    file.write_text(file.read_text().replace("return A.T @ (A @ x - b)", "return A.T @ (A @ x + b)"))
    done = run_bench("verify", str(file))
    assert done.code == 1
    assert "mine x textbook: wrong" in done.text
    file.write_text(
        file.read_text().replace("def gradient_x(A, b, x):", "def gradient_x(A, b, x):\n    import os; os.abort()")
    )
    done = run_bench("verify", str(file), "nosuch")
    assert done.code == 2
    assert "mine x textbook: not checked; its process ended with signal 6" in done.text
    assert "mine x torch: exact" in done.text
    assert "not usable: problem 'nosuch': expected one of linear_autoencoder" in done.text
    assert "Traceback" not in done.text


def test_new_writes_a_problem_that_is_right_and_overwrites_nothing(tmp_path):
    assert "pytest --benchmark-only --problem mine.py" in write("mine", tmp_path)
    problem = load(tmp_path / "mine.py").problem
    assert [verdict.verdict for verdict in verify(problem)] == ["exact", "exact"]
    assert len((tmp_path / "mine.py").read_text().splitlines()) < 30
    for name, said in (("mine", "there is such a file"), ("../up", "expected letters"), ("", "expected letters")):
        with pytest.raises(ValueError, match=said):
            write(name, tmp_path)


def test_list_names_problems_forms_methods_and_studies(run_bench):
    said = run_bench("list").text
    for name in (*PROBLEMS, "gram_prepared", "W1+W2", *METHODS, *STUDIES):
        assert name in said


def test_plan_says_what_is_skipped_why_and_how_long_it_takes(run_bench):
    done = run_bench("plan", "quick")
    assert (
        "416 bytes in and out; 2.7e+02 (factored) to 9.7e+03 (central_difference) flops; 0.0092 MB at most" in done.text
    )
    assert done.code == 0
    assert "linear_autoencoder-W1-n512-float32-cpu-1t-ieee-hot: n=512 p=256" in done.text
    assert "jacfwd: skipped, predicted to need" in done.text
    assert "estimated time" in done.text.splitlines()[-1]


def test_a_machine_is_described_without_names_or_paths(run_bench):
    done = run_bench("machine")
    assert done.code == 0
    assert '"cpu_flags"' in done.text
    assert platform.node() not in done.text
    assert "/usr/" not in done.text


@pytest.mark.parametrize(
    "arguments", [["plan", "nosuch"], ["recover", "nosuch"], ["plan", "--problem", "nosuch.py"], ["nosuch"], []]
)
def test_bad_usage_is_one_line_and_exit_two(monkeypatch, capsys, arguments):
    """In this process, since starting one for each takes seconds; an exception would be the test's own failure."""
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    try:
        code = main()
    except SystemExit as usage:  # argparse's
        code = usage.code
    assert code == 2
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if line and not line.startswith(("usage:", " "))]) == 1


def test_help_costs_no_torch():
    modules = "gradiometer.cli, gradiometer.storage.recover, gradiometer.statistics, gradiometer.study.headlines, gradiometer.pytest_plugin"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
