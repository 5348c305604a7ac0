"""The tables of a page: a frame for the CSV file, and its columns as texts for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import CONFIGURATION, with_error
from gradiometer.analysis.insights import cause, crossover, preparation, scaling
from gradiometer.analysis.insights.launch_bound import LAUNCH_BOUND, wall_over_device
from gradiometer.analysis.insights.overview import BestForm, OverviewRow
from gradiometer.analysis.insights.view import MEASURED
from gradiometer.storage.schema import STATUSES, VERDICTS

MOST_ROWS = 500
"""Rows of one table on a page; its CSV file has them all."""


@dataclass(frozen=True)
class Table:
    """A table as a page shows it: `rows` of texts under `columns`. `frame` has every row, for tables/NAME.csv."""

    name: str
    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]
    frame: pd.DataFrame

    def renamed(self, name: str) -> Table:
        """The same table under another file name."""
        return replace(self, name=name)

    def head(self, most: int) -> Table:
        """The same table with at most `most` rows shown."""
        return replace(self, rows=self.rows[:most])

    @property
    def cut(self) -> str:
        """The number of rows shown, if not all are; otherwise empty."""
        shown, whole = len(self.rows), len(self.frame)
        return f"The first {shown} of {whole} rows." if shown < whole else ""


def table_of(name: str, title: str, note: str, frame: pd.DataFrame, shown: dict[str, list[str]]) -> Table:
    """The table of `frame` that shows the texts `shown`, by column."""
    return Table(name, title, note, list(shown), [list(row) for row in zip(*shown.values(), strict=True)], frame)


def _texts(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, list[str]]:
    """Columns as texts, without configuration columns that have the same value in every row."""
    varying = [name for name in columns if name not in [*CONFIGURATION, "shape"] or frame[name].nunique() > 1]
    return {name: [text.clean(value) if pd.notna(value) else "–" for value in frame[name]] for name in varying}


def intervals(frame: pd.DataFrame, name: str) -> list[str]:
    """The column `name` with its interval (`_low`, `_high`), as texts."""
    ends = (frame[f"{name}_low"], frame[f"{name}_high"])
    return [text.interval(*row) for row in zip(frame[name], *ends, strict=True)]


CASE = ["problem", "wrt", "shape", "dtype", *CONFIGURATION]


def exponents(cells: pd.DataFrame) -> Table:
    """Exponents of time in size over each curve's tail."""
    return _exponents(
        scaling.tail_exponents(cells),
        "exponents",
        "Exponents: time grows as size to this power",
        f"Weighted least squares of log time on log size, from a {scaling.TAIL}th of the largest size, with a 95 % "
        "interval.",
    )


def local_exponents(cells: pd.DataFrame) -> Table:
    """Exponents of time in size between every two successive sizes."""
    return _exponents(
        scaling.local_exponents(cells),
        "local_exponents",
        "Exponents between successive sizes",
        "log(t₂/t₁) / log(n₂/n₁) with a 95 % interval. Near 0 where overhead dominates.",
    )


def _exponents(frame: pd.DataFrame, name: str, title: str, note: str) -> Table:
    shown = frame.head(MOST_ROWS)
    sizes = [f"{start}–{stop}" for start, stop in zip(shown["size_from"], shown["size_to"], strict=True)]
    powers = zip(shown["exponent"], shown["exponent_low"], shown["exponent_high"], strict=True)
    columns = _texts(shown, [*CASE, "method"]) | {"sizes": sizes, "exponent": [text.exponent(*row) for row in powers]}
    return table_of(name, title, note, frame, columns)


def crossovers(cells: pd.DataFrame) -> Table:
    """Where each method crosses autograd."""
    frame = crossover.crossovers(cells)
    shown = frame.head(MOST_ROWS)
    sizes = [f"{start}–{stop}" for start, stop in _zipped(shown, "size_from", "size_to")]
    between = [
        f"{low:.0f} and {high:.0f}" if pd.notna(low) else "–" for low, high in _zipped(shown, "size_low", "size_high")
    ]
    return table_of(
        "crossovers",
        "Crossovers with autograd",
        "The crossing lies between two measured sizes with different decisions. The estimate interpolates the log of "
        "the ratio linearly in log size.",
        frame,
        _texts(shown, [*CASE, "method"])
        | {
            "measured sizes": sizes,
            "against autograd": list(shown["relation"]),
            "between n": between,
            "estimate": [text.number(value) for value in shown["size"]],
        },
    )


