"""The roofline: what calls attain of what the machine can do."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.frames import timed
from gradiometer.analysis.text import number

UNITS = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: ""}


def roofline_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The timed cells of the forms and autograd, of the first wrt and shape, with `flops_per_byte` and `flops_per_s`,
    and the peak_rates `peak` and `bandwidth` (flops and bytes per second); those whose peak_rates are known.
    """
    found = words.own(timed(layout.of_first(cells)))
    found = found.assign(
        flops_per_byte=found["flops"] / found["bytes"],
        flops_per_s=found["flops"] / found["time_s"],
        peak=found["flops"] / found["flops_limit_s"],
        bandwidth=found["bytes"] / found["bytes_limit_s"],
    )
    known = found[["peak", "bandwidth", "flops_per_byte"]].gt(0).all(axis=1)
    kept: pd.DataFrame = found[known]
    return kept


@style.figure
def roofline(points: pd.DataFrame, methods: style.Methods) -> Figure:
    """Attained flops per second against flops per byte of inputs and gradient, a line per method over its sizes, under
    the machine's measured peak_rates; a panel per dtype. S. Williams, A. Waterman & D. Patterson, "Roofline", Commun. ACM
    52(4), 2009. `points` of `roofline_frame`, of one problem and configuration.
    """
    looks, shown = style.styles(methods), set(points["method"])
    keys = layout.panel_keys(points)
    figure, axes = layout.even_panels(len(keys), legend.height(methods, shown), beside=2 * layout.NAMES)
    layout.log_scale(
        axes, "x", [*points["flops_per_byte"], points["flops_per_byte"].min() / 4], lambda value: number(value, 1)
    )
    layout.log_scale(axes, "y", [*points["flops_per_s"], *points["peak"]], lambda rate: _rate(rate, 1))
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
    """The peak, and for each bandwidth that a cell's bytes are judged by the line on which memory limits."""
    (left, right), bottom = axis.get_xlim(), axis.get_ylim()[0]
    peak = float(of_panel["peak"].median())
    bandwidths = sorted(set(of_panel["bandwidth"].round(-6)), reverse=True)
    wide, tall = layout.inches(axis)
    slope = math.degrees(math.atan2(tall / math.log(axis.get_ylim()[1] / bottom), wide / math.log(right / left)))
    for bandwidth in bandwidths:
        ends = [max(left, bottom / bandwidth), min(right, peak / bandwidth)]
        axis.add_line(Line2D(ends, [bandwidth * end for end in ends], **annotate.LINE))
    axis.add_line(Line2D([max(left, peak / bandwidths[0]), right], [peak, peak], **annotate.LINE))
    annotate.name_ends(axis, [annotate.End(peak, f"{_rate(peak)}flop/s")])
    # Named are the widest, above its line, and the narrowest, below: those between stand too close.
    named = [(bandwidths[0], "bottom", 2), (bandwidths[-1], "top", -3)]
    for bandwidth, side, shift in named[: len(bandwidths)]:
        x = max(left, bottom / bandwidth) * 1.25
        axis.annotate(
            f"{_rate(bandwidth)}B/s", (x, x * bandwidth), (0, shift), textcoords="offset points", rotation=slope,
            rotation_mode="anchor", va=side, fontsize=7.5, color=style.MUTED,
        )  # fmt: skip


def _rate(value: float, digits: int = 3) -> str:
    """`67.1 G`, to be followed by a unit."""
    scale = max((unit for unit in UNITS if value >= unit), default=1.0)
    return f"{number(value / scale, digits)} {UNITS[scale]}"


def reading(points: pd.DataFrame, methods: style.Methods) -> str:
    """Which call comes nearest to its peak rate, and how near the calls at the smallest size come; first wrt."""
    key = layout.panel_keys(points)[0]
    of_panel = layout.of_panel(points, key)
    best = of_panel.sort_values("limit_share").iloc[-1]
    small = of_panel[of_panel["size"] == of_panel["size"].min()]
    kind = {"flops": "the peak rate of computing", "bytes": "the bandwidth of memory"}[str(best["limited_by"])]
    beyond = ", above the peak rate as measured" if best["limit_share"] > 1 else ""
    nearest = (
        f"{words.names([best['method']])} at n = {best['size']} comes nearest to what limits it, {kind}: "
        f"{_percent(best['limit_share'])} of it{beyond}"
    )
    if of_panel["size"].nunique() == 1:
        return f"For {words.where(key)}, {nearest}."
    least = f"at n = {small['size'].iloc[0]} no call attains more than {_percent(small['limit_share'].max())}"
    return f"For {words.where(key)}, {nearest}; {least}."


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)} %"


ROOFLINE = Figured(
    "roofline",
    "Roofline",
    "The peak_rates are this machine's, measured: the rate of a large matrix product, flat, and the bandwidths of copies "
    "no smaller than what a call of some size touches, rising. Bytes are those of the inputs and the gradient, each "
    "moved once: a call that moves intermediate results too cannot reach the rising lines.",
    roofline_frame,
    roofline,
    reading,
)
