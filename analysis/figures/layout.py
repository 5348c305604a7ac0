"""Panels and their axes: which there are, how they are scaled, ticked and annotated. No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from analysis.figures.style import GREY
from analysis.text import counted, scientific, seconds, short
from bench.schema import DTYPES

ACCUMULATE_THEMSELVES = ("float32", "float64")
"""The dtypes whose products are summed in the dtype itself."""


def by_dtype(dtypes: Sequence[str]) -> list[str]:
    """float32 first, where the question was asked; then from narrow to wide."""
    order = ["float32", *(name for name in DTYPES if name != "float32")]
    return sorted(dict.fromkeys(dtypes), key=lambda name: order.index(name) if name in order else len(order))


def panel_keys(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The (wrt, dtype, shape) that occur: the first wrt in float32 is first, and its dtypes follow it."""
    found = list(dict.fromkeys(frame[["wrt", "dtype", "shape"]].itertuples(index=False, name=None)))
    wrts, shapes = list(dict.fromkeys(frame["wrt"])), sorted(set(frame["shape"]))
    dtypes = by_dtype(frame["dtype"].tolist())
    return sorted(found, key=lambda key: (shapes.index(key[2]), wrts.index(key[0]), dtypes.index(key[1])))


def of_panel(frame: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    """The rows of one panel."""
    wrt, dtype, shape = key
    return frame[(frame["wrt"] == wrt) & (frame["dtype"] == dtype) & (frame["shape"] == shape)]


def panel_title(key: Sequence[str]) -> str:
    """What a panel shows, `W1 · float32`."""
    return " · ".join(short(part, 24) for part in key if part)


def panels(count: int, share_y: bool) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes of logarithmic y: a large first one, the others as small multiples beside it."""
    others = count - 1
    columns = min(3, -(-others // 2))
    rows = -(-others // columns) if columns else 1
    figure = Figure(figsize=(11.5 if others else 9.0, max(5.2, 2.15 * rows + 1.2)), layout="constrained")
    grid = figure.add_gridspec(1, 2 if others else 1, width_ratios=[4.6, 2.3 * columns] if others else None)
    axes = [figure.add_subplot(grid[0])]
    if others:
        small = grid[1].subgridspec(rows, columns)
        for place in range(others):
            row, column = divmod(place, columns)
            axis = figure.add_subplot(small[row, column], sharey=axes[0] if share_y else None)
            axis.tick_params(labelsize=8, labelleft=not share_y or column == 0)
            axis.xaxis.label.set_fontsize(8)
            axis.title.set_fontsize(8.5)
            axes.append(axis)
    for axis in axes:
        axis.set_yscale("log")
    return figure, axes


def size_axis(axis: Axes, sizes: Sequence[int], large: bool) -> None:
    """A logarithmic axis of sizes, labelled with those measured as plain numbers; every so many where they crowd."""
    axis.set_xscale("log", base=2)
    every = -(-len(sizes) // (10 if large else 5))
    axis.xaxis.set_major_locator(FixedLocator(list(sizes)[::every]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(min(sizes) / 1.35, max(sizes) * 1.35)
    axis.set_xlabel("size n")


def log_ticks(axis: XAxis | YAxis, label: Callable[[float], str]) -> None:
    """Ticks of a decimal logarithmic axis of at least one decade, whose ticks read as `label` says of a number."""
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades < 1:
        widen = 10 ** ((1 - decades) / 2)
        axis.set_view_interval(low / widen, high * widen, ignore=True)
    between = (1.0, 3.0) if axis.axis_name == "x" else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=between if decades < 2 else (1.0,), numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))
    axis.set_minor_formatter(NullFormatter())


def time_tick(value: float) -> str:
    """10 µs."""
    return seconds(value, digits=1)


def power_of_ten(value: float) -> str:
    """10⁻⁷."""
    return scientific(value, 1).removeprefix("1×")


def bars(low: pd.Series[float], value: pd.Series[float], high: pd.Series[float]) -> Any:
    """The arms of error bars, none where an end is unknown."""
    return [(value - low).fillna(0.0).clip(lower=0), (high - value).fillna(0.0).clip(lower=0)]


def not_drawn(axis: Axes, failed: pd.DataFrame) -> None:
    """×3 along the top where three methods have no value to draw at that size."""
    for size, count in failed.groupby("size")["method"].nunique().items():
        axis.text(
            float(str(size)), 0.985, f"×{count}", transform=axis.get_xaxis_transform(), ha="center", va="top",
            fontsize=8, color=GREY,
        )  # fmt: skip


def missing(what: str, failed: Mapping[str, int]) -> str:
    """The note on what is not drawn, of `not_drawn`'s counts too; empty where nothing lacks."""
    return f"×k: k methods without {what} at that size; in all {counted(failed)}" if failed else ""


def reasons(failed: pd.DataFrame) -> dict[str, int]:
    """How many cells each status kept from being drawn."""
    return {str(status): int(count) for status, count in failed["status"].value_counts().items()}


def roundoff(axis: Axes, dtype: str, until: float | None = None, side: str = "center") -> None:
    """The unit roundoff of `dtype` as a thin dashed line, named beside the axes: `u f32`.

    It ends at the size `until`, beyond which nothing is finite and no error can be u. `side`: what of the name is at
    the line, its center, bottom or top.
    """
    if dtype in DTYPES:
        u = DTYPES[dtype].unit_roundoff
        look: dict[str, Any] = {"color": "#777777", "linewidth": 0.9, "linestyle": (0, (5, 3)), "zorder": 1.5}
        if until is None:
            axis.axhline(u, **look)
        else:
            axis.plot([1e-3 * until, until], [u, u], **look)
        named(axis, u, f"u {dtype.replace('float', 'f')}", until, side)


def growth(axis: Axes, dtype: str, sizes: Sequence[int]) -> None:
    """√n · u over the `sizes`, as a thin dotted line, named beside the axes: what n roundings of random sign add up to
    where the products accumulate in `dtype` itself. The halves accumulate in float32 and have none; it ends at n·u = 1.
    """
    if dtype not in ACCUMULATE_THEMSELVES:
        return
    u = DTYPES[dtype].unit_roundoff
    valid = [size for size in sorted(sizes) if size * u < 1]
    if len(valid) > 1:
        line = [math.sqrt(size) * u for size in valid]
        axis.plot(valid, line, color="#777777", linewidth=0.9, linestyle=(0, (1, 2)), zorder=1.5, label="√n · u")
        named(axis, line[-1], "√n · u")


def named(axis: Axes, value: float, name: str, until: float | None = None, side: str = "center") -> None:
    """The name of a line, small, to the right of the axes or of the size `until` where the line ends."""
    at, system = ((1.0, value), axis.get_yaxis_transform()) if until is None else ((until, value), axis.transData)
    axis.annotate(
        name, at, xycoords=system, xytext=(3, 0), textcoords="offset points", va=side, fontsize=7.5, color=GREY
    )
