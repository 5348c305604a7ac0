"""What is installed: one package with its data files, and names that are imported on first use."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_folder_with_an_init_file_is_a_package_that_is_installed():
    halves = {"bench": "gradiometer", "analysis": "gradiometer.analysis"}
    found = {
        ".".join([name, *init.parent.relative_to(ROOT / half).parts])
        for half, name in halves.items()
        for init in (ROOT / half).rglob("__init__.py")
    }
    assert found == set(SETTINGS["tool"]["setuptools"]["packages"])


def test_a_wheel_holds_one_package_with_its_data_files(tmp_path):
    source, out = tmp_path / "source", tmp_path / "wheels"
    for half in ("bench", "analysis"):
        shutil.copytree(ROOT / half, source / half, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(out),
        str(source),
    ]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    (wheel,) = out.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"gradiometer"}
    suffixes = (".py", ".toml", ".j2", ".typed")
    written = {
        str(name / path.relative_to(ROOT / half))
        for half, name in (("bench", Path("gradiometer")), ("analysis", Path("gradiometer/analysis")))
        for path in (ROOT / half).rglob("*")
        if path.suffix in suffixes or path.name.endswith(suffixes)
    }
    assert written <= set(names)


@pytest.mark.parametrize(
    "before", ["", "import gradiometer.verification, gradiometer.timing, gradiometer.analysis.frames"]
)
def test_the_public_names_are_found_whatever_was_imported_before(before):
    code = f"{before}\nfrom gradiometer import Form, GradiometerError, Problem, load, measure, verify\n"
    code += "import gradiometer\nprint(*map(callable, [Form, Problem, load, measure, verify]), gradiometer.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["True"] * 5 + [SETTINGS["project"]["version"]]


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, gradiometer; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"torch", "pandas", "numpy", "pytest"} & set(done.stdout.split())


def test_git_ignores_what_a_users_run_writes_and_nothing_that_is_committed():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    written = [
        "results/quick-1/run.json",
        "results/report/report.html",
        "results/compare/a.csv",
        "results/selftest-1/a",
    ]
    committed = [
        "results/machines/quick-1/run.json",
        "results/sample/figures/new.svg",
        "bench/study/studies/quick.toml",
    ]
    command = ["git", "check-ignore", *written, *committed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == written
