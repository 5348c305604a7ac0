import sys

import pytest

from gradiometer.problems import PROBLEMS, ProblemError, load, shipped, source, sources_for
from gradiometer.verification.client import load_request, verdicts_on
from gradiometer.workers.processes import WorkerProcess

TEXT = """
from gradiometer import Problem
{imports}
problem = Problem(
    name="{name}", loss=lambda x: (x * x).sum(), shapes={{"x": "n"}}, dims={{"n": 1.0}},
    gradients={{"x": {{"f": lambda x: {factor} * x}}}},
)
"""


@pytest.fixture(autouse=True)
def _own_import_path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(file, name="mine", imports="", factor="2"):
    file.parent.mkdir(exist_ok=True)
    file.write_text(TEXT.format(name=name, imports=imports, factor=factor))
    return file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import nosuchmodule", "importing it raised ModuleNotFoundError"),
        ("def f(:", "importing it raised SyntaxError"),
        ("raise SystemExit(3)", "importing it raised SystemExit"),
        ("x = 1", "expected problem = Problem(…), found no such name"),
        ("problem = 7", "found int"),
    ],
)
def test_a_file_without_a_problem_is_refused_in_one_line(tmp_path, content, message):
    file = tmp_path / "mine.py"
    file.write_text(content)
    with pytest.raises(ProblemError) as caught:
        load(file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["linear_autoencoder", "Linear_Autoencoder"])
def test_the_name_of_a_shipped_problem_is_refused(tmp_path, name):
    with pytest.raises(ProblemError, match="taken by a shipped problem; choose another"):
        load(write(tmp_path / "mine.py", name))


def test_problems_whose_names_differ_only_by_case_are_refused(tmp_path):
    files = [write(tmp_path / "a.py", "mine"), write(tmp_path / "b.py", "Mine")]
    with pytest.raises(ProblemError, match="'Mine' was given before"):
        sources_for(files)


def test_a_file_that_changes_during_a_study_is_refused(tmp_path):
    file = write(tmp_path / "mine.py")
    first = load(file)
    write(file, factor="3")
    with pytest.raises(ProblemError, match="changed while the study was running"):
        load(file, first.sha256)


def test_the_hash_covers_all_own_modules_and_nothing_else(tmp_path):
    file = write(tmp_path / "mine.py", imports="from pieces.direct import FACTOR\nimport torch", factor="FACTOR")
    (tmp_path / "pieces").mkdir()
    modules = {
        "pieces/__init__.py": "",
        "pieces/direct.py": "from .indirect import FACTOR\nimport pieces.third",
        "pieces/indirect.py": "FACTOR = 2",
        "pieces/third.py": "import direct",
        "pieces/not_imported.py": "",
        "unrelated.py": "",
    }
    for name, text in modules.items():
        (tmp_path / name).write_text(text + "\n")
    hashes = {name: source._sha256(source._own_files(file)) for name in ["as it is"]}
    for name in modules:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text + "# changed\n")
        hashes[name] = source._sha256(source._own_files(file))
        (tmp_path / name).write_text(text)
    unchanged = hashes.pop("as it is")
    assert {name for name, sha256 in hashes.items() if sha256 == unchanged} == {
        "pieces/not_imported.py",
        "unrelated.py",
    }


def test_the_hash_of_a_shipped_problem_covers_the_forms_that_it_shares(monkeypatch, tmp_path):
    sources = {name: shipped(name) for name in PROBLEMS}
    for file in source.SHIPPED.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(source, "SHIPPED", tmp_path)

    def hashes():
        own = {name: source._own_files(tmp_path / found.path.name) for name, found in sources.items()}
        return {name: source._sha256(files) for name, files in own.items()}

    before = hashes()
    assert before == {name: found.sha256 for name, found in sources.items()}
    with (tmp_path / "linear_autoencoder_batch.py").open("a") as file:
        file.write("# changed\n")
    changed = {name for name, sha256 in hashes().items() if sha256 != before[name]}
    assert changed == {"linear_autoencoder_batch", "linear_autoencoder_batch_mse"}


def test_a_file_that_imports_its_neighbour_loads_here_and_in_a_worker(tmp_path, monkeypatch):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    file = write(here / "mine.py", imports="from my_factor import FACTOR", factor="FACTOR")
    (here / "my_factor.py").write_text("FACTOR = 2\n")
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = load(file)
    worker = WorkerProcess(load_request([found], []))
    try:
        assert [verdict.verdict for verdict in verdicts_on(found, worker)] == ["proved", "proved"]
    finally:
        worker.stop()


def test_a_neighbour_hidden_by_another_module_of_its_name_is_refused(tmp_path):
    for folder, factor in (("a", 2), ("b", 3)):
        write(tmp_path / folder / f"{folder}.py", folder, "from shared_factor import FACTOR", "FACTOR")
        (tmp_path / folder / "shared_factor.py").write_text(f"FACTOR = {factor}\n")
    load(tmp_path / "a" / "a.py")
    with pytest.raises(ProblemError, match=r"b.py: imports shared_factor, but another module has that name"):
        load(tmp_path / "b" / "b.py")
