"""The tables of the page: each a frame for the CSV file and its columns as text for the page. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import CONFIGURATION, with_error
from gradiometer.analysis.insights import explained as reasons
from gradiometer.analysis.insights import scaling
from gradiometer.analysis.insights.launches import LAUNCH_BOUND, wall_over_device
from gradiometer.storage.schema import STATUSES

MOST_ROWS = 500
"""Rows of one table on a page; its CSV file has them all."""


@dataclass(frozen=True)
class Table:
    """A table as a page shows it: `rows` of texts under `columns`; `frame` holds every row, for `tables/<name>.csv`."""

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
        """The same table with at most so many rows shown."""
        return replace(self, rows=self.rows[:most])

    @property
    def cut(self) -> str:
        """What a page says where it does not show every row."""
        shown, whole = len(self.rows), len(self.frame)
        return f"The first {shown} of {whole} rows." if shown < whole else ""


def _table(name: str, title: str, note: str, frame: pd.DataFrame, shown: dict[str, list[str]]) -> Table:
    return Table(name, title, note, list(shown), [list(row) for row in zip(*shown.values(), strict=True)], frame)


def _texts(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, list[str]]:
    """Columns as they are, without those that say the same in every row and are not needed to tell rows apart."""
    told = [name for name in columns if name not in [*CONFIGURATION, "shape"] or frame[name].nunique() > 1]
    return {name: [text.clean(value) if pd.notna(value) else "–" for value in frame[name]] for name in told}


def _intervals(frame: pd.DataFrame, name: str) -> list[str]:
    ends = (frame[f"{name}_low"], frame[f"{name}_high"])
    return [text.interval(*row) for row in zip(frame[name], *ends, strict=True)]


CASE = ["problem", "wrt", "shape", "dtype", *CONFIGURATION]


def exponents(cells: pd.DataFrame) -> Table:
    """Exponents of time in size over each curve's tail."""
    return _exponents(
        scaling.tail_exponents(cells),
        "exponents",
        "Exponents: time grows as size to this power",
        f"Weighted least squares of log time on log size over sizes ≥ largest/{scaling.TAIL}, 95 % interval.",
    )


def local_exponents(cells: pd.DataFrame) -> Table:
    """Exponents of time in size between every two successive sizes."""
    return _exponents(
        scaling.local_exponents(cells),
        "local_exponents",
        "Exponents between successive sizes",
        "log(t₂/t₁) / log(n₂/n₁), 95 % interval. At small sizes the fixed cost of a call hides the work: near 0.",
    )


def _exponents(frame: pd.DataFrame, name: str, title: str, note: str) -> Table:
    shown = frame.head(MOST_ROWS)
    sizes = [f"{start}–{stop}" for start, stop in zip(shown["size_from"], shown["size_to"], strict=True)]
    powers = zip(shown["exponent"], shown["exponent_low"], shown["exponent_high"], strict=True)
    columns = _texts(shown, [*CASE, "method"]) | {"sizes": sizes, "exponent": [text.exponent(*row) for row in powers]}
    return _table(name, title, note, frame, columns)


def crossovers(cells: pd.DataFrame) -> Table:
    """Where each method crosses autograd."""
    frame = scaling.crossovers(cells)
    shown = frame.head(MOST_ROWS)
    sizes = [f"{start}–{stop}" for start, stop in zip(shown["size_from"], shown["size_to"], strict=True)]
    return _table(
        "crossovers",
        "Crossovers with autograd",
        "The size at which the ratio passes 1, its log linear in log size between the sizes measured. The interval is "
        "that of the times; how the curve bends between the sizes is not in it.",
        frame,
        _texts(shown, [*CASE, "method"])
        | {
            "measured sizes": sizes,
            "against autograd": list(shown["relation"]),
            "crosses at n": _intervals(shown, "size"),
        },
    )


def explained(cells: pd.DataFrame) -> Table:
    """Why ratios are beyond 5 or 1/5."""
    frame = reasons.explained(cells)
    shown = frame.head(MOST_ROWS)
    columns = _texts(shown, [*CASE, "size", "method"]) | {"÷ autograd": [text.number(v) for v in shown["ratio"]]}
    for end, whose in (("", ""), ("_autograd", ", autograd")):
        columns |= {
            f"overhead{whose}": [text.seconds(value) for value in shown[f"overhead_s{end}"]],
            f"flops{whose}": [text.number(value) for value in shown[f"flops{end}"]],
            f"limit{whose}": [_limit(*row) for row in _zipped(shown, f"limit_s{end}", f"limited_by{end}")],
        }
    return _table(
        "explained",
        f"Why a ratio is above {reasons.BEYOND:g} or below 1/{reasons.BEYOND:g}",
        "By what fills more than half of the slower call: dispatch (its overhead), else what limits it: work, memory. "
        "Overhead is the fit of t = overhead + cost × work over the sizes of a series, in relative error.",
        frame,
        columns | _texts(shown, ["cause"]),
    )


