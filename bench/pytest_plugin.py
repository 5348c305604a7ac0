"""The pytest door: options, the grid as test items, progress, and what is said at the end.

`pytest` alone runs the tests and times nothing; `pytest --benchmark-only` runs a study. Samples reach pytest-benchmark
through its public `timer`: a clock that reads 0, sample, 0, sample, … so that its table, JSON, comparison and grouping
show what our engine measured, to the bit.

Loaded by an entry point, not by `-p` in this project's configuration: pytest takes the values of options that it does
not know yet for paths, and would look for its configuration beside a `--study-out` or `--problem` that lies elsewhere.
So the door opens from any folder, and stays shut in other projects unless one of its options is given.
"""

from __future__ import annotations

import datetime
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradiometer.problems import Source
    from gradiometer.run import CellResult, Run
    from gradiometer.study.plan import Plan

STRICT = ("oom", "wrong", "timeout", "error", "crashed")
OPTIONS = ("study", "study_out", "study_label", "study_strict", "problem")
STUDY_FILE = Path(__file__).with_name("bench_gradients.py")
CELL_PARAMETERS = ("problem", "wrt", "size", "dtype", "device", "method", "cell")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The study's options; all of them need --benchmark-only."""
    group = parser.getgroup("gradiometer", "gradient studies (with --benchmark-only)")
    group.addoption("--study", metavar="NAME|FILE.toml", help="the study to run (default: quick)")
    group.addoption("--study-out", metavar="DIR", help="where the run folder goes (default: results)")
    group.addoption("--study-label", metavar="TEXT", help="a label that the run carries")
    group.addoption("--study-strict", action="store_true", help=f"fail on {', '.join(STRICT)}")
    group.addoption(
        "--problem",
        metavar="FILE.py",
        action="append",
        help="a problem of your own, in place of the study's; repeatable",
    )


class ReplayClock:
    """Reads 0.0, sample, 0.0, sample, …: each difference is a recorded sample (seconds)."""

    __name__ = "replay"

    def __init__(self) -> None:
        self._samples: Iterator[float] = iter(())
        self._is_start = True

    def load(self, samples: Sequence[float]) -> None:
        """Set what is replayed."""
        self._samples, self._is_start = iter(samples), True

    def __call__(self) -> float:
        """The next reading."""
        reading = 0.0 if self._is_start else next(self._samples, 0.0)
        self._is_start = not self._is_start
        return reading


class StudySession:
    """A study within a pytest session: plans at configuration, measures each case when its first cell is asked for."""

    def __init__(self, config: pytest.Config, plan: Plan, sources: dict[str, Source]) -> None:
        self.config, self.plan, self.sources = config, plan, sources
        self.run: Run | None = None
        self.results: dict[str, CellResult] = {}
        self.clocks: dict[str, ReplayClock] = {}
        self.said: list[str] = []
        self._case_of = {cell.cell_id: cell.case.case_id for cell in plan.cells}
        self._measured: set[str] = set()

    def select(self, cell_ids: set[str]) -> None:
        """Keep these cells and the baselines of their cases."""
        from gradiometer.storage.schema import BASELINE
        from gradiometer.study.plan import Plan

        cases = {self._case_of[cell] for cell in cell_ids}
        kept = (
            cell
            for cell in self.plan.cells
            if cell.cell_id in cell_ids or (cell.method == BASELINE and cell.case.case_id in cases)
        )
        self.plan = Plan(self.plan.study, tuple(kept))

    def clock_of(self, item: Any) -> ReplayClock:
        """The clock that pytest-benchmark reads for this item."""
        return self.clocks[item.nodeid]

    def result_of(self, cell_id: str) -> CellResult:
        """The cell's result; measures its case first where that has not happened."""
        case_id = self._case_of[cell_id]
        if case_id not in self._measured:
            run = self._started()
            self._progress(case_id)
            self.results |= run.measure(case_id)
            self._measured.add(case_id)
        return self.results[cell_id]

    def fail_if_strict(self, result: CellResult) -> None:
        """Under --study-strict, a failed cell is a failed test."""
        if self.config.getoption("study_strict") and result.status in STRICT:
            pytest.fail(f"{result.status}: {result.reason}", pytrace=False)

    def _started(self) -> Run:
        if self.run is None:
            from gradiometer.run import Run
            from gradiometer.storage.validate import StoreError

            out = Path(self.config.getoption("study_out") or "results")
            command = shlex.join(["pytest", *map(_without_folders, self.config.invocation_params.args)])
            try:
                self.run = Run(self.plan, self.sources, out, self.config.getoption("study_label"), command)
            except StoreError as error:
                pytest.exit(str(error), returncode=2)
            self._write("verifying the derivations")
            self.run.verify()
            self.run.measure_peak_rates()
            self._began = perf_counter()
        return self.run

    def _progress(self, case_id: str) -> None:
        done, all_cases = len(self._measured), len(self.plan.cases)
        each = (perf_counter() - self._began) / done if done else self.plan.estimated_s / all_cases
        ends = datetime.datetime.now() + datetime.timedelta(seconds=each * (all_cases - done))
        self._write(f"[{done + 1}/{all_cases}] {case_id}; {all_cases - done - 1} left, ends about {ends:%H:%M:%S}")

    def _write(self, line: str) -> None:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        with capture.global_and_fixture_disabled():
            reporter.write(f"\n{line}", flush=True)

    def finish(self) -> None:
        """Build the tables and keep what is to be said at the end."""
        if self.run is None:
            return
        from gradiometer.run import statuses
        from gradiometer.study.headlines import headlines

        state = "complete" if self._measured >= set(self.plan.cases) else "interrupted"
        folder = self.run.folder
        try:
            tables = self.run.finish(state)
        except ImportError as error:
            self.said = [
                f"{error}: the tables are not built; where it is installed, run: python -m bench recover {folder}"
            ]
            return
        clock = self.run.clock
        self.said = [
            *headlines(tables["cells"], tables["errors"]),
            f"Cells: {statuses(tables['cells'])}.",
            f"Wall clock: {clock['wall_s']:.0f} s; measuring {clock['measuring_s']:.0f} s, scoring "
            f"{clock['scoring_s']:.0f} s, {clock['outside_share']:.1%} outside both.",
            f"Run folder ({state}): {folder}",
            f"Report: python -m analysis report {folder}",
        ]


