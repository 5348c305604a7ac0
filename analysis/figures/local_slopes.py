"""Local slopes: the exponent of time between successive sizes, and where it changes."""

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

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.frames import SERIES, forms_and_autograd
from gradiometer.analysis.insights.scaling import local_exponents

THEORY = (0, 1, 2, 3)


def slopes_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The local exponents (`scaling.local_exponents`) of the forms and autograd, of the first wrt and shape,
    with `breaks`: whether the exponent differs significantly from the one before it on the same curve.

    It does where their 95 % intervals do not overlap. The two exponents share the time at the size between them, so
    their errors are dependent. The half-width of a difference is at most the sum of both half-widths for every
    dependence, so a break holds at 95 % or more.
    """
    of_first = layout.of_first(cells) if len(cells) else cells
    found = local_exponents(forms_and_autograd(of_first))
    before = found.groupby([*SERIES, "method"], sort=False)[["size_to", "exponent_low", "exponent_high"]].shift()
    apart = (before["exponent_high"] < found["exponent_low"]) | (before["exponent_low"] > found["exponent_high"])
    return found.assign(breaks=apart & (before["size_to"] == found["size_from"]))


def draw(slopes: pd.DataFrame, methods: style.Methods) -> Figure:
    """The exponent d log t / d log n between successive sizes, with its 95 % interval, as steps. A circle marks a size
    at which it changes significantly. A panel for each dtype and run; `slopes` of `slopes_frame`.
    """
    looks, shown = style.styles(methods), set(slopes["method"])
    keys = layout.panel_keys(slopes)
    sizes = sorted({*slopes["size_from"], *slopes["size_to"]})
    figure, axes = layout.even_panels(len(keys), legend.height(methods, shown), beside=layout.ENDS)
    low, high = (slopes["exponent"].agg(end) for end in ("min", "max"))
    low = min(-0.4, low - 0.2, max(low - 1, slopes["exponent_low"].min()))  # bands wider than ±1 are cut off
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
    legend.draw(figure, methods, shown, "circle: the slope changes significantly", layout.LEFT)
    return figure


def _steps(axis: Axes, of_panel: pd.DataFrame, looks: dict[str, style.Style]) -> None:
    bands, colors = [], []
    for method, curve in of_panel.groupby("method", sort=False):
        look = looks[str(method)]
        ends = curve[["size_from", "size_to"]].to_numpy(float)
        steps = np.repeat(curve["exponent"], 2)
        axis.add_line(Line2D(ends.ravel(), steps, color=look.color, linewidth=1.4, zorder=look.zorder))
        middle = np.sqrt(ends.prod(axis=1))
        axis.add_line(Line2D(middle, curve["exponent"].to_numpy(), **look.line | {"linestyle": "none"}))
        intervals = curve[["exponent_low", "exponent_high"]].to_numpy(float)
        for (start, stop), (below, above) in zip(ends, intervals, strict=True):
            if np.isfinite([below, above]).all():
                bands.append([(start, below), (stop, below), (stop, above), (start, above)])
                colors.append(to_rgba(look.color, 0.2))
        broken = curve[curve["breaks"]]
        halfway = (curve["exponent"] + curve["exponent"].shift())[curve["breaks"]] / 2
        look_of_break = {"markerfacecolor": style.PAPER, "markeredgecolor": look.color}
        annotate.hollow(axis, broken["size_from"].to_numpy(), halfway.to_numpy(), "break", **look_of_break)
    axis.add_collection(PolyCollection(bands, facecolors=colors, linewidths=0, zorder=2), autolim=False)


def numbers(slopes: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`exponents`: method → exponent with its interval between the two largest sizes, `start` and `stop`; `change`: the
    largest significant change of an exponent, as method, size, and the exponents `before` and `after` that size.
    """
    key, of_panel = layout.first_panel(slopes)
    last = of_panel[of_panel["size_to"] == of_panel["size_to"].max()]
    powers = zip(last["exponent"], last["exponent_low"], last["exponent_high"], strict=True)
    found: dict[str, Any] = {"where": key, "exponents": dict(zip(last["method"], powers, strict=True))}
    found |= {"start": last["size_from"].min(), "stop": last["size_to"].iloc[0]}
    before = of_panel["exponent"].groupby([of_panel[name] for name in ("run_id", "method")], sort=False).shift()
    broken = of_panel.assign(before=before, step=(of_panel["exponent"] - before).abs())[of_panel["breaks"]]
    if len(broken):
        worst = broken.sort_values("step").iloc[-1]
        change = {"method": worst["method"], "size": worst["size_from"], "after": worst["exponent"]}
        found["change"] = change | {"before": worst["before"]}
    return found


local_slopes = FigureEntry(
    "slopes",
    "Local slopes",
    "The exponent between successive sizes, log(t₂/t₁) ÷ log(n₂/n₁), with its 95 % interval; near 0 the fixed cost of "
    "a call dominates. Dashed: exponents 0 to 3. Circle: the slope changes significantly here.",
    slopes_frame,
    draw,
    numbers,
)
