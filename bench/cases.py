"""The grid: from a study to its cases and cells; what is possible, what is skipped and why. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

from bench import study as studies
from bench.methods import METHODS
from bench.problems import Problem, Source
from bench.schema import BASELINE, DTYPES, Cell
from bench.study import Grid, Study, StudyError

ENTRIES_PER_S = {"cpu": 1e9, "cuda": 1e11}
"""Optimistic rate at which a batched forward method passes tangent entries: beyond it nothing is worth starting."""
LOSS_S = {"cpu": 8e-6, "cuda": 40e-6}
"""Optimistic time of one evaluation of a loss, however small."""
CASE_OVERHEAD_S = 0.35
START_S = 12.0
SCORED_ENTRIES_PER_S = 5e6


@dataclass(frozen=True)
class Limits:
    """What this machine can hold, in bytes; no `cuda` key where there is no such device."""

    memory_bytes: Mapping[str, int]

    @property
    def devices(self) -> list[str]:
        """The devices there are."""
        return list(self.memory_bytes)


@dataclass(frozen=True)
class Case:
    """problem × wrt × dims × dtype × device × threads × numerics × cache, with what is scored on it."""

    problem: Problem
    wrt: str
    size: int
    overrides: tuple[tuple[str, float], ...]
    dtype: str
    device: str
    threads: int
    numerics: str
    cache: str
    methods: tuple[str, ...]
    data: tuple[str, ...]
    seeds: int

    @cached_property
    def dims(self) -> dict[str, int]:
        """Dimension → its value."""
        return self.problem.dims_at(self.size, dict(self.overrides))

    @cached_property
    def case_id(self) -> str:
        """Canonical text, equal on every machine; overridden dimensions follow the size."""
        size = "_".join([f"n{self.size}", *(f"{name}{self.dims[name]}" for name, _ in self.overrides)])
        return (
            f"{self.problem.name}-{self.wrt}-{size}-{self.dtype}-{self.device}"
            f"-{self.threads}t-{self.numerics}-{self.cache}"
        )

    @cached_property
    def inputs_entries(self) -> int:
        """Entries of all inputs together."""
        return sum(prod(self.problem.shape_of(name, self.dims)) for name in self.problem.shapes)

    @cached_property
    def data_entries(self) -> int:
        """Entries of the inputs that the problem has no gradient for; of all, where it has one for each."""
        differentiated = {name for wrt in self.problem.wrts.values() for name in wrt}
        data = [name for name in self.problem.shapes if name not in differentiated]
        return sum(prod(self.problem.shape_of(name, self.dims)) for name in data or self.problem.shapes)

    @cached_property
    def parameters(self) -> int:
        """P: entries of the gradient."""
        return sum(prod(self.problem.shape_of(name, self.dims)) for name in self.problem.wrts[self.wrt])

    def family(self, method: str) -> str:
        """The family of a method of this case; a form is analytic."""
        return METHODS[method].family if method in METHODS else "analytic"

    def bytes(self, read: int | None = None) -> int:
        """So many entries (all inputs', unless told) read once and the gradient written once, in bytes."""
        return ((self.inputs_entries if read is None else read) + self.parameters) * DTYPES[self.dtype].itemsize

    def memory_bytes(self, method: str) -> int:
        """A model of the peak: P tangents of the gradient and five intermediates of the data's size, or eight times the
        inputs; a CPU multiplies half types through copies in float32. Measured peaks: `tests/bench/test_memory.py`.
        """
        itemsize = max(DTYPES[self.dtype].itemsize, DTYPES["float32"].itemsize if self.device == "cpu" else 0)
        if method in METHODS and METHODS[method].batched:
            return self.parameters * (self.parameters + 5 * self.data_entries) * itemsize
        return 8 * self.inputs_entries * itemsize

    def least_call_s(self, method: str) -> float:
        """A time that a call will not beat by much, where the number of losses grows with P; else 0."""
        known = METHODS.get(method)
        if known is None or not known.per_entry:
            return 0.0
        if known.batched:
            return self.parameters * self.inputs_entries / ENTRIES_PER_S[self.device]
        return known.per_entry * self.parameters * LOSS_S[self.device]

    def request(self) -> dict[str, Any]:
        """The case in names and numbers, as a worker gets it."""
        return {
            "problem": self.problem.name,
            "wrt": self.wrt,
            "dims": self.dims,
            "dtype": self.dtype,
            "device": self.device,
            "threads": self.threads,
            "numerics": self.numerics,
            "cache": self.cache,
        }


@dataclass(frozen=True)
class PlannedCell:
    """A cell to be measured, or known beforehand not to run: then `status` is not ok and `reason` says why."""

    case: Case
    method: str
    status: str = "ok"
    reason: str | None = None

    @property
    def cell_id(self) -> str:
        """The case's id and the method."""
        return f"{self.case.case_id}-{self.method}"

    def row(self, run_id: str, **measured: Any) -> Cell:
        """The cell as a row; `measured` fills what the plan cannot know."""
        case = self.case
        known: dict[str, Any] = dict.fromkeys(
            ("flops", "setup_s", "time_s", "time_low_s", "time_high_s", "device_time_s", "ratio", "ratio_low")
        )
        known |= dict.fromkeys(("ratio_high", "peak_memory_bytes", "disturbed"))
        known |= {"status": self.status, "reason": self.reason, "samples": 0, "processes": 0, "bytes": case.bytes()}
        return Cell(
            run_id=run_id,
            cell_id=self.cell_id,
            case_id=case.case_id,
            problem=case.problem.name,
            wrt=case.wrt,
            method=self.method,
            family=case.family(self.method),
            size=case.size,
            dims=" ".join(f"{name}={value}" for name, value in sorted(case.dims.items())),
            parameters=case.parameters,
            dtype=case.dtype,
            device=case.device,
            threads=case.threads,
            numerics=case.numerics,
            cache=case.cache,
            **known | measured,
        )


@dataclass(frozen=True)
class Plan:
    """All cells of a study on a machine, in the order in which they are measured."""

    study: Study
    cells: tuple[PlannedCell, ...]

    @cached_property
    def cases(self) -> dict[str, list[PlannedCell]]:
        """Case id → its cells."""
        found: dict[str, list[PlannedCell]] = {}
        for cell in self.cells:
            found.setdefault(cell.case.case_id, []).append(cell)
        return found

    @property
    def estimated_s(self) -> float:
        """Wall-clock time of the study: budgets, scoring (by entries of all gradients scored), and starting up."""
        total = START_S
        for cells in self.cases.values():
            if any(cell.status == "ok" for cell in cells):
                case = cells[0].case
                scored = case.parameters * len(cells) * len(case.data) * case.seeds
                total += self.study.budget_s + CASE_OVERHEAD_S + scored / SCORED_ENTRIES_PER_S
        return total

    @property
    def memory_bytes(self) -> int:
        """The largest peak that any cell to be measured is predicted to have."""
        return max((c.case.memory_bytes(c.method) for c in self.cells if c.status == "ok"), default=0)


def _no_device(case: Case, method: str, study: Study, limits: Limits) -> tuple[str, str] | None:
    if case.device not in limits.memory_bytes:
        return "unsupported", f"no {case.device} device on this machine"
    return None


def _no_such_numerics(case: Case, method: str, study: Study, limits: Limits) -> tuple[str, str] | None:
    if case.numerics == "tf32" and (case.device != "cuda" or case.dtype != "float32"):
        return "unsupported", "tf32 is a way to multiply float32 matrices on CUDA devices"
    return None


def _too_large(case: Case, method: str, study: Study, limits: Limits) -> tuple[str, str] | None:
    needed, there = case.memory_bytes(method), limits.memory_bytes[case.device]
    if needed > there:
        return "skipped", f"predicted to need {needed / 1e9:.3g} GB, the machine has {there / 1e9:.3g} GB free"
    return None


def _too_slow(case: Case, method: str, study: Study, limits: Limits) -> tuple[str, str] | None:
    seconds = case.least_call_s(method)
    if seconds > study.longest_call_s:
        return "skipped", f"predicted {seconds:.2g} s a call, the study's limit is {study.longest_call_s:.2g} s"
    return None


CHECKS: Sequence[Callable[[Case, str, Study, Limits], tuple[str, str] | None]] = (
    _no_device,
    _no_such_numerics,
    _too_large,
    _too_slow,
)
"""What rules a cell out before anything runs, first match first."""


def _selected(asked: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names in their own order, with `all`, `first` and `others` resolved."""
    chosen = set(asked)
    if "all" in chosen:
        return list(names)
    if "first" in chosen:
        chosen |= set(names[:1])
    if "others" in chosen:
        chosen |= set(names[1:])
    return [name for name in names if name in chosen]


def _cases(study: Study, grid: Grid, problems: Mapping[str, Problem], limits: Limits) -> Iterator[Case]:
    asked = {device for name in grid.devices for device in (limits.devices if name == "auto" else [name])}
    devices = [device for device in ("cpu", "cuda") if device in asked]
    for name in _selected(grid.problems, list(problems)):
        problem = problems[name]
        overrides = tuple((dim, factor) for dim, factor in grid.dims.items() if dim in problem.dims)
        for wrt in _selected(grid.wrt, list(problem.wrts)):
            methods = _selected(grid.methods, [*problem.forms(wrt), *METHODS])
            axes = product(devices, grid.threads, grid.numerics, grid.cache, grid.dtypes, sorted(set(grid.sizes)))
            for device, threads, numerics, cache, dtype, size in axes:
                existing = [name for name in methods if name not in METHODS or METHODS[name].exists_on(device)]
                yield Case(
                    problem, wrt, size, overrides, dtype, device, threads, numerics, cache,
                    tuple(dict.fromkeys([*existing, BASELINE])), tuple(grid.data), study.seeds_at(size),
                )  # fmt: skip


def check(study: Study, sources: Mapping[str, Source], problems_replaced: bool) -> None:
    """See that every name in the study exists among these problems. Raises StudyError with every mistake."""
    problems = [source.problem for source in sources.values()]
    forms = {form for problem in problems for wrt in problem.wrts for form in problem.forms(wrt)}
    known = {
        "problems": ["all", *sources],
        "wrt": ["all", "first", "others", *dict.fromkeys(wrt for problem in problems for wrt in problem.wrts)],
        "methods": ["all", *sorted(forms), *METHODS],
        "dims": list(dict.fromkeys(dim for problem in problems for dim in problem.dims)),
    }
    if problems_replaced:
        del known["problems"]
    studies.check_names(study, known)


def plan(study: Study, sources: Mapping[str, Source], limits: Limits, problems_replaced: bool = False) -> Plan:
    """The cells of a study over these problems on a machine. Raises StudyError."""
    for source in sources.values():
        taken = {f for wrt in source.problem.wrts for f in source.problem.forms(wrt)} & set(METHODS)
        if taken:
            raise StudyError(
                f"problem {source.problem.name}: the form {sorted(taken)[0]!r} has a method's name; rename it"
            )
    check(study, sources, problems_replaced)
    problems = {name: source.problem for name, source in sources.items()}
    cells: dict[str, PlannedCell] = {}
    for grid in study.grid:
        whole = grid.model_copy(update={"problems": ["all"]}) if problems_replaced else grid
        for case in _cases(study, whole, problems, limits):
            for method in case.methods:
                verdict = next((v for v in (c(case, method, study, limits) for c in CHECKS) if v), ("ok", None))
                cell = PlannedCell(case, method, *verdict)
                cells.setdefault(cell.cell_id, cell)
    if not cells:
        raise StudyError(f"{study.name}: no cell is left; its wrt or methods fit none of its problems")
    in_order = sorted(cells.values(), key=lambda cell: list(sources).index(cell.case.problem.name))
    return Plan(study, tuple(in_order))