def _limit(seconds: float, by: str | None) -> str:
    return f"{text.seconds(seconds)} ({by})" if pd.notna(seconds) else "–"


def _zipped(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(frame[name] for name in names), strict=True)


def preparing(cells: pd.DataFrame) -> Table:
    """When preparing pays."""
    frame = scaling.preparing_pays(cells)
    shown = frame.head(MOST_ROWS)
    return _table(
        "preparing_pays",
        "Preparing pays from this many calls on",
        "Extra time to prepare ÷ (a call of the other form − a call of the prepared one). ∞: never, or maybe never.",
        frame,
        _texts(shown, [*CASE, "dims", "method"])
        | {
            "preparing": [text.seconds(value) for value in shown["setup_s"]],
            "a call": [text.seconds(value) for value in shown["time_s"]],
            "against": list(shown["other"]),
            "its call": [text.seconds(value) for value in shown["other_time_s"]],
            "calls": _intervals(shown, "calls"),
        },
    )


def all_cells(cells: pd.DataFrame, scores: pd.DataFrame) -> Table:
    """Every cell: time, ratio and error in one row, or why there is none."""
    frame = with_error(cells, scores).assign(wall_over_device=wall_over_device, verdict=scaling.verdicts)
    has_device = frame["wall_over_device"].notna().any()
    shown = frame.head(MOST_ROWS)
    times = zip(shown["time_s"], shown["time_low_s"], shown["time_high_s"], strict=True)
    return _table(
        "cells",
        "Cells",
        "Time of a call; its ratio to autograd's, paired (below 1 is faster); both with 95 % intervals, for each cell "
        "by itself. Faster or slower, beyond ±1 %: over the whole table at 5 % together (Holm); of what is the same, "
        "within it, 5 % may be not. "
        "Relative error: median over seeds, uniform data. Flops are counted; in and out: the inputs and the gradient; "
        "peak memory: over what was there before the call; of the limit: the share of the time that the machine's "
        "highest rates would take." + (f" Wall ÷ device above {LAUNCH_BOUND}: launch-bound." if has_device else ""),
        frame,
        _texts(shown, ["problem", "wrt", "size", "shape", "dtype", *CONFIGURATION, "method"])
        | {
            "status": list(shown["status"]),
            "time": [text.seconds(*row) for row in times],
            "÷ autograd": _intervals(shown, "ratio"),
            "is": list(shown["verdict"].fillna("–")),
        }
        | ({"wall ÷ device": [text.number(value) for value in shown["wall_over_device"]]} if has_device else {})
        | {
            "relative error": [text.scientific(value) for value in shown["rel_fro"]],
        }
        | _work(shown),
    )


def _work(cells: pd.DataFrame) -> dict[str, list[str]]:
    """What calls do and hold, and how near the machine's limit they come: the columns that any cell has a value in."""
    shares = _zipped(cells, "limit_share", "limited_by")
    columns = {
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
    """The verdict on every derivation, torch's own among them."""
    shown = rows.head(MOST_ROWS)
    digits = [f"{value:.0f}" if pd.notna(value) else "–" for value in shown["digits"]]
    return _table(
        "derivations",
        "Derivations",
        "Each form against the derivative of the loss's own forward graph, entry by entry, in ball arithmetic at "
        "random points: the decimal digits to which it agrees, relative to the sum of its terms' absolute values.",
        rows,
        _texts(shown, ["problem", "wrt", "form", "verdict"])
        | {"digits": digits}
        | _texts(shown, ["points", "dims", "diagnosis"]),
    )


def failures(cells: pd.DataFrame) -> Table:
    """The cells that are not ok, counted by status and reason; reasons that differ in their numbers alone are one."""
    lost = cells[cells["status"] != "ok"].assign(reason=lambda rows: rows["reason"].fillna("no reason was recorded"))
    lost["kind"] = lost["reason"].map(text.without_numbers)
    grouped = lost.groupby(["status", "kind"], sort=False)
    named = {f"{name}s": (name, _joined) for name in ("problem", "wrt", "method", "dtype", "size")}
    frame = grouped.agg(cells=("cell_id", "size"), reason=("reason", _one_or_first), **named).reset_index()
    frame = frame.drop(columns="kind").sort_values("status", kind="stable", ignore_index=True)
    shown = frame.head(MOST_ROWS)
    present = [f"{name}: {STATUSES.get(name, 'not a known status')}" for name in frame["status"].unique()]
    return _table(
        "failures",
        f"Cells that are not ok: {len(lost)} of {len(cells)}",
        "; ".join(present),
        frame,
        {"cells": [f"{count} of {len(cells)}" for count in shown["cells"]]}
        | _texts(shown, ["status", "reason", *named]),
    )


def _joined(values: pd.Series[str]) -> str:
    return ", ".join(map(str, values.drop_duplicates()))


def _one_or_first(reasons: pd.Series[str]) -> str:
    return str(reasons.iloc[0]) + ("" if reasons.nunique() == 1 else " (for one; the others' numbers differ)")
