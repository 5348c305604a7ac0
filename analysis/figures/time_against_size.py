"""Time against size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry, timed_or_not
from gradiometer.analysis.frames import forms_and_autograd, timed
from gradiometer.analysis.insights.scaling import tail_exponents

SLOPES = {2: "n²", 3: "n³"}


def draw(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Time of a call against size, with its 95 % interval as a band. A panel for each wrt, dtype and run.

    Along the top, ×k counts the methods without a time.
    """
    looks = style.styles(methods)
    measured = timed(cells)
    keys, shown = layout.panel_keys(cells), set(measured["method"])
    figure, axes = layout.panels(len(keys), legend.height(methods, shown), share_y=True, beside=layout.ENDS)
    names = ("time_s", "time_low_s", "time_high_s")
    room = measured["time_s"].min() / 2  # for the lines of n² and n³
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
    """Thin lines of slope n² and n³ below the curves (`fastest`, by size), which meet at the largest size."""
    bottom, sizes = axis.get_ylim()[0], fastest.index.to_numpy(float)
    largest = sizes[-1]
    start = 0.7 * float((fastest * (largest / sizes) ** 2).min())
    if len(sizes) < 2 or start <= bottom:
        return
    ends = {power: max(sizes[0], largest * (bottom / start) ** (1 / power)) for power in SLOPES}
    if np.log2(ends[3] / ends[2]) < 0.5:  # too close to be named
        return
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "bottom"}
    for power, name in SLOPES.items():
        end = ends[power]
        y = start * (end / largest) ** power
        axis.add_line(Line2D([end, largest], [y, start], label=name, **annotate.DOTTED))
        axis.annotate(name, (end, y), (-3, 2), fontsize=7.5, color=style.MUTED, **place)


def numbers(cells: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`exponents`: method → exponent of n over the largest sizes, with its interval, of the forms and autograd, between
    the sizes `start` and `stop`. Where none can be fitted, `shortest`: method, size and time with its interval.
    """
    key = layout.panel_keys(cells)[0]
    found = forms_and_autograd(layout.of_panel(timed(cells), key))
    grown = tail_exponents(found) if len(found) else found
    if len(grown):
        last = grown[grown["size_to"] == grown["size_to"].max()]
        powers = zip(last["exponent"], last["exponent_low"], last["exponent_high"], strict=True)
        exponents = dict(zip(last["method"], powers, strict=True))
        return {"where": key, "exponents": exponents, "start": last["size_from"].min(), "stop": last["size_to"].iloc[0]}
    if found.empty:
        return {"where": key}
    best = found[found["size"] == found["size"].max()].sort_values("time_s").iloc[0]
    names = ("method", "size", "time_s", "time_low_s", "time_high_s")
    return {"where": key, "shortest": {name: best[name] for name in names}}


time_against_size = FigureEntry(
    "time",
    "Time against size",
    "Time of one call less the time of an empty call. Bands: 95 % interval over processes; not drawn where it is "
    "narrower than the line. Dotted: slopes of n² and n³.",
    timed_or_not,
    draw,
    numbers,
)
