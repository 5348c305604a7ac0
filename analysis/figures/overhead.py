"""Overhead against work: the sizes at which a call pays for dispatch rather than for arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.frames import SERIES, forms_and_autograd, timed
from gradiometer.analysis.insights.cause import costs
from gradiometer.analysis.text import number

STEPS = 24
POOR = 0.25
"""A fit with a larger relative error at some size is poor."""


def overhead_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The timed cells of the forms and autograd, of the first wrt and shape, with the fit of `cause.costs`
    (`work`, `overhead_s`, `cost_s`, `misfit`) and `work_s` = cost × work; those that have a fit.
    """
    found = forms_and_autograd(timed(layout.of_first(cells)))
    found = found.merge(
        costs(found)[[*SERIES, "method", "work", "overhead_s", "cost_s", "misfit"]], on=[*SERIES, "method"]
    )
    found["work_s"] = found["cost_s"] * found["bytes"].where(found["work"] == "bytes", found["flops"])
    kept: pd.DataFrame = found[(found["flops"] > 0) & found["work_s"].notna()]
    return kept


def _knee(curve: pd.DataFrame) -> dict[str, float] | None:
    """The knee, where overhead = cost × work: `flops` and `size`, interpolated log-linearly between measured sizes;
    None where it is outside of them.
    """
    overhead, work_s = float(curve["overhead_s"].iloc[0]), curve["work_s"].to_numpy(float)
    if not 0 < work_s[0] <= overhead <= work_s[-1]:
        return None
    logs = {name: np.log(curve[name].to_numpy(float)) for name in ("flops", "size")}
    return {name: float(np.exp(np.interp(np.log(overhead), np.log(work_s), values))) for name, values in logs.items()}


def _fits(of_panel: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, dict[str, float] | None]]:
    """Each method, its curve by size, and its knee."""
    for method, curve in of_panel.groupby("method", sort=False):
        by_size = curve.sort_values("size")
        yield str(method), by_size, _knee(by_size)


def draw(fitted: pd.DataFrame, methods: style.Methods) -> Figure:
    """Time of a call against its flops as points, the fit t = overhead + cost × work as a line, and its knee, where
    both terms are equal, as a diamond. A panel for each dtype and run; `fitted` of `overhead_frame`.
    """
    looks, shown = style.styles(methods), set(fitted["method"])
    keys = layout.panel_keys(fitted)
    figure, axes = layout.even_panels(len(keys), legend.height(methods, shown), beside=layout.ENDS)
    layout.log_scale(axes, "x", fitted["flops"], layout.power_of_ten)
    layout.log_scale(axes, "y", [*fitted["time_s"], *fitted["overhead_s"]], layout.time_tick)
    for axis, key in zip(axes, keys, strict=True):
        of_panel = layout.of_panel(fitted, key)
        ends = []
        for method, curve, knee in _fits(of_panel):
            look = looks[method]
            axis.add_line(Line2D(*_line(curve), color=look.color, linewidth=1.2, zorder=look.zorder))
            axis.add_line(Line2D(*curve[["flops", "time_s"]].to_numpy(float).T, **look.line | {"linestyle": "none"}))
            if knee is not None:
                t = 2 * float(curve["overhead_s"].iloc[0])
                annotate.hollow(axis, [knee["flops"]], [t], "knee", marker="D")
            name = f"knee n ≈ {number(knee['size'], 2)}" if knee else "no knee"
            ends.append(annotate.End(float(curve["time_s"].iloc[-1]), name, look))
        annotate.name_ends(axis, ends)
        axis.set_title(layout.panel_title(key))
        axis.set_xlabel("flops of a call")
    for axis in axes[::2]:
        axis.set_ylabel("time of a call (s, ms, µs)")
    poor = fitted.loc[fitted["misfit"] > POOR, [*SERIES, "method"]].drop_duplicates()
    note = f"{len(poor)} fits have an error above {POOR:.0%} at some size" if len(poor) else ""
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def _line(curve: pd.DataFrame) -> tuple[Any, Any]:
    """The fit between the measured sizes: flops and time; log work is linear in log flops between them."""
    flops = curve["flops"].to_numpy(float)
    grid = np.geomspace(flops[0], flops[-1], STEPS)
    with np.errstate(divide="ignore"):
        work_s = np.exp(np.interp(np.log(grid), np.log(flops), np.log(curve["work_s"].to_numpy(float))))
    return grid, float(curve["overhead_s"].iloc[0]) + work_s


def numbers(fitted: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`until`: method → the size at its knee, 0 where overhead is never half of a call, infinity where it always is;
    `misfit`: the largest relative error of a fit, and whether it is `poor`.
    """
    key, of_panel = layout.first_panel(fitted)
    until = {
        method: knee["size"] if knee else 0.0 if curve["overhead_s"].iloc[0] < curve["work_s"].iloc[0] else math.inf
        for method, curve, knee in _fits(of_panel)
    }
    misfit = of_panel["misfit"].max()
    return {"where": key, "until": until, "misfit": misfit, "poor": misfit > POOR}


overhead = FigureEntry(
    "overhead",
    "Overhead against work",
    "Points: measured times. Lines: t = overhead + cost × work, fitted by relative error; work is flops, or bytes "
    "where bandwidth limits the largest size. Diamond: the knee, where overhead and cost × work are equal; to its left "
    "a call is mostly overhead.",
    overhead_frame,
    draw,
    numbers,
)
