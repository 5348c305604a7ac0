"""One execution of a study on one machine: verify, measure peak rates, measure each case, finish."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any

import pandas as pd
import psutil

from gradiometer.cost.forecast import Forecast
from gradiometer.problems import Source
from gradiometer.statistics import Estimate
from gradiometer.storage.journal import CaseRecord, Journal
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED, Cell, Derivation, Error
from gradiometer.storage.tables import build_tables
from gradiometer.storage.validate import StoreError, check_name
from gradiometer.study.plan import Plan, PlannedCell
from gradiometer.study.run_metadata import describe
from gradiometer.verification.client import load_request, verdicts_on
from gradiometer.verification.verdict import TORCH, Verdict
from gradiometer.workers.case_scoring import score_case
from gradiometer.workers.case_timing import (
    count_cost_of_case,
    find_stored_results,
    peak_rates_of,
    time_case,
)
from gradiometer.workers.measured_case import MeasuredCase
from gradiometer.workers.processes import WorkerProcess
from gradiometer.workers.time_limits import TimeLimits

VERDICT_COLUMNS = (
    "problem", "wrt", "form", "verdict", "digits", "points", "dims", "diagnosis", "remarks", "chance_log2", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class CellResult:
    """Result of one cell for a test report: its status, the reason, and its wall-clock samples in seconds."""

    status: str
    reason: str | None
    samples: list[float]


class Run:
    """Coordinates the workers and fills a run folder.

    Call `verify` and `measure_peak_rates` once, `measure` for each case, then `finish`. Raises StoreError when the run
    folder cannot be written; what was measured before stays in the journal.
    """

    def __init__(self, plan: Plan, sources: Mapping[str, Source], out: Path, label: str | None, command: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.run_id = check_name(f"{plan.study.name}-{now:%Y%m%dt%H%M%S}"[-64:].lstrip("-._"), "run name")
        self.plan, self.folder = plan, out / self.run_id
        self.verdicts: list[Verdict] = []
        self.measuring_s = self.scoring_s = 0.0
        self._limits = TimeLimits(call_s=plan.study.timeout_s, verification_s=plan.study.verify_timeout_s)
        self._forecast = Forecast()
        self._numerics: dict[str, dict[str, Any]] = {}
        description = describe(plan, sources, self.run_id, now, label, command)
        self._journal = Journal(self.folder, description, (cell.row(self.run_id) for cell in plan.cells))
        self._write_error: StoreError | None = None
        devices = sorted({cell.case.device for cell in plan.cells if cell.status == "ok"})
        self._sources = [source for name, source in sources.items() if name in description["problems"]]
        load = load_request(self._sources, devices)
        self._workers = [WorkerProcess(load) for _ in range(plan.study.processes)] if devices else []

    def verify(self) -> None:
        """Verify every gradient and make the verdicts durable."""
        if not self._workers:
            return
        started = perf_counter()
        rows = []
        for source in self._sources:
            for verdict in verdicts_on(source, self._workers[0], self._limits.verification_s):
                self.verdicts.append(verdict)
                columns = {name: getattr(verdict, name) for name in VERDICT_COLUMNS}
                rows.append(Derivation(run_id=self.run_id, source_hash=source.sha256, **columns))
        self._journal.append_derivations(rows)
        self.scoring_s += perf_counter() - started

    def measure_peak_rates(self) -> None:
        """Measure the machine's peak rates while nothing else runs, and write them into run.json."""
        self._journal.describe(peak_rates=peak_rates_of(self.plan, self._workers, self._limits))

    def measure(self, case_id: str) -> dict[str, CellResult]:
        """Measure one case and make it durable; cell id → result."""
        if self._write_error is not None:
            raise self._write_error
        cells = self.plan.cases[case_id]
        planned = {cell.method: self._planned(cell) for cell in cells}
        methods = [method for method, (status, _) in planned.items() if status == "ok"]
        measured = MeasuredCase(self.run_id, cells[0].case, methods)
        errors: list[Error] = []
        if methods:
            started = perf_counter()
            time_case(measured, self._workers, self.plan.study.budget_s, self._limits)
            timed = perf_counter()
            find_stored_results(measured, self._workers[0], self._limits)
            count_cost_of_case(measured, self._workers[0], self._limits)
            errors = score_case(measured, self._workers, self._exact_forms(cells[0]), self._limits)
            self.measuring_s += timed - started
            self.scoring_s += perf_counter() - timed
        return self._record(cells, planned, measured, errors)

    def _planned(self, cell: PlannedCell) -> tuple[str, str | None]:
        """The cell's status before it is measured: `ok` if it is worth starting."""
        reason = self._forecast.reason_to_skip(cell, self.plan.study) if cell.status == "ok" else None
        return ("skipped", reason) if reason else (cell.status, cell.reason)

    def _exact_forms(self, cell: PlannedCell) -> list[str]:
        """Forms whose graph equals the exact derivative, so that it may serve as the reference."""
        where = (cell.case.problem.name, cell.case.wrt)
        verdicts = (one for one in self.verdicts if (one.problem, one.wrt) == where and one.form != TORCH)
        return [verdict.form for verdict in verdicts if verdict.verdict in ("proved", "exact")]

    def _record(
        self,
        cells: list[PlannedCell],
        planned: Mapping[str, tuple[str, str | None]],
        measured: MeasuredCase,
        errors: list[Error],
    ) -> dict[str, CellResult]:
        """Turn the case into rows, append them to the journal, and remember the times for the forecast."""
        errors_of: dict[str, list[Error]] = {}
        for one in errors:
            errors_of.setdefault(one.cell_id, []).append(one)
        rows: list[Cell] = []
        results = {}
        for cell in cells:
            method = cell.method
            status, reason = measured.failure_of(method) or planned[method]
            if status == "ok":
                status, reason = self._judged(cell, errors_of.get(cell.cell_id, []), measured)
            setup = Estimate.of(measured.setup_s[method]) if measured.setup_s.get(method) else None
            known: dict[str, Any] = {
                "status": status, "reason": reason, "flops": measured.flops.get(method),
                "bytes": cell.case.bytes(measured.read.get(method)), "peak_memory_bytes": measured.peaks.get(method),
            }  # fmt: skip
            if setup is not None:
                known |= {"setup_s": setup.value, "setup_log_se": setup.log_se, "setup_df": setup.df}
            rows.append(cell.row(self.run_id, **known))
            results[cell.cell_id] = CellResult(status, reason, measured.wall_s.get(method, []))
            if status != "crashed" or method in measured.failures:  # else no method is to blame
                self._forecast.note(cell, status, measured.call_s(method))
        case = measured.case
        if measured.numerics:
            self._numerics[f"{case.device}, {case.numerics}"] = measured.numerics
        try:
            self._journal.append(CaseRecord(case.case_id, rows, measured.samples, measured.segments, errors))
        except StoreError as error:
            self._write_error = error
            raise
        return results

    def _judged(self, cell: PlannedCell, scored: list[Error], measured: MeasuredCase) -> tuple[str, str | None]:
        """Status of a cell that was timed: from a stored result, the errors of its draws and the verdict on its form.

        A draw's status counts if it is `wrong`, or if the draw is the timed one. If measurement and verdict both say
        `wrong` of a gradient that fits its input, the verdict gives the reason: it names the mistake. The reason of a
        cell that is `ok` is what is unusual about how its method returns the gradient.
        """
        method = cell.method
        where = (cell.case.problem.name, cell.case.wrt, method, "wrong")
        refuted = [one for one in self.verdicts if (one.problem, one.wrt, one.form, one.verdict) == where]
        if method in measured.stored:
            return "wrong", measured.stored[method]
        wrong = [one for one in scored if one.status == "wrong"]
        timed = [one for one in scored if (one.data, one.seed) == (TIMED_DATA, TIMED_SEED)]
        for row in (*wrong, *timed):
            if row.status in ("nonfinite", "wrong", "zeroed"):
                is_explained = bool(refuted) and row.status != "nonfinite" and row.output_hash is not None
                if not is_explained:
                    return row.status, row.reason
        if refuted:
            return "wrong", f"the derivation is refuted: {refuted[0].diagnosis}"
        return "ok", measured.notes.get(method)

    def finish(self, state: str) -> dict[str, pd.DataFrame]:
        """End the workers, build the tables, and record where the time went; the tables by name."""
        for worker in self._workers:
            worker.stop()
        wall_s = time() - psutil.Process().create_time()
        self.clock = {"wall_s": wall_s, "measuring_s": self.measuring_s, "scoring_s": self.scoring_s}
        tables = build_tables(self.folder, state=state, clock=self.clock, numerics_in_force=self._numerics)
        self._journal.close()
        return tables
