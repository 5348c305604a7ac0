"""Overhead against work: which sizes pay for dispatch rather than for arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.frames import SERIES, timed
from gradiometer.analysis.insights.cause import costs
from gradiometer.analysis.text import number

STEPS = 24
POOR = 0.25
"""A fit that leaves a larger relative error at some size is said to be poor."""


def overhead_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The timed cells of the forms and autograd, of the first wrt and shape, with the fit of `explained.costs`
    (`work`, `overhead_s`, `cost_s`, `misfit`) and `work_s` = cost × work; those that have a fit.
    """
    found = words.own(timed(layout.of_first(cells)))
    found = found.merge(
        costs(found)[[*SERIES, "method", "work", "overhead_s", "cost_s", "misfit"]], on=[*SERIES, "method"]
    )
    found["work_s"] = found["cost_s"] * found["bytes"].where(found["work"] == "bytes", found["flops"])
    kept: pd.DataFrame = found[(found["flops"] > 0) & found["work_s"].notna()]
    return kept


def _knee(curve: pd.DataFrame) -> dict[str, float] | None:
    """Where overhead = cost × work: `flops` and `size`, by log-linear interpolation between the sizes measured; None
    where there is no such place among them.
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


@style.figure
def overhead(fitted: pd.DataFrame, methods: style.Methods) -> Figure:
    """Time of a call against its flops, both logarithmic, as points; the fit t = overhead + cost × work as a line, and
    its knee, where both terms are equal, as a diamond. A panel per dtype. `fitted` of `overhead_frame`, of one problem
    and configuration.
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
                mark: dict[str, Any] = {
                    "marker": "D",
                    "markersize": 7,
                    "markerfacecolor": "none",
                    "markeredgecolor": style.INK,
                }
                t = 2 * float(curve["overhead_s"].iloc[0])
                axis.add_line(Line2D([knee["flops"]], [t], linestyle="none", zorder=6, label="knee", **mark))
            name = f"knee n ≈ {number(knee['size'], 2)}" if knee else "no knee"
            ends.append(annotate.End(float(curve["time_s"].iloc[-1]), name, look))
        annotate.name_ends(axis, ends)
        axis.set_title(layout.panel_title(key))
        axis.set_xlabel("flops of a call")
    for axis in axes[::2]:
        axis.set_ylabel("time of a call (s, ms, µs)")
    poor = fitted.loc[fitted["misfit"] > POOR, [*SERIES, "method"]].drop_duplicates()
    note = f"{len(poor)} of the fits leave more than {POOR:.0%} at some size" if len(poor) else ""
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def _line(curve: pd.DataFrame) -> tuple[Any, Any]:
    """The fit between the sizes measured: flops, and overhead + cost × work, whose logs are linear between them."""
    flops = curve["flops"].to_numpy(float)
    grid = np.geomspace(flops[0], flops[-1], STEPS)
    with np.errstate(divide="ignore"):
        work_s = np.exp(np.interp(np.log(grid), np.log(flops), np.log(curve["work_s"].to_numpy(float))))
    return grid, float(curve["overhead_s"].iloc[0]) + work_s


def reading(fitted: pd.DataFrame, methods: style.Methods) -> str:
    """Up to which size each method's call is mostly overhead; first wrt and dtype."""
    key = layout.panel_keys(fitted)[0]
    of_panel = layout.of_panel(fitted, key)
    parts = [f"{words.names([method])} {_until(curve, knee)}" for method, curve, knee in _fits(of_panel)]
    misfit = of_panel["misfit"].max()
    poor = f" (the fits leave up to {misfit:.0%} of a time)" if misfit > POOR else ""
    return (
        f"For {words.where(key)}, more than half of a call is overhead for {words.names(parts, most=len(parts))}{poor}."
    )


def _until(curve: pd.DataFrame, knee: dict[str, float] | None) -> str:
    if knee:
        return f"up to n ≈ {number(knee['size'], 2)}"
    return "at no size measured" if curve["overhead_s"].iloc[0] < curve["work_s"].iloc[0] else "at every size measured"


OVERHEAD = Figured(
    "overhead",
    "Overhead against work",
    "Points: times measured. Lines: t = overhead + cost × work, fitted over the sizes in relative error; work is "
    "flops, or bytes where those limit the largest size. Diamond: the knee, where overhead and cost × work are equal; "
    "to its left a call is mostly overhead.",
    overhead_frame,
    overhead,
    reading,
)
