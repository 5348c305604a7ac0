"""A run's summary as lines for a terminal 80 columns wide."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import CONFIGURATION, Frames, analytic, load
from gradiometer.analysis.insights.overview import BestForm, OverviewRow, overview
from gradiometer.analysis.insights.view import View, view_of
from gradiometer.analysis.text import listed, number, short

FAILED = ("oom", "wrong", "timeout", "error", "crashed")
"""Statuses that mean a fault of the method; `--study-strict` fails the session for them."""

MOST_LINES = 30
ENDS = {0: "smallest", -1: "largest"}
SHORT_DTYPES = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16"}


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Rows of texts as lines of aligned columns; `right` holds the columns that are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if place in right else "<" for place in range(len(widths))]
    line = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True))
    return [line.format(*row).rstrip() for row in rows]


def summary(folder: Path, is_strict: bool = False) -> list[str]:
    """Summary of one run: a table, counts, failures, and last of all the diagnosis of every wrong form.

    `is_strict` lists the failures of generic methods too. Raises StoreError if the run cannot be read.
    """
    frames = load(folder)
    view, rows = view_of(frames), overview(frames)
    failed = frames.cells[frames.cells["status"].isin(FAILED)]
    if not is_strict:
        failed = analytic(failed)
    wrong = _wrong(rows, failed)
    is_wrong = [key in wrong for key in failed[_FORM].itertuples(index=False, name=None)]
    others = failed[~np.array(is_wrong, dtype=bool)]
    return [
        *_table(rows),
        *_notes(frames, rows),
        *_slowest(view),
        f"Cells: {listed(f'{count} {status}' for status, count in frames.cells['status'].value_counts().items())}.",
        *_section("Failed", _failures(others)),
        *_section("Wrong gradients", (f"{' '.join(key)}: {short(why, 400)}" for key, why in wrong.items())),
    ]


_FORM = ["problem", "wrt", "method"]


def _section(title: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    more = [f"  and {len(found) - MOST_LINES} more"] if len(found) > MOST_LINES else []
    return [f"{title}:", *(f"  {item}" for item in found[:MOST_LINES]), *more] if found else []


def _table(rows: Sequence[OverviewRow]) -> list[str]:
    """One line for each problem × wrt, below a heading for each problem."""
    if not rows:
        return []
    dtypes = [name for name in SHORT_DTYPES if any(name in {**row.digits, **row.overflows} for row in rows)]
    digits = [SHORT_DTYPES[name] for name in dtypes]
    found = {end: {row.best[end].size for row in rows if row.best} for end in ENDS}
    ends = [end for end in ENDS if end or len(found[0] | found[-1]) > 1]
    sizes = [f"n = {min(found[end])}" if len(found[end]) == 1 else f"{ENDS[end]} n" for end in ends]
    head = ("", "wrt", "verdict", "best form", *sizes, *digits, "overflow")
    lines = aligned(
        [head, *(("", *_cells(row, dtypes, ends)) for row in rows)], right=range(4, 4 + len(ends) + len(dtypes))
    )
    shown, heading = [lines[0]], ""
    for row, line in zip(rows, lines[1:], strict=True):
        where = ", ".join(text for text in (row.dtype, *_unusual(row.configuration)) if text)
        title = f"{short(row.problem, 48)} ({where})"
        shown += [title, line] if title != heading else [line]
        heading = title
    left = len(lines) + len({row.problem for row in rows}) - MOST_LINES
    return shown if left <= 0 else [*shown[:MOST_LINES], f"… {left} more lines in the report"]


def _unusual(configuration: Mapping[str, str]) -> list[str]:
    threads = configuration["threads"]
    words = {**configuration, "threads": f"{threads} thread{'s' if threads != '1' else ''}"}
    usual = {"numerics": "ieee", "cache": "hot"}
    return [words[name] for name in ("shape", *CONFIGURATION) if words[name] != usual.get(name)]


def _cells(row: OverviewRow, dtypes: Sequence[str], ends: Sequence[int]) -> Iterator[str]:
    yield short(row.wrt, 12)
    forms = sum(row.evidence.values())
    level = "wrong" if "wrong" in row.evidence else ([*row.evidence] or ["not checked"])[-1]
    part = f"{row.evidence[level]}/{forms} " if level in ("wrong", "not checked") and forms else f"{forms or ''} "
    yield f"{part}{level}".strip()
    yield short(row.best[-1].form if row.best else "none", 16)
    yield from (_speedup(row.best[end]) if row.best else "–" for end in ends)
    yield from (f"{row.digits[name]:.1f}" if name in row.digits else "–" for name in dtypes)
    lost = {**row.zeros, **row.overflows}
    yield ", ".join(f"{SHORT_DTYPES.get(name, name)} n≥{size}" for name, size in lost.items()) or "none"


def _speedup(best: BestForm) -> str:
    if best.decision is None:
        return "–"
    return "noisy" if best.decision == "undecided" else f"{number(best.speedup, 2)}×"


def _notes(frames: Frames, rows: Sequence[OverviewRow]) -> Iterator[str]:
    """What the columns mean, and the load of the machine if a speed-up is too noisy to state."""
    ends = [best for row in rows for best in row.best]
    if not ends:
        return
    yield "n = …: autograd's time ÷ the best form's; f32 …: fewest digits at any size"
    if any(best.decision == "undecided" for best in ends):
        yield f"noisy: too noisy to say ({_load(frames)})"


def _load(frames: Frames) -> str:
    machine: Mapping[str, Any] = frames.runs[0].get("machine") or {}
    load = frames.segments["load_1min"].median()
    cores = machine.get("usable_cores") or "unknown number of"
    return f"load {load:.1f} on {cores} cores" if pd.notna(load) else f"load unknown, {cores} cores"


def _slowest(view: View) -> Iterator[str]:
    """The form that is furthest behind autograd, among those whose slowdown is significant."""
    forms = view.leading[(view.leading["family"] == "analytic") & (view.leading["verdict"] == "slower")]
    if len(forms):
        cell = forms.sort_values("ratio").iloc[-1]
        yield f"Largest slowdown: {cell['method']} is {number(cell['ratio'], 3)}× slower than autograd"
        yield f"  ({cell['problem']} {cell['wrt']}, n = {cell['size']})."


def _failures(failed: pd.DataFrame) -> Iterator[str]:
    """A line for each method and reason, with the sizes and dtypes at which it failed."""
    for key, cells in failed.fillna({"reason": ""}).groupby([*_FORM, "status", "reason"], sort=False):
        *names, status, reason = map(str, key)
        where = f"n = {listed(map(str, sorted(set(cells['size']))))} ({', '.join(dict.fromkeys(cells['dtype']))})"
        yield f"{' '.join(names)}: {status} at {where}: {short(reason, 200)}"


def _wrong(rows: Sequence[OverviewRow], failed: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """(problem, wrt, form) → diagnosis, of refuted forms and of cells whose gradient has another shape or dtype."""
    found = {(row.problem, row.wrt, form): why for row in rows for form, why in row.wrong.items()}
    cells = failed[failed["status"] == "wrong"].fillna({"reason": "no reason was recorded"})
    for *key, why in cells[[*_FORM, "reason"]].itertuples(index=False, name=None):
        problem, wrt, method = map(str, key)
        found.setdefault((problem, wrt, method), str(why))
    return found
