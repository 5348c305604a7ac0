"""Where a dtype runs out of range: the loss apart from the gradient."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import layout, style
from analysis.frames import CELL, of_cells
from analysis.scores import RANGE
from analysis.text import short
from bench.schema import DATA

MARKS: dict[str, dict[str, Any]] = {
    "finite": {"label": "gradient finite", "marker": "o", "color": "#b8b8b8", "markersize": 4.5},
    "not finite": {"label": "gradient not finite", "marker": "s", "color": "#c1440e", "markersize": 7},
    "spurious": {
        "label": "gradient not finite, though a true entry there is representable",
        "marker": "X", "color": "black", "markersize": 7.5,
    },
}  # fmt: skip
LOSS: dict[str, Any] = {
    "label": "loss not finite", "marker": "s", "markersize": 12, "markerfacecolor": "none",
    "markeredgecolor": "#0072b2", "markeredgewidth": 1.3,
}  # fmt: skip


def frontier_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Every scored cell × data with `gradient` (a key of MARKS: the worst over seeds) and `loss_finite` (for all
    seeds), of the wrt and dtypes in which anything is not finite; empty where all is.
    """
    seen = of_cells(scores, cells).dropna(subset=["finite", "loss_finite"]).fillna({"spurious": False})
    worst = seen[[*CELL, "data", *RANGE]].astype(dict.fromkeys(RANGE, bool))
    worst["gradient"] = worst["finite"].map({True: "finite", False: "not finite"})
    worst.loc[~worst["finite"] & worst["spurious"], "gradient"] = "spurious"
    found = cells.merge(worst, on=CELL, how="inner")
    series = ["wrt", "dtype", "shape"]
    failing = found.loc[~(found["finite"] & found["loss_finite"]), series].drop_duplicates()
    return found.merge(failing, on=series, how="inner")


@style.theme()
def overflow_frontier(frontier: pd.DataFrame, methods: style.Methods) -> Figure:
    """A mark for each method and size: is the gradient finite, and is the loss. A row of panels per wrt and dtype, a
    column per kind of data (`frontier` of `frontier_frame`, of one problem and configuration). A place without a mark
    was not scored.
    """
    keys, kinds = layout.panel_keys(frontier), [data for data in DATA if data in set(frontier["data"])]
    names = [[name for name in methods if name in set(layout.of_panel(frontier, key)["method"])] for key in keys]
    heights = [0.21 * len(rows) + 0.55 for rows in names]
    figure = Figure(figsize=(9.5, sum(heights) + 1.1), layout="constrained")
    axes = figure.subplots(len(keys), len(kinds), sharey="row", squeeze=False, height_ratios=heights)
    for row, (key, rows) in enumerate(zip(keys, names, strict=True)):
        of_key = layout.of_panel(frontier, key)
        sizes = sorted(set(of_key["size"]))
        for axis, data in zip(axes[row], kinds, strict=True):
            _mark(axis, of_key[of_key["data"] == data], rows)
            layout.size_axis(axis, sizes, large=False)
            axis.set_ylim(len(rows) - 0.4, -0.6)
            axis.set_title(layout.panel_title((*key, f"{data} data")))
        axes[row, 0].set_yticks(range(len(rows)), [short(methods[name]["label"], 34) for name in rows], fontsize=8)
    handles = [Line2D([], [], linestyle="none", **it) for it in (*MARKS.values(), LOSS | {"markersize": 9})]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5, handletextpad=0.3)
    return figure


def _mark(axis: Axes, of_panel: pd.DataFrame, rows: list[str]) -> None:
    places = of_panel.assign(row=of_panel["method"].map(rows.index))
    for gradient, mark in MARKS.items():
        found = places[places["gradient"] == gradient]
        axis.plot(found["size"], found["row"], **mark | {"linestyle": "none", "markeredgewidth": 0})
    lost = places[~places["loss_finite"]]
    axis.plot(lost["size"], lost["row"], linestyle="none", **LOSS)
