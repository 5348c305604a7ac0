"""Speed against error: the study's question in one figure."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured, timed_and_scored
from gradiometer.analysis.drawing.pareto import on_front
from gradiometer.analysis.frames import timed
from gradiometer.analysis.text import counted
from gradiometer.storage.schema import DTYPES

MOST_PANELS = 7
RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 10,
    "markerfacecolor": "none",
    "markeredgecolor": style.INK,
    "markeredgewidth": 0.8,
}


def _points(cells: pd.DataFrame) -> pd.DataFrame:
    """The timed and scored cells of the first wrt and shape, largest size first, with `front`: on the Pareto front of
    their size and dtype.
    """
    found = timed(layout.of_first(cells))
    found = found[found["rel_fro"] > 0].sort_values("size", ascending=False, kind="stable")
    front = [on_front(of_case) for _, of_case in found.groupby(["size", "dtype"])]
    return found.assign(front=pd.concat(front) if front else pd.Series(dtype=bool))


@style.figure
def speed_against_error(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Relative error against time of a call, both logarithmic: to the left is faster, below is more precise.

    A panel per size, the largest first, of the first wrt; every dtype in one, its unit roundoff as a dashed line.
    `cells` (of `frames.with_error`) are of one problem and configuration. Bars are the time's 95 % interval
    and the error's range over seeds; a ring marks the methods on the Pareto front of their dtype (`pareto.on_front`).
    """
    looks = style.styles(methods)
    of_wrt, points = layout.of_first(cells), _points(cells)
    shown = set(points["method"])
    sizes = list(dict.fromkeys(points["size"]))[:MOST_PANELS]
    points = points[points["size"].isin(sizes)]
    figure, axes = layout.panels(
        max(len(sizes), 1), legend.height(methods, shown), share_y=True, beside=layout.NAMES, named=True
    )
    errors = points[["rel_fro", "rel_fro_low", "rel_fro_high"]].to_numpy().ravel()
    roundoffs = [DTYPES[dtype].unit_roundoff for dtype in set(points["dtype"]) & set(DTYPES)]
    layout.log_scale(axes, "y", [*errors, *roundoffs], layout.power_of_ten)
    for axis, size in zip(axes, sizes, strict=False):
        of_size = points[points["size"] == size]
        times = of_size[["time_s", "time_low_s", "time_high_s"]].to_numpy().ravel()
        layout.log_scale([axis], "x", times, layout.time_tick)
        _draw(axis, of_size, looks)
        dtypes = layout.by_dtype(of_size["dtype"])
        annotate.name_ends(axis, [end for dtype in dtypes for end in annotate.roundoff(axis, dtype)])
        axis.set_xlabel("time of a call (s, ms, µs)", fontsize=9 if axis is axes[0] else 8)
        axis.set_title(layout.panel_title([str(of_size["wrt"].iloc[0]), str(of_size["shape"].iloc[0]), f"n = {size}"]))
    axes[0].set_ylabel("relative error of the gradient (no unit)")
    scorable = of_wrt[of_wrt["dtype"].isin(set(points["dtype"])) & of_wrt["size"].isin(sizes)]
    absent = scorable[~scorable.index.isin(points.index)]
    failed = annotate.reasons(absent.assign(status=absent["status"].replace("ok", "nonfinite")))
    note = f"not drawn: {counted(failed)}" if failed else ""
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def _draw(axis: Axes, points: pd.DataFrame, looks: dict[str, style.Style]) -> None:
    colors = [looks[name].color for name in points["method"]]
    annotate.bars(axis, points["rel_fro"], points["time_low_s"], points["time_high_s"], colors, horizontal=True)
    annotate.bars(axis, points["time_s"], points["rel_fro_low"], points["rel_fro_high"], colors)
    for method, rows in points.groupby("method", sort=False):
        axis.add_line(Line2D(*_places(rows), **looks[str(method)].line | {"linestyle": "none"}))
    front = points[points["front"]]
    axis.add_line(Line2D(*_places(front), linestyle="none", zorder=6, label="Pareto front", **RING))


def _places(points: pd.DataFrame) -> Any:
    return points[["time_s", "rel_fro"]].to_numpy().T


def reading(cells: pd.DataFrame, methods: style.Methods) -> str:
    """Which methods are on the Pareto front at the largest size; first wrt and dtype."""
    points = _points(cells)
    dtype = layout.by_dtype(points["dtype"])[0]
    of_dtype = points[points["dtype"] == dtype]
    case = of_dtype[of_dtype["size"] == of_dtype["size"].max()]
    key, size = layout.panel_keys(case)[0], case["size"].iloc[0]
    front = case[case["front"]]
    if len(case) == 1:
        return f"For {words.where(key)} at n = {size}, {words.names(case['method'])} alone has a time and an error."
    if len(front) == len(case):
        return f"For {words.where(key)} at n = {size}, none of the {len(case)} methods is beaten by another."
    who = words.names(front.sort_values("time_s")["method"])
    unbeaten = f"{who} {'is' if len(front) == 1 else 'are'} beaten by no other in time and error"
    return f"For {words.where(key)} at n = {size}, of {len(case)} methods {unbeaten}."


SPEED_ERROR = Figured(
    "speed_error",
    "Speed against error",
    "Left is faster, below is more precise. Dashed: unit roundoff u of each dtype (u f32: of float32). Bars: 95 % "
    "interval of the time, range of the error over seeds. Ringed: on the Pareto front of its dtype, as no other method "
    "is told apart as better in one of the two and is no worse in the other.",
    timed_and_scored,
    speed_against_error,
    reading,
)
