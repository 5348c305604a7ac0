"""Commands run as a user runs them: in processes of their own, and the files they wrote read back."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from gradiometer.storage.tables import read_table

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit status, what it printed, and its run folder if it has one."""

    code: int
    text: str
    folder: Path | None

    def table(self, name: str) -> pd.DataFrame:
        assert self.folder is not None, self.text
        frame = read_table(self.folder, name)
        strings = {column: "object" for column in frame if frame[column].dtype == "category"}
        return frame.astype(strings)


@pytest.fixture(scope="module", autouse=True)
def _own_import_path():
    """Loading a problem adds its folder to the import path, where its modules could hide others from later tests."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Cached references are shared by the tests of a session and stay out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIOMETER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def run_module(*arguments: str, timeout: float = 150, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    mine = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")
    }  # are the test session's
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False, env=mine)


@pytest.fixture(scope="session")
def study_in():
    """study_in(folder, text of the TOML, *arguments) runs `pytest --benchmark-only` on it."""

    def run(folder: Path, toml: str, *arguments: str) -> Outcome:
        file, out = folder / "asked.toml", folder / "out"
        file.write_text(toml)
        before = set(out.iterdir()) if out.is_dir() else set()
        options = ["--benchmark-only", "--study", str(file), "--study-out", str(out), "-p", "no:cacheprovider"]
        done = run_module("pytest", *options, *arguments)
        new = sorted(set(out.iterdir()) - before) if out.is_dir() else []
        return Outcome(done.returncode, done.stdout + done.stderr, new[0] if new else None)

    return run


@pytest.fixture
def study(tmp_path, study_in):
    """study(text of the TOML, *arguments), in a folder of the test's own."""
    return lambda toml, *arguments: study_in(tmp_path, toml, *arguments)


@pytest.fixture
def run_pytest():
    """run_pytest(*arguments) runs pytest on this project."""

    def run(*arguments: str) -> Outcome:
        done = run_module("pytest", "-p", "no:cacheprovider", *arguments)
        return Outcome(done.returncode, done.stdout + done.stderr, None)

    return run


@pytest.fixture(scope="session")
def run_bench():
    """run_bench(*arguments) runs `python -m bench`."""

    def run(*arguments: str) -> Outcome:
        done = run_module("bench", *arguments)
        return Outcome(done.returncode, done.stdout + done.stderr, None)

    return run
