"""Local slopes: how steeply time grows between every two successive sizes, and where that changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.frames import SERIES
from gradiometer.analysis.insights.scaling import local_exponents
from gradiometer.analysis.text import exponent

THEORY = (0, 1, 2, 3)


def slopes_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The local exponents (`scaling.local_exponents`) of the forms and autograd, of the first wrt and shape,
    with `breaks`: is the exponent of the interval before, from the same curve, apart from this one?

    It is where their 95 % intervals do not overlap. The two share the time at the size between them, so their errors
    are dependent; but the half-width of a difference is at most the sum of both half-widths whatever the dependence,
    so what is called a break here is one at 95 % at least, each by itself.
    """
    of_first = layout.of_first(cells) if len(cells) else cells
    found = local_exponents(words.own(of_first))
    before = found.groupby([*SERIES, "method"], sort=False)[["size_to", "exponent_low", "exponent_high"]].shift()
    apart = (before["exponent_high"] < found["exponent_low"]) | (before["exponent_low"] > found["exponent_high"])
    return found.assign(breaks=apart & (before["size_to"] == found["size_from"]))


@style.figure
def local_slopes(slopes: pd.DataFrame, methods: style.Methods) -> Figure:
    """The exponent d log t / d log n between every two successive sizes, with its 95 % interval: a step over the sizes
    it is of. Thin lines: the exponents 0 to 3. A ring marks a size at which the exponent changes by more than the
    intervals allow. A panel per dtype; `slopes` of `slopes_frame`, of one problem and configuration.
    """
    looks, shown = style.styles(methods), set(slopes["method"])
    keys = layout.panel_keys(slopes)
    sizes = sorted({*slopes["size_from"], *slopes["size_to"]})
    figure, axes = layout.even_panels(len(keys), legend.height(methods, shown), beside=layout.ENDS)
    low, high = (slopes["exponent"].agg(end) for end in ("min", "max"))
    low = min(-0.4, low - 0.2, max(low - 1, slopes["exponent_low"].min()))  # a band of more than ±1 is cut
    high = max(3.3, high + 0.2, min(high + 1, slopes["exponent_high"].max()))
    for axis, key in zip(axes, keys, strict=True):
        layout.size_axis(axis, sizes, crowd=10)
        axis.set_ylim(low, high)
        powers = range(math.ceil(low), math.floor(high) + 1)
        axis.set_yticks(list(powers), [str(power) for power in powers])
        axis.grid(visible=False, axis="y")
        for power in THEORY:
            axis.axhline(power, **annotate.DASHED)
        of_panel = layout.of_panel(slopes, key)
        _steps(axis, of_panel, looks)
        last = of_panel[of_panel["size_to"] == of_panel["size_to"].max()]
        annotate.name_ends(axis, annotate.ends_of(last.assign(size=last["size_to"]), "exponent", methods, looks))
        axis.set_title(layout.panel_title(key))
    for axis in axes[::2]:
        axis.set_ylabel("local exponent of n")
    legend.draw(figure, methods, shown, "ringed: a break point", layout.LEFT)
    return figure


def _steps(axis: Axes, of_panel: pd.DataFrame, looks: dict[str, style.Style]) -> None:
    bands, colors = [], []
    for method, curve in of_panel.groupby("method", sort=False):
        look = looks[str(method)]
        ends = curve[["size_from", "size_to"]].to_numpy(float)
        axis.add_line(
            Line2D(ends.ravel(), np.repeat(curve["exponent"], 2), color=look.color, linewidth=1.4, zorder=look.zorder)
        )
        middle = np.sqrt(ends.prod(axis=1))
        axis.add_line(Line2D(middle, curve["exponent"].to_numpy(), **look.line | {"linestyle": "none"}))
        for (start, stop), (below, above) in zip(
            ends, curve[["exponent_low", "exponent_high"]].to_numpy(float), strict=True
        ):
            if np.isfinite([below, above]).all():
                bands.append([(start, below), (stop, below), (stop, above), (start, above)])
                colors.append(to_rgba(look.color, 0.2))
        broken = curve[curve["breaks"]]
        halfway = (curve["exponent"] + curve["exponent"].shift())[curve["breaks"]] / 2
        ring: dict[str, Any] = {
            "marker": "o",
            "markersize": 7,
            "markerfacecolor": style.PAPER,
            "markeredgecolor": look.color,
        }
        axis.add_line(
            Line2D(
                broken["size_from"].to_numpy(), halfway.to_numpy(), linestyle="none", zorder=6, label="break", **ring
            )
        )
    axis.add_collection(PolyCollection(bands, facecolors=colors, linewidths=0, zorder=2), autolim=False)


def reading(slopes: pd.DataFrame, methods: style.Methods) -> str:
    """Each method's exponent over the last interval, and the break at which an exponent changes most; first dtype."""
    key = layout.panel_keys(slopes)[0]
    of_panel = layout.of_panel(slopes, key)
    last = of_panel[of_panel["size_to"] == of_panel["size_to"].max()]
    powers = zip(last["method"], last["exponent"], last["exponent_low"], last["exponent_high"], strict=True)
    parts = [f"{exponent(*power)} ({words.names([name])})" for name, *power in powers]
    ends = f"between n = {last['size_from'].min()} and {last['size_to'].iloc[0]}"
    now = f"{ends} time grows as n to the power {words.names(parts, most=len(parts))}"
    step = of_panel["exponent"] - of_panel.groupby("method", sort=False)["exponent"].shift()
    broken = of_panel.assign(step=step.abs())[of_panel["breaks"]].sort_values("step")
    if broken.empty:
        return f"For {words.where(key)}, {now}; no exponent is told apart from the one before it."
    worst = broken.iloc[-1]
    before = of_panel[(of_panel["method"] == worst["method"]) & (of_panel["size_to"] == worst["size_from"])].iloc[0]
    change = f"at n = {worst['size_from']}, from {before['exponent']:.2f} to {worst['exponent']:.2f}"
    return f"For {words.where(key)}, {now}; the largest break is {words.names([worst['method']])}'s {change}."


SLOPES = Figured(
    "slopes",
    "Local slopes",
    "The exponent between successive sizes, log(t₂/t₁) ÷ log(n₂/n₁), with its 95 % interval; near 0 the fixed cost of "
    "a call hides the work. Dashed: exponents 0 to 3. Ringed: a size on whose sides the 95 % intervals are apart.",
    slopes_frame,
    local_slopes,
    reading,
)