def _without_folders(argument: object) -> str:
    """An argument less the folders in it: a run tells nothing of where it was made."""
    option, equals, value = str(argument).rpartition("=")
    return option + equals + (Path(value).name if "/" in value else value)


def _is_measuring(config: pytest.Config) -> bool:
    """--benchmark-only, in this project or with one of this plugin's options."""
    here = Path(__file__).is_relative_to(config.rootpath)
    return bool(config.getoption("benchmark_only", False)) and (here or _given(config) is not None)


def _given(config: pytest.Config) -> str | None:
    return next((name for name in OPTIONS if config.getoption(name)), None)


SESSION = pytest.StashKey[StudySession]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Plan the study where one is asked for. Usage errors end pytest before it collects."""
    if not _is_measuring(config):
        given = _given(config)
        if given:
            raise pytest.UsageError(f"--{given.replace('_', '-')} runs a study: give --benchmark-only with it")
        for argument in config.args:
            file = Path(argument.split("::")[0])
            if file.name.startswith("bench_") and file.resolve().parent == STUDY_FILE.parent:
                raise pytest.UsageError(f"{file.name} measures: give --benchmark-only with it")
        return
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--benchmark-only measures on a quiet machine: leave out -n (pytest-xdist)")
    config.stash[SESSION] = _planned(config)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [str(STUDY_FILE)]
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)  # so that a run that is told to stop still becomes readable


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _planned(config: pytest.Config) -> StudySession:
    from gradiometer import problems
    from gradiometer.machine.limits import free_memory_bytes
    from gradiometer.study import grid, study_file

    try:
        asked = study_file.find(config.getoption("study") or "quick")
        files = [Path(name) for name in config.getoption("problem") or []]
        sources = problems.sources_for(files)
        plan = grid.plan(asked, sources, grid.Limits(free_memory_bytes()), problems_replaced=bool(files))
    except (study_file.StudyError, problems.ProblemError) as error:
        raise pytest.UsageError(str(error)) from None
    return StudySession(config, plan, sources)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per cell of the plan; parameters are strings and numbers, never tensors."""
    if "study_session" not in metafunc.fixturenames:
        return
    cells = metafunc.config.stash[SESSION].plan.cells
    values = [
        (c.case.problem.name, c.case.wrt, c.case.size, c.case.dtype, c.case.device, c.method, c.cell_id) for c in cells
    ]
    metafunc.parametrize(CELL_PARAMETERS, values, ids=[cell.cell_id for cell in cells])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under --benchmark-only: benchmarks alone, each cell with its replay clock, grouped by case."""
    if not _is_measuring(config):
        return
    others = [item for item in items if "benchmark" not in getattr(item, "fixturenames", ())]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
    session = config.stash[SESSION]
    selected = set()
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "study_session" not in getattr(item, "fixturenames", ()):
            continue
        selected.add(parameters["cell"])
        clock = session.clocks[item.nodeid] = ReplayClock()
        group = parameters["cell"].removesuffix(f"-{parameters['method']}")
        item.add_marker(pytest.mark.benchmark(timer=clock, group=group), append=False)
    if selected:
        session.select(selected)


@pytest.fixture(scope="session")
def study_session(pytestconfig: pytest.Config) -> Iterator[StudySession]:
    """The study of this session; its run folder is complete when the session ends."""
    session = pytestconfig.stash[SESSION]
    yield session
    session.finish()


def pytest_report_teststatus(report: Any, config: pytest.Config) -> tuple[str, str, str] | None:
    """No dots between the progress lines: there is a line per case, and pytest-benchmark's table at the end."""
    session = config.stash.get(SESSION, None)
    if session is None or report.nodeid not in session.clocks or (report.when != "call" and report.passed):
        return None
    if hasattr(report, "wasxfail"):
        return "xfailed", "", "XFAIL"
    return (report.outcome, "", report.outcome.upper()) if report.outcome != "failed" else None


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Where the run folder is, and what was found."""
    session = config.stash.get(SESSION, None)
    if session is not None and session.said:
        terminalreporter.section("gradiometer")
        for line in session.said:
            terminalreporter.write_line(line)


if sys.platform == "win32":
    raise ImportError("gradiometer's workers need POSIX descriptors; on Windows, use WSL")
