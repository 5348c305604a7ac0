"""The problems that are shipped, and how a reader's own is loaded from a file."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradiometer.problems import linear_autoencoder, linear_autoencoder_batch, linear_autoencoder_batch_mse
from gradiometer.problems.problem import Form, Problem, ProblemError

__all__ = ["PROBLEMS", "Form", "Problem", "ProblemError", "Source", "load", "shipped", "sources_for"]

PROBLEMS: dict[str, Problem] = {
    module.problem.name: module.problem
    for module in (
        linear_autoencoder,
        linear_autoencoder_batch,
        linear_autoencoder_batch_mse,
    )
}


@dataclass(frozen=True)
class Source:
    """Where a problem comes from: enough for another process to build it again and know that it is the same.

    `path` stays within this machine; a run keeps the file's name and `sha256` only.
    """

    problem: Problem
    path: Path
    sha256: str
    is_shipped: bool


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped(name: str) -> Source:
    """The source of a shipped problem. Raises ProblemError for an unknown name."""
    if name not in PROBLEMS:
        raise ProblemError(f"problem {name!r}: expected one of {', '.join(PROBLEMS)}, or a file by --problem FILE.py")
    problem = PROBLEMS[name]
    path = Path(sys.modules[problem.loss.__module__].__file__ or "")
    return Source(problem, path, _sha256(path), is_shipped=True)


def load(path: Path, expected_sha256: str | None = None) -> Source:
    """Import a reader's problem file, which defines `problem = Problem(…)`. Raises ProblemError, in one line."""
    if not path.is_file():
        raise ProblemError(f"{path}: no such file; give a Python file that defines problem = Problem(…)")
    sha256 = _sha256(path)
    if expected_sha256 not in (None, sha256):
        raise ProblemError(f"{path.name}: changed while the study was running; start the study again")
    spec = importlib.util.spec_from_file_location(f"gradiometer_problem_{sha256[:16]}", path)
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
    if problem.name in PROBLEMS:
        raise ProblemError(f"{path.name}: the name {problem.name!r} is taken by a shipped problem; choose another")
    return Source(problem, path.resolve(), sha256, is_shipped=False)


def sources_for(files: Sequence[Path]) -> dict[str, Source]:
    """Sources by problem name: those of a reader's files, or the shipped ones where there are none.

    Raises ProblemError, also for two files with one name.
    """
    sources: dict[str, Source] = {}
    for path in files:
        source = load(path)
        if source.problem.name in sources:
            raise ProblemError(f"{path.name}: a problem named {source.problem.name!r} was given before; rename one")
        sources[source.problem.name] = source
    return sources or {name: shipped(name) for name in PROBLEMS}
