"""Error against size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import layout, style
from bench.schema import DATA, TIMED_DATA


@style.theme()
def error_against_size(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """Relative error ‖g − g*‖/‖g*‖ (Frobenius) against size: the median over seeds, the bar their range.

    `scores` (of `analysis.frames.error_summary`) are of one problem and configuration. The first panel is on uniform
    data; then come its other kinds of data, then every other wrt and dtype on uniform data. The dashed line is the
    dtype's unit roundoff u = 2⁻ᵖ, the dotted one √n·u, on uniform data alone: what cancels on the others is no rounding
    in the last product. A gradient that is finite for no seed, or exact, is counted along the top.
    """
    looks = style.styles(methods)
    drawn = scores[scores["rel_fro"] > 0]
    keys = layout.panel_keys(scores[scores["data"] == TIMED_DATA])
    others = [data for data in DATA if data != TIMED_DATA and data in set(layout.of_panel(drawn, keys[0])["data"])]
    panels = [(keys[0], TIMED_DATA), *((keys[0], data) for data in others), *((key, TIMED_DATA) for key in keys[1:])]
    figure, axes = layout.panels(len(panels), share_y=False)
    for axis, (key, data) in zip(axes, panels, strict=True):
        of_panel = layout.of_panel(scores[scores["data"] == data], key)
        for method, curve in layout.of_panel(drawn[drawn["data"] == data], key).sort_values("size").groupby("method"):
            arms = layout.bars(curve["rel_fro_low"], curve["rel_fro"], curve["rel_fro_high"])
            axis.errorbar(curve["size"], curve["rel_fro"], arms, elinewidth=1, **looks[str(method)].line)
        sizes, finite = sorted(set(of_panel["size"])), sorted(set(of_panel.loc[of_panel["finite_seeds"] > 0, "size"]))
        layout.roundoff(axis, key[1], finite[-1] if finite and finite[-1] < sizes[-1] else None)
        if data == TIMED_DATA:
            layout.growth(axis, key[1], finite)
        layout.not_drawn(axis, of_panel[~of_panel.index.isin(drawn.index)])
        layout.size_axis(axis, sizes, large=axis is axes[0])
        layout.log_ticks(axis.yaxis, layout.power_of_ten)
        axis.set_title(layout.panel_title(key if data == TIMED_DATA else (key[0], f"{data} data")))
    axes[0].set_title(layout.panel_title((*keys[0], f"{TIMED_DATA} data")))
    axes[0].set_ylabel("relative error of the gradient (no unit)")
    counts = {"not finite": (scores["finite_seeds"] == 0).sum(), "exact": (scores["rel_fro"] == 0).sum()}
    failed = {name: int(count) for name, count in counts.items() if count}
    style.legend(figure, methods, list(scores["method"]), layout.missing("an error to draw", failed))
    return figure
