"""Parts of a panel: curves with bands, theory, names at the ends of lines, marks and counts of missing values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import layout
from gradiometer.analysis.drawing.style import INK, MUTED, Methods, Style
from gradiometer.analysis.frames import forms_and_autograd
from gradiometer.analysis.text import counted, short
from gradiometer.storage.schema import DTYPES

ZERO = "zero although the true gradient is not"
TRUE_ZERO = "with a true gradient of zero"
ACCUMULATE_THEMSELVES = ("float32", "float64")
"""Dtypes whose products are summed in the dtype itself."""
THIN = 1.05
"""A band whose ends differ by less than this factor everywhere is not drawn, because its line covers it."""
LINE: dict[str, Any] = {"color": MUTED, "linewidth": 0.8, "zorder": 1.5}
DASHED: dict[str, Any] = LINE | {"linestyle": (0, (5, 3))}
DOTTED: dict[str, Any] = LINE | {"linestyle": (0, (1, 2))}


def curves(axis: Axes, frame: pd.DataFrame, names: Sequence[str], looks: Mapping[str, Style]) -> None:
    """A line for each method of `frame` over its sizes, with a band: `names` are the columns of the value and of the
    interval's ends. A single point has a bar instead; a curve without intervals has neither.
    """
    bands, colors = [], []
    for method, curve in frame.sort_values("size").groupby("method", sort=False):
        look = looks[str(method)]
        x = curve["size"].to_numpy(float)
        y, low, high = (curve[name].to_numpy(float) for name in names)
        axis.add_line(Line2D(x, y, **look.line))
        if len(x) == 1:
            bars(axis, x, low, high, [look.color])
        known = np.isfinite(low) & np.isfinite(high) & (low > 0)
        if known.sum() > 1 and (high[known] / low[known]).max() > THIN:
            x, low, high = x[known], low[known], high[known]
            bands.append(np.column_stack([np.append(x, x[::-1]), np.append(low, high[::-1])]))
            colors.append(to_rgba(look.color, 0.22 if look.linewidth > 1 else 0.12))
    if bands:
        axis.add_collection(PolyCollection(bands, facecolors=colors, linewidths=0, zorder=2), autolim=False)


def bars(axis: Axes, x: Any, low: Any, high: Any, colors: Sequence[Any], horizontal: bool = False) -> None:
    """Interval bars as one artist; none where an end is unknown."""
    known = np.isfinite(low) & np.isfinite(high)
    ends = [[(a, at), (b, at)] if horizontal else [(at, a), (at, b)] for at, a, b in zip(x, low, high, strict=True)]
    drawn = [segment for segment, is_known in zip(ends, known, strict=True) if is_known]
    shades = [color for color, is_known in zip(colors, known, strict=True) if is_known]
    if drawn:
        axis.add_collection(LineCollection(drawn, colors=shades, linewidths=0.9, zorder=2.2), autolim=False)


@dataclass(frozen=True)
class End:
    """A name to the right of a panel at the height `y`, with a method's marker or without."""

    y: float
    name: str
    look: Style | None = None


def ends_of(frame: pd.DataFrame, value: str, methods: Methods, looks: Mapping[str, Style]) -> list[End]:
    """The names of the forms and of autograd at the ends of those curves that reach the largest size."""
    last = frame[frame["size"] == frame["size"].max()]
    shown = forms_and_autograd(last)
    pairs = zip(shown["method"], shown[value], strict=True)
    return [End(float(y), short(methods[name]["label"], 14), looks[name]) for name, y in pairs]


def name_ends(axis: Axes, ends: Iterable[End], fontsize: float = 7.5) -> None:
    """Names to the right of the axes, moved apart where they would overlap; none if there is no room for all."""
    low, high = axis.get_ylim()
    wide, tall = (72 * length for length in layout.inches(axis))
    unit = math.log(high / low) if axis.get_yscale() == "log" else high - low
    ends = [end for end in ends if low <= end.y <= high]
    heights = [(math.log(end.y / low) if axis.get_yscale() == "log" else end.y - low) / unit * tall for end in ends]
    ordered = sorted(zip(heights, ends, strict=True), key=lambda it: it[0])
    gap = fontsize * 1.25
    if gap * len(ordered) > tall:
        return
    for (_, end), height in zip(ordered, spread([height for height, _ in ordered], gap, tall), strict=True):
        start = 1 + 4 / wide
        if end.look is not None:
            look = end.look.line | {"markersize": 0.8 * end.look.markersize}
            where = axis.transAxes
            axis.add_artist(Line2D([1 + 8 / wide], [height / tall], transform=where, clip_on=False, **look))
            start = 1 + 14 / wide
        color = MUTED if end.look is None else None
        axis.text(start, height / tall, end.name, transform=axis.transAxes, va="center", fontsize=fontsize, color=color)


