"""Contents of run.json: the study, problems and methods of a run, the machine and the versions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from gradiometer.machine import description, software
from gradiometer.methods import METHODS
from gradiometer.problems import Source
from gradiometer.storage.schema import SCHEMA_VERSION
from gradiometer.study.plan import Plan


def describe(
    plan: Plan, sources: Mapping[str, Source], run_id: str, started: datetime.datetime, label: str | None, command: str
) -> dict[str, Any]:
    """Description of a run that starts now; the run fills in what is null when it ends."""
    used = {cell.case.problem.name for cell in plan.cells}
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "state": "running",
        "label": label,
        "started": started.isoformat(timespec="seconds"),
        "command": command,
        "study": plan.study.model_dump(),
        "problems": {n: describe_problem(s, order) for order, (n, s) in enumerate(sources.items()) if n in used},
        "methods": describe_methods(plan),
        "versions": software.versions(),
        "machine": description.describe(),
        "peak_rates": None,
        "clock": None,
        "numerics_in_force": None,
    }


def describe_problem(source: Source, order: int) -> dict[str, Any]:
    """A problem's entry: its file's name and hash, without a path."""
    problem = source.problem
    return {
        "label": problem.label or problem.name,
        "source": problem.source,
        "order": order,
        "file": source.path.name,
        "source_hash": source.sha256,
        "shapes": dict(problem.shapes),
        "dims": dict(problem.dims),
        "forms": {wrt: list(problem.forms(wrt)) for wrt in problem.wrts},
    }


def describe_methods(plan: Plan) -> dict[str, dict[str, Any]]:
    """Entries of all methods in the plan: forms first, in the order in which the problems name them."""
    names = dict.fromkeys(cell.method for cell in plan.cells)
    order = [name for name in names if name not in METHODS] + [name for name in METHODS if name in names]
    return {
        name: {
            "label": METHODS[name].label if name in METHODS else name.replace("_", " "),
            "family": METHODS[name].family if name in METHODS else "analytic",
            "order": position,
        }
        for position, name in enumerate(order)
    }
