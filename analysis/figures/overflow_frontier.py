"""The sizes from which the loss or a gradient leaves the range of its dtype."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.frames import CELL, forms_and_autograd, of_cells
from gradiometer.analysis.scores import RANGE
from gradiometer.analysis.text import short
from gradiometer.storage.schema import TIMED_DATA, data_kinds

MARKS: dict[str, dict[str, Any]] = {
    "finite": {"label": "gradient finite", "marker": "o", "color": "#b8b8b8", "markersize": 4.5},
    "zero": {"label": annotate.ZERO, "marker": "v", "color": "#7a3e9d", "markersize": 7.5},
    "not finite": {"label": "overflow", "marker": "s", "color": "#c1440e", "markersize": 7},
    "spurious": {
        "label": "overflow of a representable value", "marker": "X", "color": style.INK, "markersize": 7.5,
    },
}  # fmt: skip
LOSS: dict[str, Any] = {
    "label": "loss not finite", "marker": "s", "markersize": 12, "markerfacecolor": "none",
    "markeredgecolor": "#2a86c8", "markeredgewidth": 1.3,
}  # fmt: skip

ROWS_IN, LEGEND_IN = 2.45, 0.3
"""Room in inches left of the panels, for the names of the methods, and below them."""


def frontier_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Every scored cell × data with `gradient` (a key of MARKS: the worst over seeds) and `loss_finite` (for all
    seeds), of the wrt and dtypes in which anything is not finite or is zero; empty where nothing is.
    """
    seen = of_cells(scores, cells).dropna(subset=["finite", "loss_finite"]).fillna({"spurious": False})
    worst = seen[[*CELL, "data", *RANGE]].astype(dict.fromkeys(RANGE, bool))
    worst["gradient"] = worst["finite"].map({True: "finite", False: "not finite"})
    worst.loc[~worst["finite"] & worst["spurious"], "gradient"] = "spurious"
    worst.loc[worst["finite"] & worst["zero"], "gradient"] = "zero"
    found = cells.merge(worst, on=CELL, how="inner")
    series = ["wrt", "dtype", "shape"]
    failing = found.loc[(found["gradient"] != "finite") | ~found["loss_finite"], series].drop_duplicates()
    return found.merge(failing, on=series, how="inner")


def draw(frontier: pd.DataFrame, methods: style.Methods) -> Figure:
    """A mark for each method and size: the range of the gradient and of the loss. A row of panels for each wrt, dtype
    and run, a column for each kind of data; `frontier` of `frontier_frame`. A place without a mark was not scored.
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
        look = mark | {"linestyle": "none", "markeredgewidth": 0}
        axis.add_line(Line2D(found["size"].to_numpy(), found["row"].to_numpy(), **look))
    lost = places[~places["loss_finite"]]
    axis.add_line(Line2D(lost["size"].to_numpy(), lost["row"].to_numpy(), linestyle="none", **LOSS))


def numbers(frontier: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """On uniform data, for the forms and autograd: the smallest sizes at which the `loss` and a `gradient` are not
    finite (null where all are), and the methods with a `spurious` overflow and with `zero` gradients; first dtype.
    """
    key = layout.panel_keys(frontier)[0]
    of_panel = forms_and_autograd(layout.of_panel(frontier, key))
    of_panel = of_panel[of_panel["data"] == TIMED_DATA]
    lost = {"loss": of_panel[~of_panel["loss_finite"]], "gradient": of_panel[~of_panel["finite"]]}
    firsts = {name: rows["size"].min() if len(rows) else None for name, rows in lost.items()}
    by_mark = {name: of_panel[of_panel["gradient"] == name] for name in ("spurious", "zero")}
    return {"where": key, **firsts, **{name: list(rows["method"].unique()) for name, rows in by_mark.items()}}


overflow_frontier = FigureEntry(
    "overflow",
    "Overflow frontier",
    "The worst of the seeds. Empty: not measured. Cross: the method overflowed although the exact value is "
    "representable. Triangle: every entry of the gradient is 0 although the true gradient is not.",
    frontier_frame,
    draw,
    numbers,
)
