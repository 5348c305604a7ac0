"""The roofline: attained rates against the measured peak rates of the machine."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.frames import forms_and_autograd, timed
from gradiometer.analysis.text import number

UNITS = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: ""}


def roofline_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The timed cells of the forms and autograd, of the first wrt and shape, for which peak rates were measured, with
    `flops_per_byte`, `flops_per_s`, `peak` (flops per second) and `bandwidth` (bytes per second).
    """
    found = forms_and_autograd(timed(layout.of_first(cells)))
    found = found.assign(
        flops_per_byte=found["flops"] / found["bytes"],
        flops_per_s=found["flops"] / found["time_s"],
        peak=found["flops"] / found["flops_limit_s"],
        bandwidth=found["bytes"] / found["bytes_limit_s"],
    )
    known = found[["peak", "bandwidth", "flops_per_byte"]].gt(0).all(axis=1)
    kept: pd.DataFrame = found[known]
    return kept


def draw(points: pd.DataFrame, methods: style.Methods) -> Figure:
    """Attained flops per second against flops per byte of inputs and gradient, a line for each method over its sizes,
    with the measured peak rates of the machine (S. Williams, A. Waterman & D. Patterson, "Roofline", Commun. ACM 52(4),
    2009). A panel for each dtype and run; `points` of `roofline_frame`.
    """
    looks, shown = style.styles(methods), set(points["method"])
    keys = layout.panel_keys(points)
    figure, axes = layout.even_panels(len(keys), legend.height(methods, shown), beside=layout.RIGHT)
    intensities = [*points["flops_per_byte"], points["flops_per_byte"].min() / 4]
    rates = [*points["flops_per_s"], *points["peak"], 1.6 * points["peak"].max()]
    layout.log_scale(axes, "x", intensities, lambda value: number(value, 1))
    layout.log_scale(axes, "y", rates, lambda rate: _rate(rate, 1))
    for axis, key in zip(axes, keys, strict=True):
        of_panel = layout.of_panel(points, key)
        _peak_rates(axis, of_panel)
        for method, curve in of_panel.sort_values("size").groupby("method", sort=False):
            look = looks[str(method)].line | {"linewidth": 1.2}
            axis.add_line(Line2D(*curve[["flops_per_byte", "flops_per_s"]].to_numpy().T, **look))
        sizes = f"n = {of_panel['size'].min()} to {of_panel['size'].max()}"
        axis.set_title(layout.panel_title([*key, sizes if of_panel["size"].nunique() > 1 else sizes.split(" to")[0]]))
        axis.set_xlabel("flops per byte of inputs and gradient")
    for axis in axes[::2]:
        axis.set_ylabel("attained flop/s")
    note = "sizes grow along each line"
    legend.draw(figure, methods, shown, note if points["size"].nunique() > 1 else "", layout.LEFT)
    return figure


def _peak_rates(axis: Axes, of_panel: pd.DataFrame) -> None:
    """The measured peak rate of computing as a flat line, and each measured bandwidth as a rising line."""
    (left, right), bottom = axis.get_xlim(), axis.get_ylim()[0]
    peak = float(of_panel["peak"].median())
    bandwidths = sorted(set(of_panel["bandwidth"].round(-6)), reverse=True)
    wide, tall = layout.inches(axis)
    slope = math.degrees(math.atan2(tall / math.log(axis.get_ylim()[1] / bottom), wide / math.log(right / left)))
    for bandwidth in bandwidths:
        ends = [max(left, bottom / bandwidth), min(right, peak / bandwidth)]
        axis.add_line(Line2D(ends, [bandwidth * end for end in ends], **annotate.LINE))
    axis.add_line(Line2D([max(left, peak / bandwidths[0]), right], [peak, peak], **annotate.LINE))
    axis.annotate(
        f"measured peak rate {_rate(peak)}flop/s", (right, peak), (-2, 2), textcoords="offset points", ha="right",
        va="bottom", fontsize=7.5, color=style.MUTED,
    )  # fmt: skip
    # Only the highest bandwidth (above its line) and the lowest (below) are named: the others are too close together.
    named = [(bandwidths[0], "bottom", 2), (bandwidths[-1], "top", -3)]
    for bandwidth, side, shift in named[: len(bandwidths)]:
        x = max(left, bottom / bandwidth) * 1.25
        axis.annotate(
            f"{_rate(bandwidth)}B/s", (x, x * bandwidth), (0, shift), textcoords="offset points", rotation=slope,
            rotation_mode="anchor", va=side, fontsize=7.5, color=style.MUTED,
        )  # fmt: skip


def _rate(value: float, digits: int = 3) -> str:
    """`67.1 G`, before a unit."""
    scale = max((unit for unit in UNITS if value >= unit), default=1.0)
    return f"{number(value / scale, digits)} {UNITS[scale]}"


def numbers(points: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """The call nearest to its limit: `method`, `size`, `share` of the peak rate that limits it (`limited_by`: flops,
    bytes); `smallest`: the smallest size, and `most`, the largest share there, null where there is one size only.
    """
    key, of_panel = layout.first_panel(points)
    best = of_panel.sort_values("limit_share").iloc[-1]
    found = {"where": key, "method": best["method"], "size": best["size"], "share": best["limit_share"]}
    small = of_panel[of_panel["size"] == of_panel["size"].min()]
    most = small["limit_share"].max() if len(small) < len(of_panel) else None
    return found | {"limited_by": best["limited_by"], "smallest": small["size"].iloc[0], "most": most}


roofline = FigureEntry(
    "roofline",
    "Roofline",
    "Lines: peak rates measured on this machine, the best of the kernels that were tried: computing (flat) and memory "
    "bandwidth (rising). They are no upper bounds: a call above a line is faster than every kernel that was tried. "
    "Bytes are those of the inputs and the gradient, each moved once; a call that moves intermediate results as well "
    "cannot reach the rising lines.",
    roofline_frame,
    draw,
    numbers,
)
