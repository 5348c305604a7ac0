import json
import subprocess
from pathlib import Path

import pytest

from gradiometer.machine import description, hardware, software, summary


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def package(tmp_path):
    """A package inside somebody's repository, whose commit is not the package's."""
    folder = tmp_path / ".venv/lib/gradiometer"
    (folder / "machine").mkdir(parents=True)
    (folder / "machine/limits.py").write_text("")
    (tmp_path / "theirs.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "theirs.py")
    git(tmp_path, "commit", "-qm", "theirs")
    return folder


def test_the_commit_of_a_surrounding_repository_is_not_recorded(package):
    with pytest.raises(LookupError, match="not in a git repository of its own"):
        software.source(package)


def test_a_repository_that_a_git_hook_names_is_not_the_packages(package, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    (other / "machine").mkdir()
    (other / "machine/limits.py").write_text("")
    git(other, "init", "-q")
    git(other, "add", "machine")
    git(other, "commit", "-qm", "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    with pytest.raises(LookupError, match="not in a git repository of its own"):
        software.source(package)


def test_a_tracked_package_has_a_commit_and_is_dirty_once_a_file_of_it_changes(package):
    git(package, "add", "-f", "machine")
    git(package, "commit", "-qm", "ours")
    clean = software.source(package)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    (package.parents[2] / "theirs.py").write_text("x = 1")
    assert software.source(package)["dirty"] is False
    (package / "machine/limits.py").write_text("x = 1")
    assert software.source(package)["dirty"] is True


def test_every_fact_is_there_or_unread_with_a_reason_without_a_path(monkeypatch):
    monkeypatch.setitem(description.FACTS, "governor", lambda: Path("/nosuch/place").read_text())
    found = description.describe()
    assert set(found) == {*description.FACTS, "unread"}
    assert found["governor"] is None
    assert found["unread"]["governor"] == "FileNotFoundError: No such file or directory"
    assert "/nosuch" not in json.dumps(found)


def test_the_summary_has_ten_facts_on_any_machine(tmp_path):
    blank = dict.fromkeys([*description.FACTS, "unread"])
    for machine in (description.describe(), blank):
        pairs = summary.summary(machine, tmp_path)
        assert len(dict(pairs)) == 10
        assert all(label and value and "\n" not in value for label, value in pairs)


def test_the_summary_takes_the_newest_selftest_of_this_processor(tmp_path):
    mine = {"cpu": "mine", "logical_cores": 2}
    results = [("1", mine, 0.5), ("2", mine, 0.031), ("3", mine | {"cpu": "another"}, 0.7), ("4", mine, None)]
    for name, machine, share in results:
        (tmp_path / name).mkdir()
        told = {"machine": machine, "smallest_difference": share and {"50us": share}}
        (tmp_path / name / "selftest.json").write_text(json.dumps(told))
    blank = dict.fromkeys(description.FACTS)
    assert "3.1%" in dict(summary.summary(blank | mine, tmp_path))["Smallest detectable difference"]


def test_interference_on_a_busy_virtual_machine_that_saves_power(monkeypatch, tmp_path):
    governor = tmp_path / "governor"
    governor.write_text("powersave\n")
    monkeypatch.setattr(hardware, "GOVERNOR", governor)
    monkeypatch.setattr(hardware, "cpuinfo", lambda: {"flags": "avx hypervisor"})
    monkeypatch.setattr(summary.os, "getloadavg", lambda: (9.4, 1, 1))
    busy = summary.interference_sources()
    assert ["9.4" in busy[0], "powersave" in busy[1], "virtual machine" in busy[-1]] == [True] * 3
    governor.write_text("performance\n")
    monkeypatch.setattr(hardware, "cpuinfo", lambda: {"flags": "avx"})
    monkeypatch.setattr(summary.os, "getloadavg", lambda: (0.1, 1, 1))
    monkeypatch.setattr(summary.psutil, "sensors_battery", lambda: None)
    assert summary.interference_sources() == []
