"""Several runs side by side: the machine of each run, and each run compared with the first."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.compare import page
from gradiometer.analysis.compare.comparability import computes
from gradiometer.analysis.compare.comparison import Comparison, compare
from gradiometer.analysis.compare.statements import statements
from gradiometer.analysis.drawing.render import Drawn
from gradiometer.analysis.frames import Frames
from gradiometer.analysis.report import output
from gradiometer.analysis.report.tables import Table
from gradiometer.analysis.wording.comparison import sections


@dataclass(frozen=True)
class Against:
    """One run compared with the first: its name, sentences by heading, the table of its cells."""

    name: str
    sections: dict[str, list[str]]
    cells: Table


@dataclass(frozen=True)
class Machines:
    """The section of a page over several runs: `sides`, a row per run, and each run but the first `against` it.

    `sizes` are the time ratios by family and size. `drawn` is their figure, None where no run shares a cell with the
    first.
    """

    first: str
    sides: Table
    against: list[Against]
    sizes: Table
    drawn: Drawn | None

    @property
    def tables(self) -> list[Table]:
        """Every table, to be written as CSV."""
        return [self.sides, self.sizes, *(other.cells for other in self.against)]


def side_by_side(frames: Frames) -> Machines | None:
    """Each run of `frames` compared with the first; None for a single run. Raises StoreError on unreadable samples."""
    if len(frames.runs) < 2:
        return None
    runs = [frames.of_run(run["run_id"]) for run in frames.runs]
    compared = [compare(runs[0], other) for other in runs[1:]]
    names = [output.named(run) for run in runs]
    against = [
        Against(
            name,
            sections(statements(comparison)),
            page.cells(comparison).renamed(text.file_name(f"{run.runs[0]['run_id']}-against_first")),
        )
        for name, run, comparison in zip(names[1:], runs[1:], compared, strict=True)
    ]
    sizes = _sizes(names[1:], compared)
    return Machines(names[0], _sides(runs, compared), against, sizes, page.drawn(sizes.frame, "machines"))


def _sides(runs: list[Frames], compared: list[Comparison]) -> Table:
    rows = []
    comparable = [f"no: {it.differs_in} differ" if it.differs_in else "yes" for it in compared]
    for run, label in zip(runs, ["–", *comparable], strict=True):
        description, cells = run.runs[0], run.cells
        rows.append(
            {
                "run": output.named(run),
                "computes": computes(description, cells),
                "torch": str(text.mapping(description.get("versions")).get("torch", "–")),
                "numerics": ", ".join(sorted(map(str, set(cells["numerics"])))),
                "threads": ", ".join(map(str, sorted(set(cells["threads"])))),
                "cells ok": f"{(cells['status'] == 'ok').sum()} of {len(cells)}",
                "started": str(description.get("started") or "–"),
                "comparable with the first run": label,
            }
        )
    frame = pd.DataFrame(rows)
    texts = [[text.short(value, 120) for value in row] for row in frame.itertuples(index=False)]
    return Table("machines", "Machines side by side", "", [str(name) for name in frame], texts, frame)


def _sizes(names: list[str], compared: list[Comparison]) -> Table:
    tables = [page.sizes(it) for it in compared]
    columns = ["run", *dict.fromkeys(name for table in tables for name in table.columns)]
    rows = [
        [name, *(dict(zip(table.columns, row, strict=True)).get(column, "–") for column in columns[1:])]
        for name, table in zip(names, tables, strict=True)
        for row in table.rows
    ]
    frames = [table.frame.assign(run=name) for name, table in zip(names, tables, strict=True)]
    frame = pd.concat(frames, ignore_index=True)
    title = "Time by family and size, relative to the first run"
    return Table("machines_sizes", title, tables[0].note, columns, rows, frame)
