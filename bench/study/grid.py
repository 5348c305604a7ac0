"""Expands the grids of a study to cells, and marks those that cannot run on this machine, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from gradiometer.methods import METHODS
from gradiometer.problems import Problem, Source
from gradiometer.storage.schema import BASELINE, DATA, DTYPES
from gradiometer.study.plan import Case, Plan, PlannedCell
from gradiometer.study.study_file import Grid, Study, StudyError, check_names


@dataclass(frozen=True)
class Limits:
    """Free memory of the machine in bytes, by device. Without a CUDA device there is no key `cuda`."""

    memory_bytes: Mapping[str, int]

    @property
    def devices(self) -> list[str]:
        """The devices of the machine."""
        return list(self.memory_bytes)


def _obstacle(case: Case, method: str, study: Study, limits: Limits) -> tuple[str, str] | None:
    """Status and reason of a cell that is excluded before anything runs; None for a cell to measure."""
    if case.device not in limits.memory_bytes:
        return "unsupported", f"no {case.device} device on this machine"
    if case.numerics == "tf32" and (case.device != "cuda" or case.dtype != "float32"):
        return "unsupported", "tf32 exists for float32 on CUDA devices only"
    kinds = {name: declaration.split()[0] for name, declaration in case.problem.kinds.items()}
    if any(kinds.get(name) == "complex" for name in case.problem.wrts[case.wrt]):
        return "unsupported", "a derivative with respect to complex numbers is verified, but not measured"
    if "complex" in kinds.values() and DTYPES[case.dtype].precision < DTYPES["float32"].precision:
        return "unsupported", f"PyTorch has no complex {case.dtype}"
    needed, there = case.memory_bytes(method), limits.memory_bytes[case.device]
    if needed > there:
        return "skipped", f"predicted to need {needed / 1e9:.3g} GB, the machine has {there / 1e9:.3g} GB free"
    seconds = case.least_call_s(method)
    if seconds > study.longest_call_s:
        return "skipped", f"predicted {seconds:.2g} s a call, the study's limit is {study.longest_call_s:.2g} s"
    return None


def _selected(asked: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names asked for, in the order of `names`; `all`, `first` and `others` are resolved."""
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
        own = [*DATA, *problem.data]
        kinds = dict.fromkeys(kind for name in grid.data for kind in (own if name == "all" else [name]))
        overrides = tuple((dim, factor) for dim, factor in grid.dims.items() if dim in problem.dims)
        for wrt in _selected(grid.wrt, list(problem.wrts)):
            methods = _selected(grid.methods, [*problem.forms(wrt), *METHODS])
            axes = product(devices, grid.threads, grid.numerics, grid.cache, grid.dtypes, sorted(set(grid.sizes)))
            for device, threads, numerics, cache, dtype, size in axes:
                existing = [name for name in methods if name not in METHODS or METHODS[name].exists_on(device)]
                yield Case(
                    problem, wrt, size, overrides, dtype, device, threads, numerics, cache,
                    tuple(dict.fromkeys([*existing, BASELINE])), tuple(kinds), study.seeds_at(size),
                )  # fmt: skip


def _check_against(study: Study, sources: Mapping[str, Source], problems_replaced: bool) -> None:
    problems = [source.problem for source in sources.values()]
    forms = {form for problem in problems for wrt in problem.wrts for form in problem.forms(wrt)}
    known = {
        "problems": ["all", *sources],
        "wrt": ["all", "first", "others", *dict.fromkeys(wrt for problem in problems for wrt in problem.wrts)],
        "methods": ["all", *sorted(forms), *METHODS],
        "data": ["all", *DATA, *dict.fromkeys(kind for problem in problems for kind in problem.data)],
        "dims": list(dict.fromkeys(dim for problem in problems for dim in problem.dims)),
    }
    if problems_replaced:
        del known["problems"]
    check_names(study, known)


def plan(study: Study, sources: Mapping[str, Source], limits: Limits, problems_replaced: bool = False) -> Plan:
    """The cells of a study over these problems on a machine.

    With `problems_replaced` the study's own selection of problems is ignored. Raises StudyError for unknown names.
    """
    _check_against(study, sources, problems_replaced)
    problems = {name: source.problem for name, source in sources.items()}
    cells: dict[str, PlannedCell] = {}
    for grid in study.grid:
        whole = grid.model_copy(update={"problems": ["all"]}) if problems_replaced else grid
        for case in _cases(study, whole, problems, limits):
            for method in case.methods:
                cell = PlannedCell(case, method, *(_obstacle(case, method, study, limits) or ("ok", None)))
                cells.setdefault(cell.cell_id, cell)
    if not cells:
        raise StudyError(f"{study.name}: no cell is left; its wrt or methods fit none of its problems")
    in_order = sorted(cells.values(), key=lambda cell: list(sources).index(cell.case.problem.name))
    return Plan(study, tuple(in_order))
