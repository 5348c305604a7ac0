"""Usage of `pytest --benchmark-only`: wrong options, files without a study, and plain pytest."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "smoke"], "--study requires --benchmark-only"),
        pytest.param(["--problem", "x.py"], "--problem requires --benchmark-only", marks=pytest.mark.slow),
        (["bench/bench_gradients.py"], "bench_gradients.py requires --benchmark-only"),
        pytest.param(
            ["tests/benchmarks/bench_reference.py::test_cold"],
            "bench_reference.py requires --benchmark-only",
            marks=pytest.mark.slow,
        ),
        (["--benchmark-only", "--study", "nosuch"], "expected smoke, quick, full"),
        pytest.param(["--benchmark-only", "--problem", "nosuch.py"], "nosuch.py: no such file", marks=pytest.mark.slow),
    ],
)
def test_bad_usage_is_one_line_before_anything_is_collected(run_pytest, arguments, message):
    done = run_pytest(*arguments)
    assert done.code == 4
    assert message in done.text
    assert "Traceback" not in done.text


def test_plain_pytest_collects_no_study(run_pytest):
    done = run_pytest("--collect-only", "-q", "bench", "tests/benchmarks", "tests/bench/test_progress.py")
    assert "test_gradient" not in done.text
    assert "test_cold" not in done.text
    assert done.code == 0


def test_a_file_given_by_path_is_timed_without_a_study(run_pytest, tmp_path):
    file, out = tmp_path / "bench_mine.py", tmp_path / "out"
    file.write_text("def test_nothing(benchmark):\n    benchmark(int)\n")
    done = run_pytest("--benchmark-only", "--study-out", str(out), str(file))
    assert "1 passed" in done.text
    assert done.code == 0
    assert not out.exists()
