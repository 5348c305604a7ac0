"""The pytest plugin in another project, which has the same names as this one; and the usage of its options."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradiometer import pytest_plugin

ROOT = Path(__file__).parents[2]

PROJECT = {
    "pyproject.toml": """
        [project]
        name = "other"
        [tool.pytest.ini_options]
        pythonpath = ["."]
        """,
    "bench/__init__.py": "NAME = 'bench of the other project'",
    "analysis/__init__.py": "NAME = 'analysis of the other project'",
    "conftest.py": """
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--problem", default="none", help="theirs")
            parser.addoption("--study", action="store_true", dest="study", help="theirs")

        @pytest.fixture
        def study_session(request):
            return request.config.getoption("--problem")
        """,
    "test_other.py": """
        import analysis
        import bench

        def test_names(study_session, request):
            assert study_session == "none" or study_session == "seven"
            assert bench.NAME.startswith("bench of") and analysis.NAME.startswith("analysis of")

        def test_timed(benchmark):
            assert benchmark(int) == 0

        def test_fails():
            assert False
        """,
}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another project."""
    folder = tmp_path_factory.mktemp("other")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(re.sub(r"^ {8}", "", text, flags=re.M).lstrip())
    return folder


def run_in(folder, *arguments, environment=()):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder, env=clean | dict(environment), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def outcomes(text):
    """The outcome of every test, their counts and the root folder."""
    lines = text.splitlines()
    counts = re.sub(r" in \d.*", "", lines[-1]).strip("= ")
    return sorted(line for line in lines if line.startswith(("PASSED", "FAILED", "ERROR", "rootdir:"))), counts


@pytest.mark.parametrize(
    "arguments",
    [
        ["--benchmark-only"],
        pytest.param(["-n", "2"], marks=pytest.mark.slow),
        ["-p", "no:capture", "--problem", "seven", "--study", "test_other.py"],
    ],
    ids=" ".join,
)
def test_nothing_changes_in_another_project(other, arguments):
    """Distributed tests are marked slow, since they start six interpreters."""
    with_plugin, without = (run_in(other, "-rA", *extra, *arguments) for extra in ([], ["-p", "no:gradiometer"]))
    assert with_plugin[0] == without[0]
    assert outcomes(with_plugin[1]) == outcomes(without[1])
    assert "Traceback" not in with_plugin[1]


def test_a_study_asked_for_in_another_project_leaves_its_options_and_fixtures_alone(other):
    code, text = run_in(other, "--benchmark-only", "--study-label", "x", "--problem", "seven", "--collect-only", "-q")
    assert code == 0
    assert "test_gradient[linear_autoencoder-" in text  # --problem is theirs, so the default study's problems


@pytest.mark.parametrize("form", [pytest.param("two arguments", marks=pytest.mark.slow), "one argument"])
def test_a_folder_for_runs_does_not_move_the_root_folder(other, tmp_path, form):
    """One of the two is marked slow."""
    out = tmp_path / "dir with space"
    out.mkdir()
    given = ["--study-out", str(out)] if form == "two arguments" else [f"--study-out={out}"]
    code, text = run_in(other, "--benchmark-only", *given, "--study-label=x", "--collect-only")
    assert code == 0, text
    assert f"rootdir: {other}" in text.splitlines()
    assert "configfile: pyproject.toml" in text.splitlines()


def test_windows_is_refused_only_when_a_study_is_asked_for(other):
    pretend = "import pytest, sys, types; from gradiometer import pytest_plugin as it; "
    pretend += "it.sys = types.SimpleNamespace(platform='win32'); sys.exit(pytest.main(['-q', *sys.argv[1:]]))"
    codes = [
        subprocess.run([sys.executable, "-c", pretend, *arguments], cwd=other, timeout=60, check=False).returncode
        for arguments in (["--collect-only"], ["--benchmark-only", "--study-label=x"])
    ]
    assert codes == [0, 4]


def test_importing_the_plugin_imports_pytest_and_the_standard_library_alone():
    code = "import sys, pytest; before = set(sys.modules); import gradiometer.pytest_plugin; "
    code += "print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    foreign = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert foreign == {"gradiometer"}


def test_the_checkout_is_known_by_its_package_and_its_name(tmp_path):
    assert pytest_plugin._in_checkout(ROOT)
    assert not pytest_plugin._in_checkout(ROOT.parent)
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    assert not pytest_plugin._in_checkout(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert not pytest_plugin._in_checkout(tmp_path)
