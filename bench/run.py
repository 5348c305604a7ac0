"""One execution of a study on one machine: coordinates workers, scores what they return, journals every case."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Any

import pandas as pd
import psutil

from gradiometer.accuracy import scoring
from gradiometer.accuracy.scoring import Draw, Gradient
from gradiometer.cost.forecast import Forecast
from gradiometer.problems import Source
from gradiometer.storage import store
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED, Cell, Derivation, Error, Segment
from gradiometer.study.plan import Case, Plan, PlannedCell
from gradiometer.study.run_metadata import describe
from gradiometer.verification.client import load_request, verdicts_on
from gradiometer.verification.verdict import TORCH
from gradiometer.workers import peak_rates_request
from gradiometer.workers.processes import WorkerDied, WorkerFailed, WorkerProcess

VERDICT_COLUMNS = ("problem", "wrt", "form", "verdict", "digits", "points", "dims", "diagnosis")
UNTIMED_CALL_S = 0.02
"""A method whose call takes longer is scored on the timed draw alone."""


@dataclass(frozen=True)
class CellResult:
    """What a reader of a test report needs of a cell: its status, why, and its wall-clock samples in seconds."""

    status: str
    reason: str | None
    samples: list[float]


@dataclass
class _Share:
    """What the processes together know of a case, as it is being measured."""

    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    samples: dict[str, list[Any]] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    setup_s: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    flops: dict[str, int | None] = field(default_factory=dict)
    read: dict[str, int | None] = field(default_factory=dict)
    hashes: dict[str, set[int]] = field(default_factory=dict)
    gradients: dict[str, Gradient] = field(default_factory=dict)
    wall_s: dict[str, list[float]] = field(default_factory=dict)
    """Method → wall-clock samples, in seconds."""


class Run:
    """A run folder being filled: `verify` once, `measure` each case, then `finish`, which builds the tables."""

    def __init__(self, plan: Plan, sources: Mapping[str, Source], out: Path, label: str | None, command: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.run_id = store.check_name(f"{plan.study.name}-{now:%Y%m%dt%H%M%S}"[-64:].lstrip("-._"), "run name")
        self.plan, self.folder = plan, out / self.run_id
        self.measuring_s = self.scoring_s = 0.0
        self._forecast = Forecast()
        self._numerics: dict[str, dict[str, Any]] = {}
        description = describe(plan, sources, self.run_id, now, label, command)
        self._journal = store.Journal(self.folder, description, (cell.row(self.run_id) for cell in plan.cells))
        devices = sorted({cell.case.device for cell in plan.cells if cell.status == "ok"})
        self._sources = [source for name, source in sources.items() if name in description["problems"]]
        load = load_request(self._sources, devices)
        self._workers = [WorkerProcess(load) for _ in range(plan.study.processes)] if devices else []
        self._refuted: dict[tuple[str, str, str], str] = {}
        self._exact: dict[tuple[str, str], list[str]] = {}

    def verify(self) -> None:
        """Have every derivation verified and the verdicts made durable."""
        if not self._workers:
            return
        started = perf_counter()
        rows = []
        for source in self._sources:
            for verdict in verdicts_on(source, self._workers[0], self.plan.study.verify_timeout_s):
                told = {name: getattr(verdict, name) for name in VERDICT_COLUMNS}
                rows.append(Derivation(run_id=self.run_id, source_hash=source.sha256, **told))
                if verdict.verdict == "wrong":
                    why = f"the derivation is refuted: {verdict.diagnosis}"
                    self._refuted[verdict.problem, verdict.wrt, verdict.form] = why
                elif verdict.verdict == "exact" and verdict.form != TORCH:
                    self._exact.setdefault((verdict.problem, verdict.wrt), []).append(verdict.form)
        self._journal.append_derivations(rows)
        self.scoring_s += perf_counter() - started

    def measure_peak_rates(self) -> None:
        """Have the machine's highest rates measured, while nothing else runs, and written into run.json."""
        self._journal.describe(peak_rates=peak_rates_request.of(self.plan, self._workers))

    def measure(self, case_id: str) -> dict[str, CellResult]:
        """Measure one case and make it durable; cell id → result."""
        cells = self.plan.cases[case_id]
        case = cells[0].case
        verdicts = {cell.method: (cell.status, cell.reason) for cell in cells}
        for cell in cells:
            hopeless = cell.status == "ok" and self._forecast.reason_to_skip(cell, self.plan.study)
            if hopeless:
                verdicts[cell.method] = ("skipped", hopeless)
        share = _Share()
        errors: list[Error] = []
        started = perf_counter()
        methods = [method for method, (status, _) in verdicts.items() if status == "ok"]
        if methods:
            for process in range(len(self._workers)):
                self._time(case, methods, process, share)
            self.measuring_s += perf_counter() - started
            started = perf_counter()
            self._weigh(case, methods, share)
            errors = self._score(case, methods, share)
            self.scoring_s += perf_counter() - started
        return self._record(cells, verdicts, share, errors)

    def _time(self, case: Case, methods: list[str], process: int, share: _Share) -> None:
        """One process's share. A worker that dies costs the candidate it was in; the others are measured again afresh."""
        study = self.plan.study
        while remaining := [name for name in methods if name not in share.failures]:
            request = {
                "do": "time", "case": case.request(), "case_id": case.case_id, "process": process, "methods": remaining,
                "budget_s": study.budget_s / study.processes, "return_gradients": not share.gradients,
            }  # fmt: skip
            try:
                answer, blobs = self._workers[process].ask(request, study.timeout_s)
            except WorkerDied as died:
                blamed = remaining[died.index : died.index + 1] if died.index >= 0 else remaining
                share.failures |= dict.fromkeys(blamed, (died.status, died.reason))
                continue
            except WorkerFailed as failed:
                share.failures |= dict.fromkeys(remaining, (failed.status, failed.reason))
                return
            self._absorb(answer, blobs, case, remaining, process, share)
            return

    def _absorb(
        self, answer: dict[str, Any], blobs: list[bytes], case: Case, asked: list[str], process: int, share: _Share
    ) -> None:
        share.failures |= {name: (status, reason) for name, (status, reason) in answer["failures"].items()}
        self._numerics[f"{case.device}, {case.numerics}"] = answer["numerics"]
        columns = answer["samples"]
        methods = [asked[index] for index in columns.pop("candidate")]
        columns["cell_id"] = [f"{case.case_id}-{name}" for name in methods]
        columns["case_id"] = [case.case_id] * len(methods)
        columns["process"] = [process] * len(methods)
        for name, values in columns.items():
            share.samples.setdefault(name, []).extend(values)
        for name, seconds, clock in zip(methods, columns["time_s"], columns["clock"], strict=True):
            if clock == "wall":
                share.wall_s.setdefault(name, []).append(seconds)
        share.segments += [
            Segment(run_id=self.run_id, case_id=case.case_id, process=process, **segment)
            for segment in answer["segments"]
        ]
        for name, seconds in answer["setup_s"].items():
            share.setup_s.setdefault(name, []).append(seconds)
        for name, peak in answer["peak_memory_bytes"].items():
            share.peaks[name] = max(peak, share.peaks.get(name, 0))
        for name, hashes in answer["hashes"].items():
            share.hashes.setdefault(name, set()).update(hashes)
        if not share.gradients:
            share.gradients = scoring.unpack({**answer, "failures": {}}, blobs)

    def _weigh(self, case: Case, methods: list[str], share: _Share) -> None:
        """What the calls that were timed do, and hold on the CPU; unknown where one ends the worker now."""
        timed = [name for name in methods if name not in share.failures and share.wall_s.get(name)]
        request = {"do": "weigh", "case": case.request(), "methods": timed}
        with contextlib.suppress(WorkerDied, WorkerFailed):
            answer, _ = self._workers[0].ask(request, self.plan.study.timeout_s)
            share.flops, share.read = answer["flops"], answer["read"]
            share.peaks |= answer["peak_memory_bytes"]

    def _score(self, case: Case, methods: list[str], share: _Share) -> list[Error]:
        """Rows for the timed gradients, and for every other draw by the methods that are fast enough.

        Nothing is timed here, so the workers share the draws and work at once.
        """
        timed = [name for name in methods if name not in share.failures and share.wall_s.get(name)]
        quick = [name for name in timed if median(share.wall_s[name]) <= UNTIMED_CALL_S]
        quick = [name for name in quick if share.gradients.get(name, Gradient(None)).blob is not None]
        kinds = dict.fromkeys((TIMED_DATA, *case.data))
        draws = [(data, seed) for data in kinds for seed in range(case.seeds)]
        draws = [draw for draw in draws if draw[0] in case.data or draw == (TIMED_DATA, TIMED_SEED)]
        busy = self._workers[: os.cpu_count()]

        def scored_by(place: int) -> list[list[Error]]:
            mine = draws[place :: len(busy)]
            return [self._score_draw(busy[place], case, *draw, timed, quick, share) for draw in mine]

        with ThreadPoolExecutor(len(busy)) as pool:
            in_turn = zip_longest(*pool.map(scored_by, range(len(busy))), fillvalue=[])
        return [row for turn in in_turn for rows in turn for row in rows]

    def _score_draw(
        self, worker: WorkerProcess, case: Case, data: str, seed: int, timed: list[str], quick: list[str], share: _Share
    ) -> list[Error]:
        is_timed = (data, seed) == (TIMED_DATA, TIMED_SEED)
        asked = [] if is_timed else quick
        if not is_timed and not asked:
            return self._unscored(case, data, seed, timed, "skipped", f"a call takes more than {UNTIMED_CALL_S:g} s")
        request = {
            "do": "gradients", "case": case.request(), "data": data, "seed": seed, "methods": asked,
            "bounded": timed if is_timed else asked, "exact_forms": self._exact.get((case.problem.name, case.wrt), []),
        }  # fmt: skip
        try:
            answer, blobs = worker.ask(request, self.plan.study.timeout_s)
        except (WorkerDied, WorkerFailed) as failure:
            return self._unscored(case, data, seed, timed, failure.status, f"no reference: {failure}")
        if "undrawn" in answer:
            return self._unscored(case, data, seed, timed, "skipped", answer["undrawn"])
        facts = {"loss_finite": answer["loss_finite"], "input_hash": answer["input_hash"]}
        draw = Draw(data, seed, scoring.reference_of(answer, blobs), scoring.bounds_of(answer, blobs), facts)
        gradients = share.gradients if is_timed else scoring.unpack(answer, blobs)
        rows = []
        for name in timed:
            if name not in gradients:
                reason = f"a call takes more than {UNTIMED_CALL_S:g} s"
                rows += self._unscored(case, data, seed, [name], "skipped", reason)
                continue
            gradient = gradients[name]
            if is_timed:
                gradient = Gradient(
                    gradient.blob, gradient.output_hash, gradient.status, gradient.reason, len(share.hashes[name])
                )
            rows.append(scoring.error_row(self.run_id, name, case, draw, gradient))
        return rows

    def _unscored(self, case: Case, data: str, seed: int, names: list[str], status: str, reason: str) -> list[Error]:
        return [scoring.unscored_row(self.run_id, f"{case.case_id}-{n}", data, seed, status, reason) for n in names]

    def _record(
        self, cells: list[PlannedCell], verdicts: dict[str, Any], share: _Share, errors: list[Error]
    ) -> dict[str, CellResult]:
        timed_errors = {e.cell_id: e for e in errors if (e.data, e.seed) == (TIMED_DATA, TIMED_SEED)}
        rows: list[Cell] = []
        results = {}
        for cell in cells:
            status, reason = share.failures.get(cell.method, verdicts[cell.method])
            scored = timed_errors.get(cell.cell_id)
            if status == "ok" and scored is not None and scored.status in ("nonfinite", "wrong"):
                status, reason = scored.status, scored.reason
            refuted = self._refuted.get((cell.case.problem.name, cell.case.wrt, cell.method))
            if status == "ok" and refuted:
                status, reason = "wrong", refuted
            setup = share.setup_s.get(cell.method)
            rows.append(
                cell.row(
                    self.run_id,
                    status=status,
                    reason=reason,
                    setup_s=median(setup) if setup else None,
                    flops=share.flops.get(cell.method),
                    bytes=cell.case.bytes(share.read.get(cell.method)),
                    peak_memory_bytes=share.peaks.get(cell.method),
                )
            )
            samples = share.wall_s.get(cell.method, [])
            results[cell.cell_id] = CellResult(status, reason, samples)
            self._forecast.note(cell, status, median(samples) if samples else None)
        self._journal.append(store.CaseRecord(cells[0].case.case_id, rows, share.samples, share.segments, errors))
        return results

    def finish(self, state: str) -> dict[str, pd.DataFrame]:
        """End the workers, build the tables, write down where the time went; the tables by name."""
        for worker in self._workers:
            worker.stop()
        self._journal.close()
        wall_s = time() - psutil.Process().create_time()
        outside = max(0.0, wall_s - self.measuring_s - self.scoring_s)
        self.clock = {
            "wall_s": wall_s,
            "measuring_s": self.measuring_s,
            "scoring_s": self.scoring_s,
            "outside_share": outside / wall_s,
        }
        return store.build_tables(self.folder, state=state, clock=self.clock, numerics_in_force=self._numerics)


def statuses(cells: pd.DataFrame) -> str:
    """`612 ok, 48 skipped`, most frequent first."""
    return ", ".join(f"{count} {status}" for status, count in Counter(cells["status"]).most_common())
