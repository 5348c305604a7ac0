"""Errors of the gradient's entries in units in the last place (ULP) against size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.frames import error_summary, forms_and_autograd
from gradiometer.analysis.text import number
from gradiometer.storage.schema import TIMED_DATA


def ulp_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """The `scores` of the forms and autograd on uniform data, of the first wrt; empty where none has one in ULP."""
    if scores.empty:
        return scores
    found = forms_and_autograd(scores[(scores["data"] == TIMED_DATA) & (scores["wrt"] == scores["wrt"].iloc[0])])
    return found if (found["ulp_max"] > 0).any() else found.head(0)


def draw(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """ULP error of the gradient's entries against size: a band from the median entry to the 99th percentile, and the
    worst entry of all seeds as a dotted line. A panel for each dtype and run; `scores` of `ulp_frame`.
    """
    looks = style.styles(methods)
    drawn, shown = scores[scores["ulp_max"] > 0], set(scores["method"])
    keys = layout.panel_keys(scores)
    figure, axes = layout.panels(
        len(keys), legend.height(methods, shown), share_y=False, beside=layout.NAMES, named=True
    )
    for axis, key in zip(axes, keys, strict=True):
        of_panel, found = layout.of_panel(scores, key), layout.of_panel(drawn, key)
        layout.size_axis(axis, sorted(set(of_panel["size"])), crowd=10 if axis is axes[0] else 5)
        values = found[["ulp_p50", "ulp_p99", "ulp_max"]].to_numpy().ravel()
        layout.log_scale([axis], "y", [0.5, *values], lambda ulp: number(ulp, 1))
        bands = found.assign(high=found["ulp_p99"].where(found["ulp_p99"] > 0))
        bands["low"] = bands["ulp_p50"].where(bands["ulp_p50"] > 0, bands["high"])
        annotate.curves(axis, bands, ("low", "low", "high"), looks)
        for method, curve in bands.sort_values("size").groupby("method", sort=False):
            look = looks[str(method)]
            size, high, worst = (curve[name].to_numpy() for name in ("size", "high", "ulp_max"))
            thin = {"linestyle": (0, (1, 1.6)), "linewidth": 1.1, "markersize": 0.6 * look.markersize}
            axis.add_line(Line2D(size, high, color=look.color, linewidth=0.8, zorder=look.zorder))
            axis.add_line(Line2D(size, worst, **look.line | thin))
        axis.axhline(0.5, **annotate.DASHED)
        annotate.name_ends(axis, [annotate.End(0.5, "½ ULP")])
        annotate.not_drawn(axis, of_panel[~of_panel.index.isin(drawn.index)])
        axis.set_title(layout.panel_title(key))
    axes[0].set_ylabel("error of an entry (ULP)")
    parts = [
        Line2D([], [], color=style.MUTED, marker="o", markersize=5, linewidth=1.2, label="median entry"),
        Patch(color=style.MUTED, alpha=0.25, linewidth=0, label="to the 99th percentile"),
        Line2D([], [], color=style.MUTED, linestyle=(0, (1, 1.6)), marker="o", markersize=3, label="worst entry"),
    ]
    axes[0].legend(handles=parts, loc="upper left", fontsize=8, frameon=False)
    note = annotate.missing("an error to draw", annotate.without_error(scores, "ulp_max"))
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def numbers(scores: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`half`, `most`, `all`: errors in ULP that bound half, 99 % and all of the entries at the largest `size`, for
    every one of the `methods`; first dtype.
    """
    found = scores[scores["ulp_max"] > 0]
    key, of_panel = layout.first_panel(found)
    at_size = of_panel[of_panel["size"] == of_panel["size"].max()]
    bounds = {name: at_size[f"ulp_{column}"].max() for name, column in zip(_BOUNDS, ("p50", "p99", "max"), strict=True)}
    return {"where": key, "size": at_size["size"].iloc[0], "methods": list(at_size["method"]), **bounds}


_BOUNDS = ("half", "most", "all")


ulp_quantiles = FigureEntry(
    "ulp",
    "Error of the entries, in ULP",
    "On uniform data, medians over seeds. Band: from the median entry to the 99th percentile. Dotted: the worst entry "
    "of all seeds. Dashed: ½ ULP, the largest error of one rounding to nearest. Hidden lines coincide with others.",
    lambda cells, scores: ulp_frame(error_summary(cells, scores)),
    draw,
    numbers,
)
