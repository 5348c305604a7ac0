"""The page of a comparison: compare.html, compare.md, and its tables as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.compare import comparability
from gradiometer.analysis.compare.comparison import Comparison
from gradiometer.analysis.compare.matching import CASE
from gradiometer.analysis.compare.statements import statements
from gradiometer.analysis.drawing.render import Drawn
from gradiometer.analysis.drawing.svg import as_svg
from gradiometer.analysis.figures import time_over_first
from gradiometer.analysis.frames import Frames
from gradiometer.analysis.report import output
from gradiometer.analysis.report.tables import MOST_ROWS, Table
from gradiometer.analysis.wording.comparison import FAMILIES, sections
from gradiometer.analysis.wording.figures import sentence


def write_comparison(frames_a: Frames, frames_b: Frames, compared: Comparison, folder: Path) -> list[Path]:
    """Write compare.html, compare.md and a CSV file for each table into `folder`; the paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    found = comparability.all_differences(frames_a, frames_b)
    in_key = found["aspect"] != "other"
    different = _different("differences", "Differences between the runs that affect the time ratio", found[in_key])
    others = _different("other_differences", "Other differences recorded in run.json", found[~in_key])
    tables = [sizes(compared), methods(compared), cases(compared), cells(compared)]
    for table in (different, others, *tables):
        output.write_csv(folder / f"{table.name}.csv", table)
    figure = drawn(tables[0].frame.assign(run=output.named(frames_b)), "sizes")
    if figure:
        (folder / figure.file).write_text(figure.svg, "utf-8")
    context = {
        "figure": figure,
        "title": f"Comparison: {output.named(frames_a)} (A) and {output.named(frames_b)} (B)",
        "a": output.on_what(frames_a),
        "b": output.on_what(frames_b),
        "sections": sections(statements(compared)),
        "differences": different,
        "tables": [table for table in (*tables, others) if table.rows],
    }
    return [*output.write(folder, "compare", context), *(folder / f"{table.name}.csv" for table in tables)]


def drawn(sizes: pd.DataFrame, stem: str) -> Drawn | None:
    """The figure of `sizes` (with the column run); None where it is empty."""
    if sizes.empty:
        return None
    title = "Time relative to the first run, by family and size"
    reading = sentence("time_over_first", time_over_first.numbers(sizes))
    caption = (
        "Geometric mean over the cells measured in both runs, with 95 % intervals. Below the line the run is faster."
    )
    if unlike := list(sizes.loc[sizes["differs_in"].notna(), "run"].unique()):
        caption += f" Not directly comparable with the first run: {text.listed(unlike)}."
    svg = as_svg(time_over_first.time_over_first(sizes), stem, title, reading)
    return Drawn(title, title, caption, reading, f"{stem}.svg", svg)


def _different(name: str, title: str, frame: pd.DataFrame) -> Table:
    rows = [[text.short(value, 300) for value in row] for row in frame.head(MOST_ROWS).itertuples(index=False)]
    return Table(name, title, "", ["aspect", "what", "A", "B"], rows, frame)


def sizes(compared: Comparison) -> Table:
    """A row per family and size."""
    found = compared.sizes
    rows = [
        [FAMILIES.get(str(row["family"]), str(row["family"])), str(row["size"]), *_ratio(row)]
        for row in _records(found)
    ]
    columns = ["family", "size n", *_RATIO, *_IS[: "verdict" in found]]
    note = (
        "Geometric mean over the n of N planned cells that both runs measured, with its 95 % interval. Verdicts are "
        "corrected for multiple comparisons."
    )
    return _table(compared, "sizes", "Time by family and size: B ÷ A", note, columns, rows, found)


_RATIO = ["B ÷ A", "n of N"]
_IS = ["B is"]


def _records(frame: pd.DataFrame) -> list[Any]:
    return frame.head(MOST_ROWS).to_dict("records")


