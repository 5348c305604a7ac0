"""The findings of a run in three sentences: what is fastest, what is slowest, how many digits are kept. No torch."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gradiometer.statistics import Estimate
from gradiometer.storage.schema import DTYPES, TIMED_DATA


def _where(cell: pd.Series[Any]) -> str:
    unusual = [f", {cell[name]}" for name, usual in (("numerics", "ieee"), ("cache", "hot")) if cell[name] != usual]
    return f"{cell['problem']} {cell['wrt']} n={cell['size']} {cell['dtype']} on {cell['device']}{''.join(unusual)}"


def _times_autograd(cell: pd.Series[Any]) -> str:
    low, high = Estimate(cell["ratio"], cell["ratio_log_se"], cell["ratio_df"]).interval()
    interval = f" [{low:.3g}, {high:.3g}]" if pd.notna(low) else ""
    return f"{cell['ratio']:.3g}{interval} times autograd's time"


def fastest_and_slowest(cells: pd.DataFrame) -> list[str]:
    """The hand-derived gradients that gain and lose most against autograd, among sound cells only."""
    forms = cells[(cells["family"] == "analytic") & (cells["status"] == "ok") & cells["ratio"].notna()]
    if forms.empty:
        return []
    in_order = forms.sort_values("ratio")
    best, worst = in_order.iloc[0], in_order.iloc[-1]
    said = [f"Fastest by hand: {best['method']} takes {_times_autograd(best)} ({_where(best)})."]
    if worst["ratio"] > 1:
        said.append(f"Slowest by hand: {worst['method']} takes {_times_autograd(worst)} ({_where(worst)}).")
    return said


def digits_kept(cells: pd.DataFrame, errors: pd.DataFrame) -> str | None:
    """Median decimal digits of hand-derived gradients by dtype on uniform data, and where they stop being finite."""
    scored = errors[errors["data"] == TIMED_DATA].merge(
        cells[["cell_id", "family", "dtype", "size", "status"]], on="cell_id", how="left", suffixes=("", "_of_cell")
    )
    right = (scored["status"] != "wrong") & (scored["status_of_cell"] != "wrong")  # a refuted form has scores too
    scored = scored[(scored["family"] == "analytic") & right]
    parts = []
    for dtype in DTYPES:
        of_dtype = scored[scored["dtype"] == dtype]
        kept = of_dtype["digits"].median()
        overflowing = of_dtype[of_dtype["status"] == "nonfinite"]["size"]
        if pd.notna(kept):
            until = f" (not finite from n={overflowing.min()} on)" if len(overflowing) else ""
            parts.append(f"{kept:.1f} in {dtype}{until}")
    return f"Digits kept by hand-derived gradients, median: {', '.join(parts)}." if parts else None


def headlines(cells: pd.DataFrame, errors: pd.DataFrame) -> list[str]:
    """At most three sentences."""
    precision = digits_kept(cells, errors)
    return [*fastest_and_slowest(cells), *([precision] if precision else [])]
