"""pytest plugin. Inactive outside this project unless one of its options is given.

This module imports the standard library and pytest alone; fixtures and hooks of a study are in `study_session`. Options
are registered after those of every other plugin and conftest, so another project's option of the same name wins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

VALUES = {
    "--study": {"metavar": "NAME|FILE.toml", "help": "the study to run (default: quick)"},
    "--study-out": {"metavar": "DIR", "help": "folder for the run folder (default: results)"},
    "--study-label": {"metavar": "TEXT", "help": "a label that is stored with the run"},
    "--problem": {
        "metavar": "FILE.py",
        "action": "append",
        "help": "measure a problem of your own in place of the study's; repeatable",
    },
}
FLAGS = {
    "--study-strict": {"help": "fail the session for every failed cell, those of the shipped problems included"},
    "--study-tables": {"help": "print pytest-benchmark's tables too"},
}
STUDY_FILE = Path(__file__).with_name("bench_gradients.py")

OWN = pytest.StashKey[frozenset[str]]()
"""Options of this plugin that are registered in this session; absent while the plugin is inactive."""


def _in_checkout(root: Path) -> bool:
    """Whether `root` is the checkout that holds this package."""
    if (root / "bench").resolve() != Path(__file__).resolve().parent:
        return False
    import tomllib

    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, tomllib.TOMLDecodeError):
        return False
    return bool(project.get("name") == "gradiometer")


def _given(arguments: Sequence[str]) -> list[str]:
    """Names of this plugin's options among the command line's arguments."""
    names = [argument.split("=", 1)[0] for argument in arguments]
    return [name for name in (*VALUES, *FLAGS) if name in names]


def _is_free(parser: pytest.Parser, name: str) -> bool:
    try:
        return name in parser.parse_known_and_unknown_args([name])[1]
    except (pytest.UsageError, SystemExit):  # it is known, and expects a value
        return False


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Iterator[None]:
    """Register the options where the plugin is active, once every conftest has registered its own."""
    given = _given(args)
    active = _in_checkout(early_config.rootpath)
    if active:
        values = {value for option, value in pairwise(args) if option in VALUES}
        known = early_config.known_args_namespace
        known.file_or_dir = [path for path in known.file_or_dir if path not in values]  # no conftest beside a value
    yield
    if not active and not given:
        return
    free = frozenset(name for name in (*VALUES, *FLAGS) if _is_free(parser, name))
    if not active and not free.intersection(given):
        return
    early_config.stash[OWN] = free
    group = parser.getgroup("gradiometer", "gradient studies (with --benchmark-only)")
    for name in sorted(free):
        settings: dict[str, Any] = VALUES[name] if name in VALUES else {"action": "store_true", **FLAGS[name]}
        group.addoption(name, dest=_destination(name), **settings)


def _destination(name: str) -> str:
    return "gradiometer_" + name.lstrip("-").replace("-", "_")


def option(config: pytest.Config, name: str) -> Any:
    """Value of one of this plugin's options; None where it is not given, or is another plugin's."""
    return getattr(config.option, _destination(name), None) if name in config.stash.get(OWN, ()) else None


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Start again with `--study-out=DIR` for `--study-out DIR`: pytest looks for its rootdir near every bare path."""
    own = config.stash.get(OWN, frozenset())
    arguments = list(map(str, config.invocation_params.args))
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in own.intersection(VALUES) and Path(argument).exists():
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return None if joined == arguments else int(pytest.main(joined, config.invocation_params.plugins))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the study's fixtures and hooks if a study is asked for; a usage error ends pytest before it collects."""
    if OWN not in config.stash:
        return
    given = [name for name in (*VALUES, *FLAGS) if option(config, name)]
    measures = bool(getattr(config.option, "benchmark_only", False))
    if not measures:
        if given:
            raise pytest.UsageError(f"{given[0]} requires --benchmark-only")
        for argument in config.args:
            file = Path(argument.split("::")[0])
            if file.name.startswith("bench_") and _in_checkout(config.rootpath):
                raise pytest.UsageError(f"{file.name} requires --benchmark-only")
        return
    if sys.platform == "win32":
        raise pytest.UsageError("a study needs a POSIX system; on Windows, run it in WSL")
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--benchmark-only needs the machine to itself; leave out -n (pytest-xdist)")
    from gradiometer.errors import MEASURING_PACKAGES, GradiometerError, missing_packages

    try:
        from gradiometer import study_session

        study_session.start(config)
    except GradiometerError as error:
        raise pytest.UsageError(str(error)) from None
    except ModuleNotFoundError as error:
        if error.name not in MEASURING_PACKAGES:
            raise
        raise pytest.UsageError(missing_packages(error.name)) from None
    config.pluginmanager.register(study_session, "gradiometer_study")
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [str(STUDY_FILE)]
