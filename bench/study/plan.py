"""Cases and cells in names and numbers, with predictions of their memory and time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from gradiometer.cost.forecast import study_s
from gradiometer.methods import METHODS
from gradiometer.problems import Problem
from gradiometer.storage.schema import DTYPES, Cell, nullable
from gradiometer.study.study_file import Study

ENTRIES_PER_S = {"cpu": 1e9, "cuda": 1e11}
"""Optimistic rate of batched forward mode: entries of tangents per second, by device."""
LOSS_S = {"cpu": 8e-6, "cuda": 40e-6}
"""Optimistic time of one evaluation of a small loss in seconds, by device."""


@dataclass(frozen=True)
class Case:
    """problem × wrt × dims × dtype × device × threads × numerics × cache, with its methods, kinds of data and seeds."""

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
        """Canonical text, the same on every machine. Dimensions with another factor follow the size."""
        size = "_".join([f"n{self.size}", *(f"{name}{self.dims[name]}" for name, _ in self.overrides)])
        return (
            f"{self.problem.name}-{self.wrt}-{size}-{self.dtype}-{self.device}"
            f"-{self.threads}t-{self.numerics}-{self.cache}"
        )

    @cached_property
    def inputs_entries(self) -> int:
        """Number of entries of all inputs together."""
        return sum(prod(self.problem.shape_of(name, self.dims)) for name in self.problem.shapes)

    @cached_property
    def data_entries(self) -> int:
        """Number of entries of the inputs that are never differentiated; of all inputs where there are none."""
        differentiated = {name for wrt in self.problem.wrts.values() for name in wrt}
        data = [name for name in self.problem.shapes if name not in differentiated]
        return sum(prod(self.problem.shape_of(name, self.dims)) for name in data or self.problem.shapes)

    @cached_property
    def parameters(self) -> int:
        """P, the number of entries of the gradient."""
        return sum(prod(self.problem.shape_of(name, self.dims)) for name in self.problem.wrts[self.wrt])

    def family(self, method: str) -> str:
        """Family of a method; a form is `analytic`."""
        return METHODS[method].family if method in METHODS else "analytic"

    def bytes(self, read: int | None = None) -> int:
        """Bytes of `read` entries (default: all inputs) read once and of the gradient written once."""
        return ((self.inputs_entries if read is None else read) + self.parameters) * DTYPES[self.dtype].itemsize

    def memory_bytes(self, method: str) -> int:
        """Predicted peak: for batched methods P tangents of the gradient and of five intermediates of the data's size,
        else eight times the inputs. A CPU multiplies half precision through float32 copies.
        tests/bench/cost/test_memory.py compares this model with measured peaks.
        """
        itemsize = max(DTYPES[self.dtype].itemsize, DTYPES["float32"].itemsize if self.device == "cpu" else 0)
        if method in METHODS and METHODS[method].batched:
            return self.parameters * (self.parameters + 5 * self.data_entries) * itemsize
        return 8 * self.inputs_entries * itemsize

    def least_call_s(self, method: str) -> float:
        """Lower estimate of a call's time in seconds where the number of losses grows with P, else 0."""
        known = METHODS.get(method)
        if known is None or not known.per_entry:
            return 0.0
        if known.batched:
            return self.parameters * self.inputs_entries / ENTRIES_PER_S[self.device]
        return known.per_entry * self.parameters * LOSS_S[self.device]

    def request(self) -> dict[str, Any]:
        """The case in names and numbers, as workers receive it."""
        return {
            "problem": self.problem.name, "wrt": self.wrt, "dims": self.dims, "dtype": self.dtype,
            "device": self.device, "threads": self.threads, "numerics": self.numerics, "cache": self.cache,
        }  # fmt: skip


@dataclass(frozen=True)
class PlannedCell:
    """A cell to measure, or one that cannot run: then `status` is not ok and `reason` says why."""

    case: Case
    method: str
    status: str = "ok"
    reason: str | None = None

    @property
    def cell_id(self) -> str:
        """`case_id` and the method, joined by a hyphen."""
        return f"{self.case.case_id}-{self.method}"

    def row(self, run_id: str, **measured: Any) -> Cell:
        """The cell as a row of `cells`. `measured` gives the columns that the plan does not know."""
        case = self.case
        known: dict[str, Any] = dict.fromkeys(nullable(Cell))
        known |= {"status": self.status, "reason": self.reason, "samples": 0, "processes": 0, "bytes": case.bytes()}
        dims = " ".join(f"{name}={value}" for name, value in sorted(case.dims.items()))
        return Cell(
            run_id=run_id, cell_id=self.cell_id, case_id=case.case_id, problem=case.problem.name, wrt=case.wrt,
            method=self.method, family=case.family(self.method), size=case.size, dims=dims, parameters=case.parameters,
            dtype=case.dtype, device=case.device, threads=case.threads, numerics=case.numerics, cache=case.cache,
            **known | measured,
        )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """All cells of a study on a machine, in the order of measurement."""

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
        """Predicted wall-clock time of the study in seconds."""
        return study_s(self)

    @property
    def memory_bytes(self) -> int:
        """The largest predicted peak of all cells to measure."""
        return max((c.case.memory_bytes(c.method) for c in self.cells if c.status == "ok"), default=0)