def causes(cells: pd.DataFrame) -> Table:
    """Why ratios are beyond 5 or 1/5."""
    frame = cause.causes(cells)
    shown = frame.head(MOST_ROWS)
    columns = _texts(shown, [*CASE, "size", "method"]) | {"÷ autograd": [text.number(v) for v in shown["ratio"]]}
    for end, whose in (("", ""), ("_autograd", ", autograd")):
        columns |= {
            f"overhead{whose}": [text.seconds(value) for value in shown[f"overhead_s{end}"]],
            f"flops{whose}": [text.number(value) for value in shown[f"flops{end}"]],
            f"limit{whose}": [_limit(*row) for row in _zipped(shown, f"limit_s{end}", f"limited_by{end}")],
        }
    return table_of(
        "causes",
        f"Causes of ratios above {cause.BEYOND:g} or below 1/{cause.BEYOND:g}",
        "Dispatch: the difference of the overheads is more than half of the difference of the times. Work, memory: the "
        f"slower method performs {cause.MORE:g} times as many flops, or moves as many bytes, and they limit it. The "
        "overhead is fitted: time = overhead + cost × work over the sizes of a series.",
        frame,
        columns | {"cause": list(shown["cause"].fillna("not explained"))},
    )


def _limit(seconds: float, by: str | None) -> str:
    return f"{text.seconds(seconds)} ({by})" if pd.notna(seconds) else "–"


def _zipped(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(frame[name] for name in names), strict=True)


def break_even(cells: pd.DataFrame) -> Table:
    """From how many calls on preparing pays."""
    frame = preparation.break_even(cells)
    shown = frame.head(MOST_ROWS)
    return table_of(
        "break_even",
        "Break-even of preparing",
        "Number of calls on the same data after which preparing pays: time to prepare ÷ (time of the other form − time "
        "of the prepared one), with a 95 % interval. ∞: never, or possibly never.",
        frame,
        _texts(shown, [*CASE, "dims", "method"])
        | {
            "preparing": [text.seconds(value) for value in shown["setup_s"]],
            "time": [text.seconds(value) for value in shown["time_s"]],
            "other form": list(shown["other"]),
            "its time": [text.seconds(value) for value in shown["other_time_s"]],
            "calls": intervals(shown, "calls"),
        },
    )


def all_cells(cells: pd.DataFrame, measured: pd.DataFrame, scores: pd.DataFrame) -> Table:
    """Every cell: time, ratio and error in one row. `cells` as in a View; times of wrong forms are those `measured`."""
    times = measured.set_index("cell_id")[[*MEASURED]].reindex(cells["cell_id"]).set_axis(cells.index)
    frame = with_error(cells.assign(**dict(times)), scores).assign(wall_over_device=wall_over_device)
    has_device = frame["wall_over_device"].notna().any()
    shown = frame.head(MOST_ROWS)
    return table_of(
        "cells",
        "Cells",
        "Time per call, and its ratio to autograd's (paired; below 1 is faster), each with a 95 % interval. Decisions, "
        "beyond ±1 %, are corrected over the whole table: faster and slower with Holm (family-wise error 5 %), same "
        "with Benjamini–Hochberg (false discovery rate 5 %). Relative error: median over seeds on uniform data; of the "
        "bound: its share of the proved bound, above 1 proves a bug. In and out: inputs and gradient. Of the limit: "
        "the share of the time that the peak rates allow."
        + (f" Wall ÷ device above {LAUNCH_BOUND}: launch-bound." if has_device else ""),
        frame,
        _texts(shown, ["problem", "wrt", "size", "shape", "dtype", *CONFIGURATION, "method"])
        | {
            "status": list(shown["status"]),
            "time": [text.seconds(*row) for row in _zipped(shown, "time_s", "time_low_s", "time_high_s")],
            "÷ autograd": intervals(shown, "ratio"),
            "decision": list(shown["verdict"].fillna("–")),
        }
        | ({"wall ÷ device": [text.number(value) for value in shown["wall_over_device"]]} if has_device else {})
        | {"relative error": [text.scientific(value) for value in shown["rel_fro"]]}
        | _work(shown),
    )


