"""A study in a pytest session: its fixture and hooks, registered by `pytest_plugin` only if a study is asked for.

pytest-benchmark shows the engine's own samples: it reads a replay clock, so its tables, JSON, comparison and grouping
are those of the run folder. This module may import every part of the package.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gradiometer import problems
from gradiometer.analysis.terminal import FAILED, summary
from gradiometer.errors import GradiometerError
from gradiometer.machine.limits import free_memory_bytes
from gradiometer.methods import METHODS
from gradiometer.progress import Progress, duration
from gradiometer.pytest_plugin import option
from gradiometer.run import CellResult, Run
from gradiometer.storage.schema import BASELINE
from gradiometer.study import grid, study_file
from gradiometer.study.plan import Plan

FAILED_BY_DEFAULT = ("wrong", "timeout", "error", "crashed")
"""Statuses of a form in a user's own problem that fail the session without `--study-strict`."""

CELL_PARAMETERS = ("problem", "wrt", "size", "dtype", "device", "method", "cell")
TABLE_OPTIONS = ("verbose", "compare", "columns", "group-by", "sort", "histogram", "name")
"""Options of pytest-benchmark (`--benchmark-…`) that ask for its tables."""


class ReplayClock:
    """Reads 0.0, sample, 0.0, sample, …: each difference is a recorded sample in seconds."""

    __name__ = "replay"

    def __init__(self) -> None:
        self._samples: Iterator[float] = iter(())
        self._is_start = True

    def load(self, samples: Sequence[float]) -> None:
        """Set the samples to replay."""
        self._samples, self._is_start = iter(samples), True

    def __call__(self) -> float:
        """The next reading."""
        reading = 0.0 if self._is_start else next(self._samples, 0.0)
        self._is_start = not self._is_start
        return reading


class StudySession:
    """The study of one pytest session. A case is measured when the result of its first cell is asked for."""

    def __init__(self, config: pytest.Config, plan: Plan, sources: dict[str, problems.Source]) -> None:
        self.config, self.plan = config, plan
        self.clocks: dict[str, ReplayClock] = {}
        self.lines: list[str] = []
        self._sources = sources
        self._run: Run | None = None
        self._results: dict[str, CellResult] = {}
        self._case_of = {cell.cell_id: cell.case.case_id for cell in plan.cells}
        self._measured: set[str] = set()

    @classmethod
    def planned(cls, config: pytest.Config) -> StudySession:
        """The session that the options ask for. Raises StudyError or ProblemError for values that cannot be used."""
        asked = study_file.find(option(config, "--study") or "quick")
        files = [Path(name) for name in option(config, "--problem") or []]
        sources = problems.sources_for(files)
        plan = grid.plan(asked, sources, grid.Limits(free_memory_bytes()), problems_replaced=bool(files))
        return cls(config, plan, sources)

    def select(self, cell_ids: set[str]) -> None:
        """Keep these cells and the baselines of their cases."""
        cases = {self._case_of[cell] for cell in cell_ids}
        kept = (
            cell
            for cell in self.plan.cells
            if cell.cell_id in cell_ids or (cell.method == BASELINE and cell.case.case_id in cases)
        )
        self.plan = Plan(self.plan.study, tuple(kept))
        self._progress = Progress(self.config, len(self.plan.cases), self.plan.estimated_s)

    def result_of(self, cell_id: str) -> CellResult:
        """The cell's result; measures its case if that has not been tried."""
        case_id = self._case_of[cell_id]
        if case_id not in self._measured:
            try:
                run = self._started()
                self._progress.case(len(self._measured), case_id)
                self._measured.add(case_id)
                self._results |= run.measure(case_id)
            except GradiometerError as error:  # the run folder cannot be written
                pytest.exit(str(error), returncode=2)
        if cell_id not in self._results:
            pytest.fail(f"{case_id}: measuring this case failed; see the failure of its first cell", pytrace=False)
        return self._results[cell_id]

    def fails(self, problem: str, method: str, status: str) -> bool:
        """Whether a cell of this status is a failed test."""
        if option(self.config, "--study-strict"):
            return status in FAILED
        return method not in METHODS and not self._sources[problem].is_shipped and status in FAILED_BY_DEFAULT

    def _started(self) -> Run:
        if self._run is None:
            out = Path(option(self.config, "--study-out") or "results")
            command = shlex.join(["pytest", *map(_without_folders, self.config.invocation_params.args)])
            self._run = Run(self.plan, self._sources, out, option(self.config, "--study-label"), command)
            self._progress.step("verifying the gradients")
            self._run.verify()
            self._progress.step("measuring the machine's peak rates")
            self._run.measure_peak_rates()
        return self._run

    def finish(self) -> None:
        """Build the tables, and keep the lines to print at the end."""
        run = self._run
        if run is None:
            return
        self._progress.end()
        state = "complete" if self._measured >= set(self.plan.cases) else "interrupted"
        try:
            run.finish(state)
            self.lines = summary(run.folder, bool(option(self.config, "--study-strict")))
        except (GradiometerError, OSError) as error:
            self.lines = [f"{error}; run: gradiometer recover {shlex.quote(str(run.folder))}"]
            return
        wall, timing, precision = (run.clock[name] for name in ("wall_s", "measuring_s", "scoring_s"))
        parts = f"{timing:.0f} s timing, {precision:.0f} s precision, {wall - timing - precision:.0f} s other"
        self.lines += [
            f"Time: {duration(wall)} ({parts})",
            f"Run ({state}): {run.folder}",
            f"Report: gradiometer report {shlex.quote(str(run.folder))}",
        ]


