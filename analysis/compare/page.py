"""The page of a comparison, and its tables as CSV. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.compare import comparability
from gradiometer.analysis.compare.comparison import Comparison
from gradiometer.analysis.compare.matching import CASE
from gradiometer.analysis.compare.sentences import FAMILIES, said
from gradiometer.analysis.drawing.render import Drawn
from gradiometer.analysis.drawing.svg import as_svg
from gradiometer.analysis.figures import time_over_first
from gradiometer.analysis.frames import Frames
from gradiometer.analysis.report import output
from gradiometer.analysis.report.tables import MOST_ROWS, Table


def write_comparison(frames_a: Frames, frames_b: Frames, compared: Comparison, folder: Path) -> list[Path]:
    """Write compare.html, compare.md and a CSV file for each table into `folder`; the paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    recorded = comparability.recorded(frames_a, frames_b)
    in_key = recorded["aspect"] != "other"
    key, rest = "What a ratio of times must not cross unsaid.", "All else that run.json tells."
    different = _different("differences", "What differs", key, recorded[in_key])
    otherwise = _different("other_differences", "What else differs", rest, recorded[~in_key])
    tables = [sizes(compared), methods(compared), cases(compared), cells(compared)]
    for table in (different, otherwise, *tables):
        output.write_csv(folder / f"{table.name}.csv", table)
    figure = drawn(tables[0].frame.assign(run=output.named(frames_b)), "sizes")
    if figure:
        (folder / figure.file).write_text(figure.svg, "utf-8")
    context = {
        "figure": figure,
        "title": f"Compared: {output.named(frames_a)} (A) and {output.named(frames_b)} (B)",
        "a": output.on_what(frames_a),
        "b": output.on_what(frames_b),
        "said": said(compared),
        "differences": different,
        "tables": [*(table for table in tables if table.rows), otherwise],
    }
    return [*output.write(folder, "compare", context), *(folder / f"{table.name}.csv" for table in tables)]


def drawn(sizes: pd.DataFrame, stem: str) -> Drawn | None:
    """The figure of `sizes` (with the column run); None where there is none."""
    if sizes.empty:
        return None
    title, reading = "Time over the first run's, by family and size", time_over_first.reading(sizes)
    caption = (
        "Geometric mean over the cells that both measured; bands: 95 % interval. Below the line the run is faster."
    )
    if unlike := list(sizes.loc[sizes["crosses"].notna(), "run"].unique()):
        caption += f" Not like the first in hardware, numerics, software or conditions: {text.listed(unlike)}."
    svg = as_svg(time_over_first.time_over_first(sizes), stem, title, reading)
    return Drawn(title, title, caption, reading, f"{stem}.svg", svg)


def _different(name: str, title: str, note: str, frame: pd.DataFrame) -> Table:
    rows = [[text.short(value, 300) for value in row] for row in frame.head(MOST_ROWS).itertuples(index=False)]
    return Table(name, title, note, ["aspect", "what", "A", "B"], rows, frame)


def sizes(compared: Comparison) -> Table:
    """A row per family and size."""
    found = compared.sizes
    rows = [
        [FAMILIES.get(str(row["family"]), str(row["family"])), str(row["size"]), *_ratio(row)]
        for row in _records(found)
    ]
    columns = ["family", "size n", *_RATIO, *_IS[: "verdict" in found]]
    note = (
        "Geometric mean over the n of N cells that both measured, of those that either planned, with its 95 % interval."
        + (
            " Verdicts hold together at 5 %: one may be undecided although its own interval is clear of the band."
            if "verdict" in found
            else ""
        )
    )
    return _table(compared, "sizes", "Time by family and size: B ÷ A", note, columns, rows, found)


_RATIO = ["B ÷ A", "n of N"]
_IS = ["B is"]


def _records(frame: pd.DataFrame) -> list[Any]:
    return frame.head(MOST_ROWS).to_dict("records")


def _ratio(row: Any) -> list[str]:
    ratio = text.interval(row["ratio"], row["ratio_low"], row["ratio_high"])
    return [ratio, f"{row['cells']} of {row['of']}", *([row["verdict"]] if "verdict" in row else [])]


