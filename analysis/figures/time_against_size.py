"""Time against size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import layout, style
from analysis.frames import timed


@style.theme()
def time_against_size(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Time of a call against size, both logarithmic, a line per method with its 95 % interval; a panel per wrt, dtype.

    `cells` are of one problem and configuration. A cell without a time is a × at the top.
    """
    looks = style.styles(methods)
    keys = layout.panel_keys(cells)
    figure, axes = layout.panels(len(keys), share_y=True)
    measured = timed(cells)
    for axis, key in zip(axes, keys, strict=True):
        of_panel = layout.of_panel(cells, key)
        for method, curve in layout.of_panel(measured, key).sort_values("size").groupby("method", sort=False):
            arms = layout.bars(curve["time_low_s"], curve["time_s"], curve["time_high_s"])
            axis.errorbar(curve["size"], curve["time_s"], arms, elinewidth=1, **looks[str(method)].line)
        layout.not_drawn(axis, of_panel[~of_panel.index.isin(measured.index)])
        layout.size_axis(axis, sorted(set(of_panel["size"])), large=axis is axes[0])
        layout.log_ticks(axis.yaxis, layout.time_tick)
        axis.set_title(layout.panel_title(key))
    axes[0].set_ylabel("time of a call (s, ms, µs)")
    missing = cells[~cells.index.isin(measured.index)]
    style.legend(figure, methods, list(cells["method"]), layout.missing("a time", layout.reasons(missing)))
    return figure
