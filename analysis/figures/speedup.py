"""Speed-up over autograd."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import layout, style
from analysis.frames import timed
from analysis.text import number
from bench.schema import BASELINE


@style.theme()
def speedup(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """autograd's time over the method's against size: above 1 the method is faster. The bar is the 95 % interval of
    their paired ratio; `cells` are of one problem and configuration, a panel per wrt and dtype.
    """
    looks = style.styles(methods)
    others = cells[cells["method"] != BASELINE]
    compared = timed(others)
    compared = compared[compared["ratio"] > 0]
    keys = layout.panel_keys(cells)
    figure, axes = layout.panels(len(keys), share_y=True)
    for axis, key in zip(axes, keys, strict=True):
        axis.axhline(1, color=looks[BASELINE].color if BASELINE in looks else "black", linewidth=1.6, zorder=2.5)
        for method, curve in layout.of_panel(compared, key).sort_values("size").groupby("method", sort=False):
            gain = 1 / curve["ratio"]
            arms = layout.bars(1 / curve["ratio_high"], gain, 1 / curve["ratio_low"])
            axis.errorbar(curve["size"], gain, arms, elinewidth=1, **looks[str(method)].line)
        of_panel = layout.of_panel(others, key)
        layout.not_drawn(axis, of_panel[~of_panel.index.isin(compared.index)])
        layout.size_axis(axis, sorted(set(layout.of_panel(cells, key)["size"])), large=axis is axes[0])
        layout.log_ticks(axis.yaxis, lambda gain: f"{number(gain, 1)}×")
        axis.set_title(layout.panel_title(key))
    axes[0].set_ylabel("speed-up: autograd's time ÷ the method's")
    absent = others[~others.index.isin(compared.index)]
    missing = absent.assign(status=absent["status"].replace("ok", f"as {BASELINE} has no time"))
    style.legend(figure, methods, list(cells["method"]), layout.missing("a ratio", layout.reasons(missing)))
    return figure
