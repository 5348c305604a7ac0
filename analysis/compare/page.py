"""The page of a comparison: compare.html, compare.md, and its tables as CSV."""

from __future__ import annotations

from pathlib import Path

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
from gradiometer.analysis.report.tables import MOST_ROWS, Table, intervals, table_of
from gradiometer.analysis.wording.comparison import sections
from gradiometer.analysis.wording.figures import sentence


def write_comparison(frames_a: Frames, frames_b: Frames, compared: Comparison, folder: Path) -> list[Path]:
    """Write compare.html, compare.md and a CSV file for each table into `folder`; return the paths.

    Files of an earlier comparison in `folder` are removed, others are kept. Raises OSError if `folder` cannot be
    written.
    """
    found = comparability.all_differences(frames_a, frames_b)
    in_key = found["aspect"] != "other"
    different = _different("differences", "Differences between the runs that affect the time ratio", found[in_key])
    others = _different("other_differences", "Other differences recorded in run.json", found[~in_key])
    tables = [sizes(compared), methods(compared), cases(compared), cells(compared)]
    figure = drawn(tables[0].frame.assign(run=output.named(frames_b)), "sizes")
    context = {
        "figure": figure,
        "title": f"Comparison: {output.named(frames_a)} (A) and {output.named(frames_b)} (B)",
        "a": output.on_what(frames_a),
        "b": output.on_what(frames_b),
        "sections": sections(statements(compared)),
        "differences": different,
        "tables": [table for table in (*tables, others) if table.rows],
    }
    with output.Output(folder, "compare", tables=".", figures=".") as out:
        for table in (different, others):
            out.csv(table)
        if figure:
            out.svg(figure)
        written = [out.csv(table) for table in tables]
        return [*out.pages(context), *written]


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
    shown = compared.sizes.head(MOST_ROWS)
    families = [text.FAMILIES.get(str(family), str(family)) for family in shown["family"]]
    columns = {"family": families, "size n": [str(size) for size in shown["size"]]} | _ratios(shown)
    note = (
        "Geometric mean over the n of N planned cells that both runs measured, with its 95 % interval. Verdicts are "
        "corrected for multiple comparisons."
    )
    return _table(compared, "sizes", "Time by family and size: B ÷ A", note, compared.sizes, columns)


def _ratios(shown: pd.DataFrame) -> dict[str, list[str]]:
    counts = [f"{cells} of {planned}" for cells, planned in zip(shown["cells"], shown["planned"], strict=True)]
    return {"B ÷ A": intervals(shown, "ratio"), "n of N": counts} | _verdicts(shown)


def _verdicts(shown: pd.DataFrame) -> dict[str, list[str]]:
    return {"B is": list(shown["verdict"])} if "verdict" in shown else {}


def methods(compared: Comparison) -> Table:
    """The change of each method relative to the other methods of its cases."""
    shown = compared.methods.head(MOST_ROWS)
    columns = {"method": [str(method) for method in shown["method"]]} | _ratios(shown)
    title = "Change of each method relative to the others: B ÷ A"
    note = "B's time over A's, divided by the change common to all methods of a case."
    return _table(compared, "methods", title, note, compared.methods, columns)


def cases(compared: Comparison) -> Table:
    """The change common to all methods of each case, the furthest from 1 first."""
    far = compared.cases.assign(far=compared.cases["ratio"].map(lambda ratio: max(ratio, 1 / ratio)))
    found = far.sort_values("far", ascending=False, ignore_index=True).drop(columns="far")
    shown = found.head(MOST_ROWS)
    columns = _varying(found, CASE) | {"B ÷ A": intervals(shown, "ratio")} | _verdicts(shown)
    note = "Median over the methods of a case: drift of the machine or a change that affects every method."
    return _table(compared, "cases", "Change common to all methods: B ÷ A", note, found, columns)


def cells(compared: Comparison) -> Table:
    """Every cell that both runs measured; slower and faster ones first."""
    news = ["slower", "faster", "undecided", "same"]
    both = compared.cells[compared.cells["reason"].isna()]
    both = both.sort_values("verdict", key=lambda it: it.map(news.index), kind="stable").head(MOST_ROWS)
    conditions = [f"{name}_{run}" for name in ("device", "threads", "numerics") for run in "ab"]
    columns = _varying(both, [*CASE, "method", *conditions]) | {
        "B ÷ A": intervals(both, "ratio"),
        "relative to its case": intervals(both, "relative_ratio"),
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
    frame = compared.cells.drop(columns=["time_s_a", "time_s_b"])
    return _table(compared, "compare", "Cells measured in both runs", note, frame, columns)


def _varying(frame: pd.DataFrame, names: list[str]) -> dict[str, list[str]]:
    """The columns whose values vary, and always problem, wrt, size, dtype and method, as texts."""
    always = {"problem", "wrt", "size", "dtype", "method"}
    several = frame.groupby(["problem", "size"])["dims"].nunique().gt(1).any() if len(frame) else False
    varying = [name for name in names if name in always or (several if name == "dims" else frame[name].nunique() > 1)]
    return {name: [text.clean(value) for value in frame[name].head(MOST_ROWS)] for name in varying}


def _table(
    compared: Comparison, name: str, title: str, note: str, frame: pd.DataFrame, shown: dict[str, list[str]]
) -> Table:
    """A table whose title, and whose CSV column `differs_in`, say what differs between the runs."""
    differs = f" (runs differ in {compared.differs_in})" if compared.differs_in else ""
    return table_of(name, title + differs, note, frame.assign(differs_in=compared.label or None), shown)
