"""Panels and their axes: places, scales and ticks.

Places are in inches from the figure's top left corner. They are computed from known sizes of titles and labels, because
measuring the drawn text takes longer than drawing the figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from gradiometer.analysis.text import scientific, seconds, short
from gradiometer.storage.schema import DTYPES

WIDTH = 11.5
LEFT, RIGHT, TOP = 0.9, 0.16, 0.3
BELOW, TICKS, NAMES, ENDS = 0.52, 0.53, 0.46, 1.16
"""Room for the labels below a panel, tick labels, names of lines beside a panel, labels of methods beside a panel."""
LABEL_X, LABEL_Y = 0.26, 0.68
"""Distance of an axis label below and left of the panel."""
LARGE, SMALL = 3.75, 1.55
"""Height of the large panel and least height of a small one."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in inches, the top counted down from the figure's."""
Key = tuple[str, str, str, str]
"""wrt, dtype, shape and run of the cells of one panel; the run is empty where there is only one."""


def by_dtype(dtypes: Iterable[str]) -> list[str]:
    """float32 first, the dtype that sentences are about; then from narrow to wide."""
    order = ["float32", *(name for name in DTYPES if name != "float32")]
    return sorted(dict.fromkeys(dtypes), key=lambda name: order.index(name) if name in order else len(order))


def panel_keys(frame: pd.DataFrame) -> list[Key]:
    """The keys that occur: the first wrt in float32 is first, its dtypes follow; the runs of a panel are neighbours."""
    several = frame["run_id"].nunique() > 1
    keys = frame[["wrt", "dtype", "shape"]].assign(run=frame["run_id"] if several else "")
    found = list(keys.drop_duplicates().itertuples(index=False, name=None))
    wrts, shapes = list(dict.fromkeys(frame["wrt"])), sorted(set(frame["shape"]))
    dtypes, runs = by_dtype(frame["dtype"]), list(dict.fromkeys(keys["run"]))
    return sorted(
        found, key=lambda key: (shapes.index(key[2]), wrts.index(key[0]), dtypes.index(key[1]), runs.index(key[3]))
    )


def of_panel(frame: pd.DataFrame, key: Key) -> pd.DataFrame:
    """The rows of one panel."""
    wrt, dtype, shape, run = key
    found = frame[(frame["wrt"] == wrt) & (frame["dtype"] == dtype) & (frame["shape"] == shape)]
    return found[found["run_id"] == run] if run else found


def first_panel(frame: pd.DataFrame) -> tuple[Key, pd.DataFrame]:
    """The key of the first panel, and its rows."""
    key = panel_keys(frame)[0]
    return key, of_panel(frame, key)


