"""Error in units in the last place against size: how it is spread over the gradient's entries."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures import layout, style
from analysis.text import number
from bench.schema import BASELINE, TIMED_DATA


def ulp_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """The `scores` of the forms and autograd on uniform data, of the first wrt; empty where none has one in ULP."""
    if scores.empty:
        return scores
    of_first: pd.DataFrame = scores[(scores["data"] == TIMED_DATA) & (scores["wrt"] == scores["wrt"].iloc[0])]
    shown = (of_first["family"] == "analytic") | (of_first["method"] == BASELINE)
    found: pd.DataFrame = of_first[shown]
    return found if (found["ulp_max"] > 0).any() else found.head(0)


@style.theme()
def ulp_quantiles(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """ULP error of the gradient's entries against size: a band from the median entry to the 99th percentile, the worst
    entry of any seed above it as a dotted line. A panel per dtype, of one problem, configuration and wrt
    (`scores` of `ulp_frame`).
    """
    looks = style.styles(methods)
    drawn = scores[scores["ulp_max"] > 0]
    keys = layout.panel_keys(scores)
    figure, axes = layout.panels(len(keys), share_y=False)
    for axis, key in zip(axes, keys, strict=True):
        of_panel = layout.of_panel(scores, key)
        for method, curve in layout.of_panel(drawn, key).sort_values("size").groupby("method"):
            look = looks[str(method)]
            size, worst = curve["size"], curve["ulp_max"]
            upper = curve["ulp_p99"].where(curve["ulp_p99"] > 0)
            lower = curve["ulp_p50"].where(curve["ulp_p50"] > 0, upper)
            axis.fill_between(size, lower, upper, color=look.color, alpha=0.16, linewidth=0, zorder=look.zorder - 2)
            axis.plot(size, lower, **look.line | {"linewidth": 1.2})
            axis.plot(size, upper, color=look.color, linewidth=0.8, zorder=look.zorder)
            thin = {"linestyle": (0, (1, 1.6)), "linewidth": 1.1, "markersize": 0.6 * look.markersize}
            axis.plot(size, worst, **look.line | thin)
        axis.axhline(0.5, color="#777777", linewidth=0.9, linestyle=(0, (5, 3)), zorder=1.5)
        layout.named(axis, 0.5, "½ ULP")
        layout.not_drawn(axis, of_panel[~of_panel.index.isin(drawn.index)])
        layout.size_axis(axis, sorted(set(of_panel["size"])), large=axis is axes[0])
        layout.log_ticks(axis.yaxis, lambda ulp: number(ulp, 1))
        axis.set_title(layout.panel_title(key))
    axes[0].set_ylabel("error of an entry (ULP)")
    parts = [
        Line2D([], [], color=style.GREY, marker="o", markersize=5, linewidth=1.2, label="median entry"),
        Patch(color=style.GREY, alpha=0.25, linewidth=0, label="to the 99th percentile"),
        Line2D([], [], color=style.GREY, linestyle=(0, (1, 1.6)), marker="o", markersize=3, label="worst entry"),
    ]
    axes[0].legend(handles=parts, loc="best", fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")
    counts = {"not finite": (scores["finite_seeds"] == 0).sum(), "exact": (scores["ulp_max"] == 0).sum()}
    failed = {name: int(count) for name, count in counts.items() if count}
    style.legend(figure, methods, list(scores["method"]), layout.missing("an error to draw", failed))
    return figure