def spread(places: Sequence[float], gap: float, most: float) -> list[float]:
    """Sorted `places` moved as little as possible so that neighbours are at least `gap` apart, between 0 and `most`.

    Isotonic least squares of the places minus the gaps before them.
    """
    from scipy.optimize import isotonic_regression

    if not places:
        return []
    before = gap * np.arange(len(places))
    level = isotonic_regression(np.subtract(places, before)).x
    return list(np.clip(level, 0, most - before[-1]) + before)


def not_drawn(axis: Axes, failed: pd.DataFrame) -> None:
    """×3 along the top where three methods have no value to draw at a size."""
    for size, count in failed.groupby("size")["method"].nunique().items():
        at = axis.get_xaxis_transform()
        axis.text(float(str(size)), 0.985, f"×{count}", transform=at, ha="center", va="top", fontsize=7.5, color=MUTED)


def missing(what: str, failed: Mapping[str, int]) -> str:
    """The note that explains the counts of `not_drawn`; empty where nothing is missing."""
    return f"×k: k methods without {what} at that size; in total {counted(failed)}" if failed else ""


def reasons(failed: pd.DataFrame) -> dict[str, int]:
    """Number of cells that are not drawn, by status."""
    return {str(status): int(count) for status, count in failed["status"].value_counts().items()}


def without_error(scores: pd.DataFrame, value: str) -> dict[str, int]:
    """Number of scores without an error (column `value`) to draw on a logarithmic axis, by reason."""
    finite = scores["finite"].eq(True)
    undefined = finite & (scores["finite_seeds"] == 0)
    counts = {"not finite": (~finite).sum(), TRUE_ZERO: undefined.sum(), "exact": (scores[value] == 0).sum()}
    return {name: int(count) for name, count in counts.items() if count}


def zeros(axis: Axes, rows: pd.DataFrame, value: str) -> None:
    """Mark gradients that are zero although the true ones are not."""
    if len(rows):
        hollow(axis, rows["size"], rows[value], ZERO, marker="v", markersize=10)


def hollow(axis: Axes, x: Any, y: Any, label: str, **look: Any) -> None:
    """Hollow marks above all else, circles unless `look` (properties of a Line2D) names another marker."""
    usual: dict[str, Any] = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "markeredgecolor": INK}
    axis.add_line(Line2D(x, y, linestyle="none", label=label, zorder=6, **usual | look))


def roundoff(axis: Axes, dtype: str, until: float | None = None) -> list[End]:
    """The unit roundoff of `dtype` as a thin dashed line, and its name, `u f32`, for the end of the axes.

    With `until`, the largest size at which a gradient is finite, the line ends there with its name.
    """
    if dtype not in DTYPES:
        return []
    u, name = DTYPES[dtype].unit_roundoff, f"u {dtype.replace('float', 'f')}"
    if until is None:
        axis.axhline(u, **DASHED)
        return [End(u, name)]
    axis.add_line(Line2D([axis.get_xlim()[0], until], [u, u], **DASHED))
    axis.annotate(name, (until, u), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7.5, color=MUTED)
    return []


def growth(axis: Axes, dtype: str, sizes: Sequence[int]) -> list[End]:
    """√n · u over the `sizes` as a thin dotted line, and its name for the end of the axes: the sum of n rounding errors
    of random sign, where products are summed in `dtype` itself. Float16 and bfloat16 accumulate in float32 and have no
    such line. The line ends at n·u = 1.
    """
    line = expected(dtype, sizes)
    if len(line) < 2:
        return []
    axis.add_line(Line2D(list(line), list(line.values()), label="√n · u", **DOTTED))
    return [End(max(line.values()), "√n · u")]


def expected(dtype: str, sizes: Iterable[int]) -> dict[int, float]:
    """Size → √n · u for n·u < 1; empty where that growth is not expected (see `growth`)."""
    if dtype not in ACCUMULATE_THEMSELVES:
        return {}
    u = DTYPES[dtype].unit_roundoff
    return {size: math.sqrt(size) * u for size in sorted(sizes) if size * u < 1}