def of_first(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first wrt and shape, in every dtype and run."""
    wrt, _, shape, _ = panel_keys(frame)[0]
    return frame[(frame["wrt"] == wrt) & (frame["shape"] == shape)]


def panel_title(key: Sequence[str]) -> str:
    """The title of a panel, `W1 · float32`."""
    return " · ".join(short(part, 24) for part in key if part)


def sheet(boxes: Sequence[Box], below: float) -> tuple[Figure, list[Axes]]:
    """A figure with axes in the `boxes`, and `below` inches under the labels of the lowest."""
    tall = max(top + height for _, top, _, height in boxes) + BELOW + below
    figure = Figure(figsize=(WIDTH, tall))
    axes = [
        figure.add_axes((left / WIDTH, 1 - (top + height) / tall, width / WIDTH, height / tall))
        for left, top, width, height in boxes
    ]
    for axis, (_, _, width, height) in zip(axes, boxes, strict=True):
        axis.xaxis.set_label_coords(0.5, -LABEL_X / height)
        axis.yaxis.set_label_coords(-LABEL_Y / width, 0.5)
    return figure, axes


def panels(
    count: int, below: float, share_y: bool, beside: float = 0.0, named: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` axes: a large first one, the others as small multiples beside it.

    `beside` is the room to the right of the large one, `named` whether lines are named to the right of the small ones.
    """
    others = count - 1
    columns = min(3, -(-others // 2))
    rows = -(-others // columns) if columns else 1
    pitch = max((LARGE + TOP + BELOW) / rows, SMALL + TOP + BELOW)
    tall = rows * pitch - TOP - BELOW
    right = NAMES if named else RIGHT
    room = WIDTH - LEFT - max(beside, RIGHT) - (columns * right if named else RIGHT)
    room -= TICKS * (1 if share_y else columns) if columns else 0
    room -= 0 if named else RIGHT * max(columns - 1, 0)
    shares = 4.6 + 2.3 * columns
    boxes = [(LEFT, TOP, room * 4.6 / shares, tall)]
    width = room * 2.3 / shares
    for place in range(others):
        row, column = divmod(place, columns)
        ticks = TICKS * (1 if share_y else column + 1)
        left = LEFT + boxes[0][2] + max(beside, RIGHT) + ticks + column * (width + right)
        boxes.append((left, TOP + row * pitch, width, pitch - TOP - BELOW))
    figure, axes = sheet(boxes, below)
    for place, axis in enumerate(axes[1:]):
        axis.tick_params(labelsize=8, labelleft=not share_y or place % columns == 0)
        axis.title.set_fontsize(8.5)
    return figure, axes


def even_panels(count: int, below: float, beside: float = 0.0, height: float = 2.6) -> tuple[Figure, list[Axes]]:
    """A figure of `count` axes of one size, two in a row (one has the row for itself), with the same scales.

    `beside` is the room to the right of each.
    """
    columns = min(count, 2)
    width = (WIDTH - LEFT - RIGHT - columns * beside - (columns - 1) * TICKS) / columns
    boxes = []
    for place in range(count):
        row, column = divmod(place, columns)
        boxes.append((LEFT + column * (width + beside + TICKS), TOP + row * (height + TOP + BELOW), width, height))
    return sheet(boxes, below)


def inches(axis: Axes) -> tuple[float, float]:
    """Width and height of the axes."""
    figure = axis.get_figure(root=True)
    wide, tall = figure.get_size_inches() if figure is not None else (1.0, 1.0)
    return axis.get_position().width * wide, axis.get_position().height * tall


def size_axis(axis: Axes, sizes: Sequence[int], crowd: int) -> None:
    """A logarithmic axis of sizes, labelled with those measured as plain numbers: at most `crowd`, every so many."""
    axis.set_xscale("log", base=2)
    every = -(-len(sizes) // crowd)
    shown = list(sizes)[::every]
    _ticks(axis.xaxis, shown, [f"{size:g}" for size in shown])
    axis.set_xlim(min(sizes) / 1.35, max(sizes) * 1.35)
    axis.set_xlabel("size n", fontsize=9 if crowd > 5 else 8)


def log_scale(axes: Iterable[Axes], which: str, values: Iterable[float], label: Callable[[float], str]) -> None:
    """One logarithmic scale for all `axes`, x or y (`which`): over all `values`, at least one decade; `label` words its
    ticks.
    """
    known = np.array([value for value in values if 0 < value < math.inf])
    low, high = (np.log10(known.min()), np.log10(known.max())) if len(known) else (0.0, 0.0)
    widen = max(1 - (high - low), 0.0) / 2
    margin = 0.09 * max(high - low, 1.0)
    low, high = low - widen - margin, high + widen + margin
    for axis in axes:
        wide, tall = inches(axis)
        room = wide / 0.6 if which == "x" else tall / 0.33
        ticks = _decimal(low, high, most=min(max(round(room), 2), 7))
        one = axis.xaxis if which == "x" else axis.yaxis
        (axis.set_xscale if which == "x" else axis.set_yscale)("log")
        (axis.set_xlim if which == "x" else axis.set_ylim)(10**low, 10**high)
        _ticks(one, ticks, [label(value) for value in ticks])


def _decimal(low: float, high: float, most: int) -> list[float]:
    """Round numbers between 10^low and 10^high: about `most` of them."""
    decades = high - low
    subs = next((it for it in ((1.0, 2.0, 5.0), (1.0, 3.0)) if len(it) * decades <= most), (1.0,))
    step = max(1, math.ceil(decades / (most + 1)))
    powers = [power for power in range(math.floor(low), math.ceil(high) + 1) if power % step == 0]
    found = [sub * 10.0**power for power in powers for sub in subs]
    return [value for value in found if low <= math.log10(value) <= high]


def _ticks(axis: XAxis | YAxis, places: Sequence[float], labels: Sequence[str]) -> None:
    axis.set_minor_locator(NullLocator())  # minor ticks would take most of the drawing time
    axis.set_ticks(list(places), list(labels))


def time_tick(value: float) -> str:
    """10 µs."""
    return seconds(value, digits=1)


def power_of_ten(value: float) -> str:
    """10⁻⁷."""
    return scientific(value, 1).removeprefix("1×")