def _without_folders(argument: object) -> str:
    """An argument without the folders in it: a run does not record where it was made."""
    name, equals, value = str(argument).rpartition("=")
    return name + equals + (Path(value).name if "/" in value else value)


SESSION = pytest.StashKey[StudySession]()


def start(config: pytest.Config) -> None:
    """Plan the study. Raises GradiometerError for bad usage, ModuleNotFoundError for packages that are missing."""
    config.stash[SESSION] = StudySession.planned(config)
    given = [str(argument).split("=", 1)[0] for argument in config.invocation_params.args]
    tables = option(config, "--study-tables") or any(f"--benchmark-{name}" in given for name in TABLE_OPTIONS)
    if not tables:
        config.option.benchmark_quiet = True
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)  # a run that is told to stop still becomes readable


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per cell of the plan; parameters are strings and numbers, never tensors."""
    if "gradiometer_session" not in metafunc.fixturenames:
        return
    cells = metafunc.config.stash[SESSION].plan.cells
    values = [
        (c.case.problem.name, c.case.wrt, c.case.size, c.case.dtype, c.case.device, c.method, c.cell_id) for c in cells
    ]
    metafunc.parametrize(CELL_PARAMETERS, values, ids=[cell.cell_id for cell in cells])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep benchmarks only; give each cell its replay clock and group cells by case."""
    others = [item for item in items if "benchmark" not in getattr(item, "fixturenames", ())]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
    session = config.stash[SESSION]
    selected = set()
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "gradiometer_session" not in getattr(item, "fixturenames", ()):
            continue
        selected.add(parameters["cell"])
        clock = session.clocks[item.nodeid] = ReplayClock()
        group = parameters["cell"].removesuffix(f"-{parameters['method']}")
        item.add_marker(pytest.mark.benchmark(timer=clock, group=group), append=False)
    if selected:
        session.select(selected)


@pytest.fixture(scope="session")
def gradiometer_session(pytestconfig: pytest.Config) -> Iterator[StudySession]:
    """The study of this session; its run folder is complete when the session ends."""
    session = pytestconfig.stash[SESSION]
    yield session
    session.finish()


def pytest_report_teststatus(report: Any, config: pytest.Config) -> tuple[str, str, str] | None:
    """Print no letter for a cell, except with -v: the progress line takes its place."""
    if report.when != "call" or report.nodeid not in config.stash[SESSION].clocks:
        return None
    outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
    return outcome, "", outcome.upper() if config.option.verbose > 0 else ""


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Iterator[None]:
    """Print the study's summary last, in place of pytest's own list of failed cells (shown with -r or -v)."""
    session = config.stash[SESSION]
    reports = terminalreporter.stats.get("failed", [])
    hidden = [report for report in reports if ("gradiometer", "failed") in report.user_properties]
    if config.option.verbose > 0 or any(str(it).startswith("-r") for it in config.invocation_params.args):
        hidden = []
    with contextlib.suppress(KeyError):
        terminalreporter.stats["failed"] = [report for report in reports if report not in hidden]
    yield
    if hidden:
        terminalreporter.stats["failed"] = reports
    if session.lines:
        terminalreporter.section("gradiometer")
        for line in session.lines:
            terminalreporter.write_line(line)
