"""Error in units in the last place against size: how it is spread over the gradient's entries."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.frames import error_summary
from gradiometer.analysis.text import number
from gradiometer.storage.schema import TIMED_DATA


def ulp_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """The `scores` of the forms and autograd on uniform data, of the first wrt; empty where none has one in ULP."""
    if scores.empty:
        return scores
    found = words.own(scores[(scores["data"] == TIMED_DATA) & (scores["wrt"] == scores["wrt"].iloc[0])])
    return found if (found["ulp_max"] > 0).any() else found.head(0)


@style.figure
def ulp_quantiles(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """ULP error of the gradient's entries against size: a band from the median entry to the 99th percentile, the worst
    entry of any seed above it as a dotted line. A panel per dtype, of one problem, configuration and wrt
    (`scores` of `ulp_frame`).
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


def reading(scores: pd.DataFrame, methods: style.Methods) -> str:
    """Within how many ULP half, 99 % and all of the entries are at the largest size; first dtype."""
    found = scores[scores["ulp_max"] > 0]
    key = layout.panel_keys(found)[0]
    of_panel = layout.of_panel(found, key)
    size = of_panel["size"].max()
    at_size = of_panel[of_panel["size"] == size]
    half, most, all_of_them = (number(at_size[name].max(), 2) for name in ("ulp_p50", "ulp_p99", "ulp_max"))
    who = words.names(at_size["method"])
    return (
        f"For {words.where(key)} at n = {size}, half of a gradient's entries are within {half} ULP, 99 % within {most} "
        f"and every one within {all_of_them}, whether by {who.replace(' and ', ' or ')}."
        if len(at_size) > 1
        else f"For {words.where(key)} at n = {size}, half of the entries that {who} returns are within {half} ULP, "
        f"99 % within {most} and every one within {all_of_them}."
    )


ULP = Figured(
    "ulp",
    "Error of the entries, in ULP",
    "On uniform data, medians over seeds: the band goes from the median entry to the 99th percentile, the dotted "
    "line is the worst entry of any seed. Dashed: ½ ULP, the most that one rounding to nearest costs. "
    "A line that is not seen lies under another's.",
    lambda cells, scores: ulp_frame(error_summary(cells, scores)),
    ulp_quantiles,
    reading,
)
