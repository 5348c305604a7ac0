"""Time against size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured, timed_or_not
from gradiometer.analysis.frames import timed
from gradiometer.analysis.insights.scaling import tail_exponents
from gradiometer.analysis.text import exponent, seconds

SLOPES = {2: "n²", 3: "n³"}


@style.figure
def time_against_size(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Time of a call against size, both logarithmic, a line per method with its 95 % interval; a panel per wrt, dtype.

    `cells` are of one problem and configuration. Where methods have no time, ×k counts them along the top.
    """
    looks = style.styles(methods)
    measured = timed(cells)
    keys, shown = layout.panel_keys(cells), set(measured["method"])
    figure, axes = layout.panels(len(keys), legend.height(methods, shown), share_y=True, beside=layout.ENDS)
    names = ("time_s", "time_low_s", "time_high_s")
    room = measured["time_s"].min() / 2  # for what n² and n³ look like
    layout.log_scale(axes, "y", [room, *measured[list(names)].to_numpy().ravel()], layout.time_tick)
    for axis, key in zip(axes, keys, strict=True):
        of_panel, found = layout.of_panel(cells, key), layout.of_panel(measured, key)
        large = axis is axes[0]
        sizes = sorted(set(of_panel["size"]))
        layout.size_axis(axis, sizes, crowd=10 if large else 5)
        annotate.curves(axis, found, names, looks)
        if large and len(found):
            _slopes(axis, found.groupby("size")["time_s"].min())
            annotate.name_ends(axis, annotate.ends_of(found, "time_s", methods, looks))
        annotate.not_drawn(axis, of_panel[~of_panel.index.isin(measured.index)])
        axis.set_title(layout.panel_title(key))
    axes[0].set_ylabel("time of a call (s, ms, µs)")
    missing = annotate.reasons(cells[~cells.index.isin(measured.index)])
    legend.draw(figure, methods, shown, annotate.missing("a time", missing), layout.LEFT)
    return figure


def _slopes(axis: Axes, fastest: pd.Series[float]) -> None:
    """What n² and n³ look like: thin lines below the curves (`fastest`, by size) that meet at the largest size."""
    bottom, sizes = axis.get_ylim()[0], fastest.index.to_numpy(float)
    largest = sizes[-1]
    start = 0.7 * float((fastest * (largest / sizes) ** 2).min())
    if len(sizes) < 2 or start <= bottom:
        return
    ends = {power: max(sizes[0], largest * (bottom / start) ** (1 / power)) for power in SLOPES}
    if np.log2(ends[3] / ends[2]) < 0.5:  # too near to be told apart and named
        return
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "bottom"}
    for power, name in SLOPES.items():
        end = ends[power]
        y = start * (end / largest) ** power
        axis.add_line(Line2D([end, largest], [y, start], label=name, **annotate.DOTTED))
        axis.annotate(name, (end, y), (-3, 2), fontsize=7.5, color=style.MUTED, **place)


def reading(cells: pd.DataFrame, methods: style.Methods) -> str:
    """How the forms' and autograd's times grow over the largest sizes, of the first wrt and dtype."""
    key = layout.panel_keys(cells)[0]
    found = words.own(layout.of_panel(timed(cells), key))
    if found.empty:
        return words.nothing("a time", key)
    grown = tail_exponents(found)
    if len(grown):
        largest = grown["size_to"].max()
        of_tail = grown[grown["size_to"] == largest]
        powers = zip(
            of_tail["method"], of_tail["exponent"], of_tail["exponent_low"], of_tail["exponent_high"], strict=True
        )
        parts = [f"{exponent(*power)} ({words.names([name])})" for name, *power in powers]
        since = f"from n = {of_tail['size_from'].min()} to {largest}"
        return f"For {words.where(key)}, {since}, time grows as n to the power {words.names(parts, most=len(parts))}."
    of_size = found[found["size"] == found["size"].max()].sort_values("time_s")
    best, size = of_size.iloc[0], of_size["size"].iloc[0]
    level = of_size.iloc[1:][~(of_size.iloc[1:]["time_low_s"] > best["time_high_s"])]
    apart = f", not told apart from that of {words.names(level['method'], 'or')}" if len(level) else ""
    time = seconds(best["time_s"], best["time_low_s"], best["time_high_s"])
    least = "the shortest time" if len(of_size) > 1 else "the time"
    return f"For {words.where(key)}, {least} at n = {size} is {time} ({words.names([best['method']])}){apart}."


TIME = Figured(
    "time",
    "Time against size",
    "Time of one call, less that of an empty call. Bands: 95 % interval over processes, where it is wider than the "
    "line. Dotted: how n² and n³ grow.",
    timed_or_not,
    time_against_size,
    reading,
)
