"""Speed against error: time and precision of all methods in one figure."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry, timed_and_scored
from gradiometer.analysis.drawing.pareto import on_front
from gradiometer.analysis.frames import timed
from gradiometer.analysis.text import counted
from gradiometer.storage.schema import DTYPES

MOST_PANELS = 7


def _points(cells: pd.DataFrame) -> pd.DataFrame:
    """The timed and scored cells of the first wrt and shape, largest size first, with `front`: whether a method is
    Pareto-optimal at its size and dtype.
    """
    found = timed(layout.of_first(cells))
    found = found[found["rel_fro"] > 0].sort_values("size", ascending=False, kind="stable")
    front = [on_front(of_case) for _, of_case in found.groupby(["run_id", "size", "dtype"])]
    return found.assign(front=pd.concat(front) if front else pd.Series(dtype=bool))


def draw(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Relative error against time of a call, for the first wrt. A panel for each size (the largest first) and run holds
    every dtype, with its unit roundoff as a dashed line.

    `cells` of `frames.with_error`. Bars: 95 % interval of the time and range of the error over seeds. Circles mark the
    methods that are Pareto-optimal in their dtype (`pareto.on_front`).
    """
    looks = style.styles(methods)
    of_wrt, points = layout.of_first(cells), _points(cells)
    shown = set(points["method"])
    runs = list(dict.fromkeys(points["run_id"]))
    panels = [(size, run) for size in dict.fromkeys(points["size"]) for run in runs][:MOST_PANELS]
    sizes = {size for size, _ in panels}
    points = points[points["size"].isin(sizes)]
    figure, axes = layout.panels(
        max(len(panels), 1), legend.height(methods, shown), share_y=True, beside=layout.NAMES, named=True
    )
    errors = points[["rel_fro", "rel_fro_low", "rel_fro_high"]].to_numpy().ravel()
    roundoffs = [DTYPES[dtype].unit_roundoff for dtype in set(points["dtype"]) & set(DTYPES)]
    layout.log_scale(axes, "y", [*errors, *roundoffs], layout.power_of_ten)
    for axis, (size, run) in zip(axes, panels, strict=False):
        of_size = points[(points["size"] == size) & (points["run_id"] == run)]
        times = of_size[["time_s", "time_low_s", "time_high_s"]].to_numpy().ravel()
        layout.log_scale([axis], "x", times, layout.time_tick)
        _draw(axis, of_size, looks)
        dtypes = layout.by_dtype(of_size["dtype"])
        annotate.name_ends(axis, [end for dtype in dtypes for end in annotate.roundoff(axis, dtype)])
        axis.set_xlabel("time of a call (s, ms, µs)", fontsize=9 if axis is axes[0] else 8)
        parts = (of_size["wrt"].iloc[0], of_size["shape"].iloc[0], f"n = {size}", run if len(runs) > 1 else "")
        axis.set_title(layout.panel_title([str(part) for part in parts]))
    axes[0].set_ylabel("relative error of the gradient (no unit)")
    scorable = of_wrt[of_wrt["dtype"].isin(set(points["dtype"])) & of_wrt["size"].isin(sizes)]
    absent = scorable[~scorable.index.isin(points.index)]
    failed = annotate.reasons(absent.assign(status=_why(absent)))
    note = f"not drawn: {counted(failed)}" if failed else ""
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def _why(absent: pd.DataFrame) -> pd.Series[str]:
    """Why cells have no point: the status, or the reason that a timed cell has no error to draw."""
    ok, scored = absent["status"] == "ok", absent["seeds"] > 0
    undefined = scored & absent["rel_fro"].isna() & absent["finite"].eq(True)
    named = absent["status"].mask(absent["rel_fro"] == 0, "exact").mask(ok & undefined, annotate.TRUE_ZERO)
    return named.mask(ok & absent["finite"].eq(False), "nonfinite").mask(ok & ~scored, "not scored")


def _draw(axis: Axes, points: pd.DataFrame, looks: dict[str, style.Style]) -> None:
    colors = [looks[name].color for name in points["method"]]
    annotate.bars(axis, points["rel_fro"], points["time_low_s"], points["time_high_s"], colors, horizontal=True)
    annotate.bars(axis, points["time_s"], points["rel_fro_low"], points["rel_fro_high"], colors)
    for method, rows in points.groupby("method", sort=False):
        axis.add_line(Line2D(*_places(rows), **looks[str(method)].line | {"linestyle": "none"}))
    front = points[points["front"]]
    time_s, error = _places(front)
    annotate.hollow(axis, time_s, error, "Pareto front", markersize=10, markeredgewidth=0.8)


def _places(points: pd.DataFrame) -> Any:
    return points[["time_s", "rel_fro"]].to_numpy().T


def numbers(cells: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`front`: the Pareto-optimal methods at the largest `size`, fastest first, of so many `methods`; first dtype."""
    points = _points(cells)
    key, of_panel = layout.first_panel(points)
    case = of_panel[of_panel["size"] == of_panel["size"].max()]
    front = case[case["front"]].sort_values("time_s")["method"]
    return {"where": key, "size": case["size"].iloc[0], "methods": len(case), "front": list(front)}


speed_against_error = FigureEntry(
    "speed_error",
    "Speed against error",
    "Left is faster, below is more precise. Dashed: unit roundoff u of each dtype (u f32: of float32). Bars: 95 % "
    "interval of the time, range of the error over seeds. Circle: Pareto-optimal in its dtype, because no other method "
    "is significantly better in one of the two and not worse in the other.",
    timed_and_scored,
    draw,
    numbers,
)
