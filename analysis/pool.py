"""Pooling: several runs of one study on one machine, as one run with more processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from gradiometer import statistics
from gradiometer.analysis.compare import comparability
from gradiometer.analysis.frames import Frames, flatten
from gradiometer.analysis.work import with_limits
from gradiometer.storage.validate import StoreError

PASSING = ("source.", "unread.", "sm_clock_mhz", "throttle_reasons")
"""Parts of names whose values may differ between pooled runs without mention: state of the moment, and the commit."""


@dataclass(frozen=True)
class Pool(Frames):
    """Several runs as one; their raw rows are read from the runs `apart`."""

    apart: list[Frames] = field(kw_only=True)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The raw samples of all runs, with distinct process numbers; read when first used."""
        return pd.concat(_numbered(self.apart, [run.read("samples") for run in self.apart]), ignore_index=True)


def pooled(frames: Frames) -> Frames:
    """Combine runs into one: processes are numbered apart, times and ratios are estimated anew over all of them.

    Cells, errors and derivations are those of the first run; a cell that it did not time takes the row of a run that
    did. Samples are summarised run by run, so that the rows of one run only are in memory.

    Runs pool if their study settings, hardware, numerics, software and sources of the problems agree. Raises StoreError
    otherwise. Other differences are named in the description of the result: `pool`, with `runs` and `differ_in`.
    """
    if len(frames.runs) == 1:
        return frames
    apart = [frames.of_run(str(run["run_id"])) for run in frames.runs]
    first = apart[0]
    for other in apart[1:]:
        _check_alike(first, other)
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
    cells = with_limits(cells, first.runs[0].get("peak_rates"))
    names = [str(run["run_id"]) for run in frames.runs]
    run = first.runs[0] | {
        "label": f"{len(apart)} runs pooled: {', '.join(names)}",
        "pool": {"runs": names, "differ_in": _differences(apart)},
    }
    return Pool([run], cells, whole, first.scores, first.derivations, first.folders, apart=apart)


def _numbered(apart: list[Frames], tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """A table of each run, with the name of the first run and distinct process numbers."""
    stride = max((int(run.segments["process"].max()) for run in apart if len(run.segments)), default=0) + 1
    for place, table in enumerate(tables):
        yield table.assign(process=table["process"] + stride * place, run_id=apart[0].runs[0]["run_id"])


def _check_alike(first: Frames, other: Frames) -> None:
    a, b = (flatten({"study": frames.runs[0].get("study")}) for frames in (first, other))
    found = [it for it in comparability.differences(first, other) if it.what != comparability.ONE_RUN_ONLY]
    unlike = [(it.what, it.a, it.b) for it in found if it.aspect != "study"]
    settings = ((name, a.get(name, "nothing"), b.get(name, "nothing")) for name in {**a, **b})
    unlike += [it for it in settings if it[1] != it[2]]
    if unlike:
        what, of_first, of_other = unlike[0]
        raise StoreError(
            f"{other.runs[0]['run_id']}: expected the {what} of {first.runs[0]['run_id']}, {of_first!r}, "
            f"found {of_other!r}; compare these runs instead"
        )


def _differences(apart: list[Frames]) -> list[str]:
    found: dict[str, None] = {}
    for other in apart[1:]:
        names = comparability.all_differences(apart[0], other)["what"]
        found |= dict.fromkeys(name for name in names if not any(part in name for part in PASSING))
    return list(found)