def methods(compared: Comparison) -> Table:
    """What each method does beyond what its case's methods share."""
    found = compared.methods
    rows = [[str(row["method"]), *_ratio(row)] for row in _records(found)]
    columns = ["method", *_RATIO, *_IS[: "verdict" in found]]
    note = "B's time over A's, less what the methods of each case share: what this method does that others do not."
    return _table(compared, "methods", "Methods beside the others: B ÷ A", note, columns, rows, found)


def cases(compared: Comparison) -> Table:
    """What the methods of each case share, the furthest from 1 first."""
    far = compared.cases.assign(far=compared.cases["ratio"].map(lambda ratio: max(ratio, 1 / ratio)))
    found = far.sort_values("far", ascending=False, ignore_index=True).drop(columns="far")
    told = _told(found, [*CASE])
    ratios = [text.interval(row["ratio"], row["ratio_low"], row["ratio_high"]) for row in found.to_dict("records")]
    judged = {"B is": list(found["verdict"])} if "verdict" in found else {}
    columns = {name: [text.clean(value) for value in found[name]] for name in told} | {"B ÷ A": ratios} | judged
    rows = [list(row) for row in zip(*columns.values(), strict=True)][:MOST_ROWS]
    note = (
        "The median over the methods of a case, from the furthest from 1: the machine's minute, or everything's change."
    )
    return _table(compared, "cases", "What the methods of a case share: B ÷ A", note, list(columns), rows, found)


def cells(compared: Comparison) -> Table:
    """Every cell that both measured; those that are faster or slower first."""
    news = ["slower", "faster", "undecided", "same"]
    both = compared.cells[compared.cells["reason"].isna()]
    both = both.sort_values("verdict", key=lambda it: it.map(news.index), kind="stable").head(MOST_ROWS)
    told = _told(
        both, [*CASE, "method", *(f"{name}_{run}" for name in ("device", "threads", "numerics") for run in "ab")]
    )
    shown = {name: [text.clean(value) for value in both[name]] for name in told}
    for title, name in (("B ÷ A", "ratio"), ("beside its case", "own_ratio")):
        ends = (both[f"{name}{end}"] for end in ("", "_low", "_high"))
        shown[title] = [text.interval(*row) for row in zip(*ends, strict=True)]
    shown |= {
        "B is": list(both["verdict"]),
        "error, B ÷ A": [text.number(value) for value in both["error_ratio"]],
        "precision": list(both["precision"].fillna("–")),
        "bound in A, B": list(both["bound_a"].fillna("–") + ", " + both["bound_b"].fillna("–")),
    }
    judged = "beside its case" if compared.one_machine else "B ÷ A"
    note = (
        "Ratios of quiet times (the lower twentieth of a process's blocks) with 95 % intervals over processes. B is "
        f"judged by {judged}, against a band of ±{100 * compared.band:g} %: faster and slower over all cells at 2.5 % "
        "together (Holm), as over all that is said of many cells; of what is called the same, 5 % may be not."
    )
    rows = [list(row) for row in zip(*shown.values(), strict=True)]
    return _table(
        compared,
        "compare",
        "Cells that both measured",
        note,
        list(shown),
        rows,
        compared.cells.drop(columns=["time_s_a", "time_s_b"]),
    )


def _told(frame: pd.DataFrame, names: list[str]) -> list[str]:
    """The columns that tell rows apart, and always problem, wrt, size, dtype and method."""
    always = {"problem", "wrt", "size", "dtype", "method"}
    several = frame.groupby(["problem", "size"])["dims"].nunique().gt(1).any() if len(frame) else False
    return [name for name in names if name in always or (several if name == "dims" else frame[name].nunique() > 1)]


def _table(
    compared: Comparison,
    name: str,
    title: str,
    note: str,
    columns: list[str],
    rows: list[list[str]],
    frame: pd.DataFrame,
) -> Table:
    """A table whose ratios say what they cross, on the page and in the file."""
    crossing = f", {compared.crossing}" if compared.crossing else ""
    return Table(name, title + crossing, note, columns, rows, frame.assign(crosses=compared.label or None))