def _ratio(row: Any) -> list[str]:
    ratio = text.interval(row["ratio"], row["ratio_low"], row["ratio_high"])
    return [ratio, f"{row['cells']} of {row['planned']}", *([row["verdict"]] if "verdict" in row else [])]


def methods(compared: Comparison) -> Table:
    """The change of each method relative to the other methods of its cases."""
    found = compared.methods
    rows = [[str(row["method"]), *_ratio(row)] for row in _records(found)]
    columns = ["method", *_RATIO, *_IS[: "verdict" in found]]
    note = "B's time over A's, divided by the change common to all methods of a case."
    return _table(
        compared, "methods", "Change of each method relative to the others: B ÷ A", note, columns, rows, found
    )


def cases(compared: Comparison) -> Table:
    """The change common to all methods of each case, the furthest from 1 first."""
    far = compared.cases.assign(far=compared.cases["ratio"].map(lambda ratio: max(ratio, 1 / ratio)))
    found = far.sort_values("far", ascending=False, ignore_index=True).drop(columns="far")
    varying = _varying(found, [*CASE])
    ratios = [text.interval(row["ratio"], row["ratio_low"], row["ratio_high"]) for row in found.to_dict("records")]
    judged = {"B is": list(found["verdict"])} if "verdict" in found else {}
    columns = {name: [text.clean(value) for value in found[name]] for name in varying} | {"B ÷ A": ratios} | judged
    rows = [list(row) for row in zip(*columns.values(), strict=True)][:MOST_ROWS]
    note = "Median over the methods of a case: drift of the machine or a change that affects every method."
    return _table(compared, "cases", "Change common to all methods: B ÷ A", note, list(columns), rows, found)


def cells(compared: Comparison) -> Table:
    """Every cell that both runs measured; slower and faster ones first."""
    news = ["slower", "faster", "undecided", "same"]
    both = compared.cells[compared.cells["reason"].isna()]
    both = both.sort_values("verdict", key=lambda it: it.map(news.index), kind="stable").head(MOST_ROWS)
    varying = _varying(
        both, [*CASE, "method", *(f"{name}_{run}" for name in ("device", "threads", "numerics") for run in "ab")]
    )
    shown = {name: [text.clean(value) for value in both[name]] for name in varying}
    for title, name in (("B ÷ A", "ratio"), ("relative to its case", "relative_ratio")):
        ends = (both[f"{name}{end}"] for end in ("", "_low", "_high"))
        shown[title] = [text.interval(*row) for row in zip(*ends, strict=True)]
    shown |= {
        "B is": list(both["verdict"]),
        "error, B ÷ A": [text.number(value) for value in both["error_ratio"]],
        "precision": list(both["precision"].fillna("–")),
        "bound in A, B": list(both["bound_a"].fillna("–") + ", " + both["bound_b"].fillna("–")),
    }
    judged = "relative to its case" if compared.one_machine else "B ÷ A"
    note = (
        "Ratios of the 5 % quantiles of block times, with 95 % intervals over processes. “B is” judges the column "
        f"“{judged}” against a band of ±{100 * compared.band:g} %. Verdicts are corrected for multiple comparisons: "
        "faster and slower with Holm (family-wise error 2.5 %), same with Benjamini–Hochberg (false discoveries 5 %)."
    )
    rows = [list(row) for row in zip(*shown.values(), strict=True)]
    return _table(
        compared,
        "compare",
        "Cells measured in both runs",
        note,
        list(shown),
        rows,
        compared.cells.drop(columns=["time_s_a", "time_s_b"]),
    )


def _varying(frame: pd.DataFrame, names: list[str]) -> list[str]:
    """The columns whose values vary, and always problem, wrt, size, dtype and method."""
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
    """A table whose title, and whose CSV column `differs_in`, say what differs between the runs."""
    differs = f" (runs differ in {compared.differs_in})" if compared.differs_in else ""
    return Table(name, title + differs, note, columns, rows, frame.assign(differs_in=compared.label or None))
