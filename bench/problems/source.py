"""Loads a problem from a Python file, and identifies the code that defines it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradiometer import problems
from gradiometer.errors import ProblemError
from gradiometer.problems.problem import Problem

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Source:
    """Where a problem comes from: what another process needs to rebuild the same problem.

    `sha256` covers the file and the modules of its folder that it imports. A run records the file's name and the hash;
    `path` stays on this machine.
    """

    problem: Problem
    path: Path
    sha256: str
    is_shipped: bool


def shipped(name: str) -> Source:
    """The source of a shipped problem. Raises ProblemError for an unknown name."""
    if name not in problems.PROBLEMS:
        known = ", ".join(problems.PROBLEMS)
        raise ProblemError(f"problem {name!r}: expected one of {known}, or a file by --problem FILE.py")
    problem = problems.PROBLEMS[name]
    path = Path(sys.modules[problem.loss.__module__].__file__ or "")
    return Source(problem, path, _sha256(_own_files(path)), is_shipped=True)


def load(path: Path, expected_sha256: str | None = None) -> Source:
    """Import a user's file, which defines `problem = Problem(…)`.

    The file imports modules of its own folder first, as a Python script does, then those of the working folder. Raises
    ProblemError, in one line; also where the code differs from `expected_sha256`.
    """
    if not path.is_file():
        raise ProblemError(f"{path}: no such file; give a Python file that defines problem = Problem(…)")
    path = path.resolve()
    own = _own_files(path)
    sha256 = _sha256(own)
    if expected_sha256 not in (None, sha256):
        raise ProblemError(f"{path.name}: changed while the study was running; start the study again")
    problem = _imported(path, f"gradiometer_problem_{sha256[:16]}")
    for file in own[1:]:
        _check_is_loaded(file, path)
    if problem.name.lower() in {name.lower() for name in problems.PROBLEMS}:
        raise ProblemError(f"{path.name}: the name {problem.name!r} is taken by a shipped problem; choose another")
    return Source(problem, path, sha256, is_shipped=False)


def sources_for(files: Sequence[Path]) -> dict[str, Source]:
    """Problem name → source: of the user's files, or of all shipped problems where there are none.

    Raises ProblemError, also for two problems whose names are equal or differ only by case.
    """
    sources: dict[str, Source] = {}
    for path in files:
        source = load(path)
        if source.problem.name.lower() in {name.lower() for name in sources}:
            raise ProblemError(f"{path.name}: a problem named {source.problem.name!r} was given before; rename one")
        sources[source.problem.name] = source
    return sources or {name: shipped(name) for name in problems.PROBLEMS}


def _imported(path: Path, module_name: str) -> Problem:
    for place, folder in ((0, str(path.parent)), (len(sys.path) + 1, str(Path.cwd()))):
        if folder not in sys.path:
            sys.path.insert(place, folder)
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ProblemError(f"{path.name}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except ProblemError as error:
        raise ProblemError(f"{path.name}: {error}") from None
    except (Exception, SystemExit) as error:
        cause = (str(error).splitlines() or [""])[0]
        raise ProblemError(f"{path.name}: importing it raised {type(error).__name__}: {cause}") from None
    problem = getattr(module, "problem", None)
    if not isinstance(problem, Problem):
        found = "no such name" if problem is None else type(problem).__name__
        raise ProblemError(f"{path.name}: expected problem = Problem(…), found {found}")
    return problem


def _check_is_loaded(file: Path, path: Path) -> None:
    """Raise ProblemError where `path` imports a module of the same name from elsewhere in place of `file`."""
    parts = file.relative_to(path.parent).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if name in sys.modules and (loaded is None or Path(loaded).resolve() != file.resolve()):
        raise ProblemError(f"{path.name}: imports {name}, but another module has that name; rename {file.name}")


def _sha256(files: Sequence[Path]) -> str:
    """Hash of the first file's content, then of the names and contents of the others."""
    first, *others = files
    digest = hashlib.sha256(first.read_bytes())
    for file in sorted(others):
        digest.update(file.relative_to(first.parent).as_posix().encode() + b"\n" + file.read_bytes())
    return digest.hexdigest()


def _own_files(path: Path) -> list[Path]:
    """The file, and every module of its folder that it imports, directly or through another."""
    found = [path]
    for file in found:
        found += [each for each in dict.fromkeys(_own_imports(file, path.parent)) if each not in found]
    return found


def _own_imports(file: Path, folder: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # importing the file reports it
    prefix = "gradiometer.problems." if folder == SHIPPED else ""
    for node in ast.walk(tree):
        base = folder
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = file.parents[node.level - 1] if node.level else folder
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.removeprefix(prefix).strip(".").split(".")
            for depth in range(1, len(parts) + 1):
                place = base.joinpath(*parts[:depth])
                if place == base or not place.is_relative_to(folder):
                    continue
                yield from (each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file())
