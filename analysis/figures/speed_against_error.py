"""Speed against error: the study's question in one figure."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import layout, style
from analysis.frames import timed
from analysis.text import counted

MOST_PANELS = 7
SIDES = {"bfloat16": "bottom", "float16": "top"}
"""The halves' lines are close where float64 is drawn too, so their names keep apart."""


@style.theme()
def speed_against_error(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Relative error against time of a call, both logarithmic: to the left is faster, below is more precise.

    A panel per size, the largest first, of the first wrt; every dtype in one, its unit roundoff as a dashed line.
    `cells` (of `analysis.frames.with_error`) are of one problem and configuration. Bars are the time's 95 % interval
    and the error's range over seeds.
    """
    looks = style.styles(methods)
    wrt, _, shape = layout.panel_keys(cells)[0]
    of_wrt = cells[(cells["wrt"] == wrt) & (cells["shape"] == shape)]
    points = timed(of_wrt)
    points = points[points["rel_fro"] > 0]
    sizes = sorted(set(points["size"]), reverse=True)[:MOST_PANELS]
    figure, axes = layout.panels(max(len(sizes), 1), share_y=True)
    for axis, size in zip(axes, sizes, strict=False):
        axis.set_xscale("log")
        of_size = points[points["size"] == size]
        for method, row in of_size.groupby("method", sort=False):
            axis.errorbar(
                row["time_s"], row["rel_fro"],
                xerr=layout.bars(row["time_low_s"], row["time_s"], row["time_high_s"]),
                yerr=layout.bars(row["rel_fro_low"], row["rel_fro"], row["rel_fro_high"]),
                elinewidth=0.8, **looks[str(method)].line | {"linestyle": "none"},
            )  # fmt: skip
        for dtype in layout.by_dtype(of_size["dtype"].tolist()):
            layout.roundoff(axis, dtype, side=SIDES.get(dtype, "center"))
        layout.log_ticks(axis.xaxis, layout.time_tick)
        axis.set_xlabel("time of a call (s, ms, µs)")
        layout.log_ticks(axis.yaxis, layout.power_of_ten)
        axis.set_title(layout.panel_title([wrt, shape, f"n = {size}"]))
    axes[0].set_ylabel("relative error of the gradient (no unit)")
    scorable = of_wrt[of_wrt["dtype"].isin(set(points["dtype"]))]
    absent = scorable[~scorable.index.isin(points.index)]
    failed = layout.reasons(absent.assign(status=absent["status"].replace("ok", "nonfinite")))
    style.legend(figure, methods, list(points["method"]), f"not drawn: {counted(failed)}" if failed else "")
    return figure
