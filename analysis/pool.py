"""Several runs of one study on one machine as one run of more processes. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from gradiometer import statistics
from gradiometer.analysis.frames import Frames, flatten
from gradiometer.storage.validate import StoreError

ALIKE = ("study", "versions", "machine")
"""What run.json must say alike of runs that are pooled."""
PASSING = ("load_1min", "source.", "sm_clock_mhz", "throttle_reasons", "unread.")
"""State that differs from one minute to the next, and the commit: runs of one machine and one torch still pool."""


@dataclass(frozen=True)
class Pool(Frames):
    """Several runs as one, whose raw rows are those of the runs `apart`."""

    apart: list[Frames] = field(kw_only=True)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The raw samples of all runs, processes numbered on; read when first asked for."""
        return pd.concat(_numbered(self.apart, [run.read("samples") for run in self.apart]), ignore_index=True)


def pooled(frames: Frames) -> Frames:
    """One run out of these: processes numbered on, times and ratios summarised anew over all of them.

    Cells, errors and derivations are the first run's; a cell that it did not time takes the row of a run that did.
    Samples are summarised run by run, so that no more than one run's are in memory. Raises StoreError where the runs
    differ in study, versions or machine.
    """
    if len(frames.runs) == 1:
        return frames
    _check_alike(frames)
    apart = [frames.of_run(str(run["run_id"])) for run in frames.runs]
    first = apart[0]
    measured = frames.cells["time_s"].notna()
    cells = frames.cells[measured | (frames.cells["run_id"] == first.runs[0]["run_id"])]
    cells = cells.sort_values("time_s", key=lambda times: times.isna(), kind="stable").drop_duplicates("cell_id")
    order = {cell_id: place for place, cell_id in enumerate(dict.fromkeys(frames.cells["cell_id"]))}
    cells = cells.sort_values("cell_id", key=lambda ids: ids.map(order), ignore_index=True)
    cells = cells.assign(run_id=first.runs[0]["run_id"])
    segments = list(_numbered(apart, (run.segments for run in apart)))
    samples = _numbered(apart, (run.read("samples") for run in apart))
    of_runs = [statistics.measured(cells, *raw) for raw in zip(samples, segments, strict=True)]
    whole = pd.concat(segments, ignore_index=True)
    processes = {name: pd.concat([of_run[name] for of_run in of_runs]) for name in of_runs[0]}
    cells = statistics.with_intervals(statistics.filled(cells, processes, whole))
    run = first.runs[0] | {"label": f"{len(apart)} runs pooled: {', '.join(r['run_id'] for r in frames.runs)}"}
    return Pool([run], cells, whole, first.scores, first.derivations, first.folders, apart=apart)


def _numbered(apart: list[Frames], tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """A table of each run, as of the first, with no process number twice."""
    stride = max((int(run.segments["process"].max()) for run in apart if len(run.segments)), default=0) + 1
    for place, table in enumerate(tables):
        yield table.assign(process=table["process"] + stride * place, run_id=apart[0].runs[0]["run_id"])


def _check_alike(frames: Frames) -> None:
    first, *others = [_identity(run) for run in frames.runs]
    for run, other in zip(frames.runs[1:], others, strict=True):
        for name in sorted(first.keys() | other.keys()):
            if first.get(name) != other.get(name):
                raise StoreError(
                    f"{run['run_id']}: expected a run like {frames.runs[0]['run_id']}, found {name} "
                    f"{other.get(name)!r} where that has {first.get(name)!r}; compare them instead"
                )


def _identity(run: dict[str, Any]) -> dict[str, str]:
    told = flatten({name: run.get(name) for name in ALIKE})
    return {name: value for name, value in told.items() if not any(part in name for part in PASSING)}
