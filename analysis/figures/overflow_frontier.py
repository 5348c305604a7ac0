"""Where a dtype runs out of range: the loss apart from the gradient."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.frames import CELL, of_cells
from gradiometer.analysis.scores import RANGE
from gradiometer.analysis.text import listed, short
from gradiometer.storage.schema import BASELINE, TIMED_DATA, data_kinds

MARKS: dict[str, dict[str, Any]] = {
    "finite": {"label": "gradient finite", "marker": "o", "color": "#b8b8b8", "markersize": 4.5},
    "not finite": {"label": "gradient not finite", "marker": "s", "color": "#c1440e", "markersize": 7},
    "spurious": {
        "label": "gradient not finite, though a true entry there is representable",
        "marker": "X", "color": style.INK, "markersize": 7.5,
    },
}  # fmt: skip
LOSS: dict[str, Any] = {
    "label": "loss not finite", "marker": "s", "markersize": 12, "markerfacecolor": "none",
    "markeredgecolor": "#2a86c8", "markeredgewidth": 1.3,
}  # fmt: skip

ROWS_IN, LEGEND_IN = 2.45, 0.3
"""Inches left of the panels, for the methods' names, and below them."""


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


@style.figure
def overflow_frontier(frontier: pd.DataFrame, methods: style.Methods) -> Figure:
    """A mark for each method and size: is the gradient finite, and is the loss. A row of panels per wrt and dtype, a
    column per kind of data (`frontier` of `frontier_frame`, of one problem and configuration). A place without a mark
    was not scored.
    """
    keys, kinds = layout.panel_keys(frontier), data_kinds(frontier["data"])
    names = [[name for name in methods if name in set(layout.of_panel(frontier, key)["method"])] for key in keys]
    width = (layout.WIDTH - ROWS_IN - layout.RIGHT * len(kinds)) / len(kinds)
    boxes: list[layout.Box] = []
    top = layout.TOP
    for rows in names:
        tall = 0.21 * len(rows) + 0.1
        boxes += [(ROWS_IN + column * (width + layout.RIGHT), top, width, tall) for column in range(len(kinds))]
        top += tall + layout.TOP + layout.BELOW
    figure, axes = layout.sheet(boxes, LEGEND_IN)
    panels = [(key, rows, data) for key, rows in zip(keys, names, strict=True) for data in kinds]
    for axis, (key, rows, data) in zip(axes, panels, strict=True):
        of_key = layout.of_panel(frontier, key)
        layout.size_axis(axis, sorted(set(of_key["size"])), crowd=6)
        labels = [short(methods[name]["label"], 34) for name in rows] if data == kinds[0] else [""] * len(rows)
        axis.set_yticks(range(len(rows)), labels, fontsize=8)
        axis.set_ylim(len(rows) - 0.4, -0.6)
        _mark(axis, of_key[of_key["data"] == data], rows)
        axis.set_title(layout.panel_title((*key, f"{data} data")))
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    wide, tall = figure.get_size_inches()
    left = ROWS_IN
    for mark in (*MARKS.values(), LOSS | {"markersize": 9}):
        look = {name: value for name, value in mark.items() if name != "label"}
        edge = {} if mark["label"] == LOSS["label"] else {"markeredgewidth": 0}
        place = {"transform": figure.transFigure, "linestyle": "none"}
        figure.add_artist(Line2D([left / wide], [0.16 / tall], **look | edge | place))
        figure.text((left + 0.14) / wide, 0.16 / tall, mark["label"], va="center", fontsize=8.5)
        left += 0.42 + 0.94 * legend.LETTER_IN * len(mark["label"])


def _mark(axis: Axes, of_panel: pd.DataFrame, rows: list[str]) -> None:
    places = of_panel.assign(row=of_panel["method"].map(rows.index))
    for gradient, mark in MARKS.items():
        found = places[places["gradient"] == gradient]
        axis.add_line(
            Line2D(
                found["size"].to_numpy(), found["row"].to_numpy(), **mark | {"linestyle": "none", "markeredgewidth": 0}
            )
        )
    lost = places[~places["loss_finite"]]
    axis.add_line(Line2D(lost["size"].to_numpy(), lost["row"].to_numpy(), linestyle="none", **LOSS))


def reading(frontier: pd.DataFrame, methods: style.Methods) -> str:
    """From which size on the loss and a gradient of the forms or autograd are lost, and which of these are to blame for
    it; first dtype, uniform data.
    """
    key = layout.panel_keys(frontier)[0]
    of_panel = layout.of_panel(frontier, key)
    own = (of_panel["family"] == "analytic") | (of_panel["method"] == BASELINE)
    of_panel = of_panel[own & (of_panel["data"] == TIMED_DATA)]
    lost = {"loss": of_panel[~of_panel["loss_finite"]], "gradient": of_panel[~of_panel["finite"]]}
    parts = [f"{what} at n = {rows['size'].min()}" for what, rows in lost.items() if len(rows)]
    blamed = of_panel.loc[of_panel["gradient"] == "spurious", "method"].drop_duplicates()
    blame = ""
    if len(blamed):
        blame = f"; {words.names(blamed)} {'lose' if len(blamed) > 1 else 'loses'} entries that are representable"
    if not parts:
        return f"For {words.where(key)} on {TIMED_DATA} data, the forms and {BASELINE} stay finite."
    lost_at = f"the forms and {BASELINE} on {TIMED_DATA} data, the first that is not finite"
    return f"For {words.where(key)}, of {lost_at}: {listed(parts)}{blame}."


OVERFLOW = Figured(
    "overflow",
    "Overflow frontier",
    "The worst over seeds; nothing stands where nothing was scored. A cross marks what the method is to blame for: "
    "an entry that is not finite although the true value is representable.",
    frontier_frame,
    overflow_frontier,
    reading,
)
