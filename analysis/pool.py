"""Several runs of one study on one machine as one run of more processes. No torch here."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.frames import Frames, flatten
from bench import statistics, store

ALIKE = ("study", "versions", "machine")
"""What run.json must say alike of runs that are pooled."""
PASSING = ("load_1min", "source.", "sm_clock_mhz", "throttle_reasons", "unread.")
"""State that differs from one minute to the next, and the commit: runs of one machine and one torch still pool."""


def pooled(frames: Frames) -> Frames:
    """One run out of these: processes numbered on, times and ratios summarised anew over all of them.

    Cells, errors and derivations are the first run's; a cell that it did not time takes the row of a run that did.
    Raises StoreError where the runs differ in study, versions or machine.
    """
    _check_alike(frames)
    first = str(frames.runs[0]["run_id"])
    samples, segments = _renumbered(frames)
    measured = frames.cells["time_s"].notna()
    cells = frames.cells[measured | (frames.cells["run_id"] == first)]
    cells = cells.sort_values("time_s", key=lambda times: times.isna(), kind="stable").drop_duplicates("cell_id")
    order = {cell_id: place for place, cell_id in enumerate(dict.fromkeys(frames.cells["cell_id"]))}
    cells = cells.sort_values("cell_id", key=lambda ids: ids.map(order), ignore_index=True)
    cells = statistics.summarise(cells.assign(run_id=first), samples, segments)
    run = frames.runs[0] | {"label": f"{len(frames.runs)} runs pooled: {', '.join(r['run_id'] for r in frames.runs)}"}
    of_first = frames.of_run(first)
    pool = Frames([run], cells, segments, of_first.scores, of_first.derivations, of_first.folders)
    pool.__dict__["samples"] = samples  # already read: in place of the cached property's own reading
    return pool


def _renumbered(frames: Frames) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples and segments of all runs, as of the first one, with no process number twice."""
    tables = []
    numbers = {run["run_id"]: place for place, run in enumerate(frames.runs)}
    stride = int(frames.segments["process"].max()) + 1 if len(frames.segments) else 1
    for table in (frames.samples, frames.segments):
        process = table["process"] + stride * table["run_id"].map(numbers)
        tables.append(table.assign(process=process, run_id=frames.runs[0]["run_id"]))
    return tables[0], tables[1]


def _check_alike(frames: Frames) -> None:
    first, *others = [_identity(run) for run in frames.runs]
    for run, other in zip(frames.runs[1:], others, strict=True):
        for name in sorted(first.keys() | other.keys()):
            if first.get(name) != other.get(name):
                raise store.StoreError(
                    f"{run['run_id']}: expected a run like {frames.runs[0]['run_id']}, found {name} "
                    f"{other.get(name)!r} where that has {first.get(name)!r}; compare them instead"
                )


def _identity(run: dict[str, Any]) -> dict[str, str]:
    told = flatten({name: run.get(name) for name in ALIKE})
    return {name: value for name, value in told.items() if not any(part in name for part in PASSING)}