def _work(cells: pd.DataFrame) -> dict[str, list[str]]:
    """Work, memory, and shares of bound and limit: the columns in which some cell has a value."""
    shares = _zipped(cells, "limit_share", "limited_by")
    columns = {
        "of the bound": ("bound_share", [text.number(value, 2) for value in cells["bound_share"]]),
        "flops": ("flops", [text.number(value) for value in cells["flops"]]),
        "in and out": ("bytes", [_bytes(value) for value in cells["bytes"]]),
        "peak memory": ("peak_memory_bytes", [_bytes(value) for value in cells["peak_memory_bytes"]]),
        "of the limit": ("limit_share", [_share(*row) for row in shares]),
    }
    return {title: texts for title, (name, texts) in columns.items() if cells[name].notna().any()}


def _share(value: float, by: str | None) -> str:
    return f"{text.number(100 * value, 2)} % ({by})" if pd.notna(value) else "–"


def _bytes(value: float) -> str:
    return text.size_bytes(value) if pd.notna(value) else "–"


def derivations(rows: pd.DataFrame) -> Table:
    """The verdict on every gradient, and on torch's own."""
    shown = rows.head(MOST_ROWS)
    digits = [f"{value:.0f}" if pd.notna(value) else "–" for value in shown["digits"]]
    return table_of(
        "derivations",
        "Verdicts",
        "Each form is compared entry by entry with the derivative of the traced loss at random points. Digits: the "
        "decimal digits in which they agree, relative to the sum of absolute terms.",
        rows,
        _texts(shown, ["problem", "wrt", "form"])
        | {"verdict": [VERDICTS.get(verdict, text.clean(verdict).replace("_", " ")) for verdict in shown["verdict"]]}
        | {"digits": digits}
        | _texts(shown, ["points", "dims", "diagnosis"]),
    )


def failures(cells: pd.DataFrame) -> Table:
    """The cells that are not ok, counted by status and reason; reasons that differ only in numbers count together."""
    lost = cells[cells["status"] != "ok"].assign(reason=lambda rows: rows["reason"].fillna("no reason was recorded"))
    lost["kind"] = lost["reason"].map(text.without_numbers)
    grouped = lost.groupby(["status", "kind"], sort=False)
    named = {f"{name}s": (name, _joined) for name in ("problem", "wrt", "method", "dtype", "size")}
    frame = grouped.agg(cells=("cell_id", "size"), reason=("reason", _one_or_first), **named).reset_index()
    frame = frame.drop(columns="kind").sort_values("status", kind="stable", ignore_index=True)
    shown = frame.head(MOST_ROWS)
    present = [f"{name}: {STATUSES.get(name, 'not a known status')}" for name in frame["status"].unique()]
    return table_of(
        "failures",
        f"Failed and skipped: {len(lost)} of {len(cells)} cells",
        "; ".join(present),
        frame,
        {"cells": [f"{count} of {len(cells)}" for count in shown["cells"]]}
        | _texts(shown, ["status", "reason", *named]),
    )


def _joined(values: pd.Series[str]) -> str:
    return ", ".join(map(str, values.drop_duplicates()))


def _one_or_first(reasons: pd.Series[str]) -> str:
    return str(reasons.iloc[0]) + ("" if reasons.nunique() == 1 else " (others differ in numbers)")


def answers(rows: Sequence[OverviewRow]) -> Table:
    """One row for each problem × wrt: verdicts, best form, speed-up at both ends, digits, overflow."""
    frame = pd.DataFrame([_answer(row) for row in rows])
    columns = list(frame.columns)
    note = "Best form and its speed-up over autograd at the smallest and the largest size, [95 % interval]."
    return Table("answers", "Answers", note, columns, frame.head(MOST_ROWS).astype(str).values.tolist(), frame)


def _answer(row: OverviewRow) -> dict[str, str]:
    best = [_best(it) for it in row.best] or ["no form"]
    return {
        "problem": row.label,
        "wrt": row.wrt,
        "gradients": text.counted(row.evidence) or "not checked",
        "smallest size": best[0],
        "largest size": best[-1],
        "digits": ", ".join(f"{dtype} {value:.1f}" for dtype, value in row.digits.items()) or "–",
        "overflow": ", ".join(f"{dtype} from n = {size}" for dtype, size in row.overflows.items()) or "–",
        "all zeros": ", ".join(f"{dtype} from n = {size}" for dtype, size in row.zeros.items()) or "–",
    }


def _best(it: BestForm) -> str:
    note = " (not checked)" if it.evidence == "not checked" else ""
    if it.decision is None:
        return f"{it.form}{note}, n = {it.size}: autograd was not timed"
    gain = f"{text.interval(it.speedup, *it.interval)}×, {it.decision}"
    return f"{it.form}{note}, n = {it.size}: {gain}"
