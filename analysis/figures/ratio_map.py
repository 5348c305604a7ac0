"""The ratio to autograd over sizes and dtypes, as a heat map."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from seaborn import blend_palette

from gradiometer.analysis.drawing import layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry, timed_or_not
from gradiometer.analysis.frames import analytic, timed
from gradiometer.analysis.insights.decision import verdicts
from gradiometer.analysis.text import number, short
from gradiometer.storage.schema import BASELINE

COLORS = blend_palette(["#0f6ea8", "#7fb8d8", "#f7f7f7", "#eeb479", "#b8560b"], as_cmap=True)
UNTIMED = "#b4b4b4"
RATIO = ("ratio", "ratio_low", "ratio_high")
SHORT = {"nonfinite": "not finite", "unsupported": "unsup.", "interrupted": "interr."}
"""Abbreviations of statuses in tiles."""
LABELS_IN, TILE_IN, BAR_IN = 1.72, 0.27, 0.5
"""Room in inches for row labels, a row of tiles, and the colour scale."""


def ratio_frame(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The cells of the forms with their `verdict` against autograd; none where none has a ratio.

    A gradient that is not finite or is wrong has no ratio, because its speed is no gain.
    """
    found = analytic(timed_or_not(cells, scores))
    found = found.assign(**{name: found[name].where(found["status"] == "ok") for name in RATIO})
    return found.assign(verdict=verdicts(found)) if (timed(found)["ratio"] > 0).any() else found.head(0)


def draw(forms: pd.DataFrame, methods: style.Methods) -> Figure:
    """Time over autograd's as a coloured tile for each size (column), wrt, dtype and run (row), a panel for each form.

    Hatched tiles are the same or undecided; grey tiles have no ratio and show the status. `forms` of `ratio_frame`.
    """
    names = [name for name in methods if name in set(forms["method"])]
    keys, sizes = layout.panel_keys(forms), sorted(set(forms["size"]))
    columns = min(len(names), 4, max(1, math.floor((layout.WIDTH - LABELS_IN) / (0.5 * len(sizes)))))
    width = (layout.WIDTH - LABELS_IN - columns * layout.RIGHT) / columns
    width = min(width, 0.9 * len(sizes))
    tall = TILE_IN * len(keys)
    boxes = []
    for place in range(len(names)):
        row, column = divmod(place, columns)
        left = LABELS_IN + column * (width + layout.RIGHT)
        boxes.append((left, layout.TOP + row * (tall + layout.TOP + layout.BELOW), width, tall))
    figure, axes = layout.sheet(boxes, BAR_IN)
    compared = forms["ratio"].where(timed(forms)["ratio"] > 0)
    most = max(2.0, math.exp(compared.map(math.log).abs().max()))
    for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
        of_form = forms.assign(ratio=compared)[forms["method"] == name]
        _tiles(axis, of_form, keys, sizes, most)
        labels = ["" if place % columns else layout.panel_title(key) for key in keys]
        axis.set_yticks([row + 0.5 for row in range(len(keys))], labels, fontsize=8)
        axis.set_xticks([column + 0.5 for column in range(len(sizes))], [str(size) for size in sizes], fontsize=8)
        axis.set_xlabel("size n", fontsize=8)
        axis.set_title(short(methods[name]["label"], 34))
    _scale(figure, most)
    return figure


def _shade(ratio: float, most: float) -> str:
    return str(to_hex(COLORS((math.log(ratio) / math.log(most) + 1) / 2)))


def _tiles(axis: Axes, of_form: pd.DataFrame, keys: list[layout.Key], sizes: list[int], most: float) -> None:
    places, hatched, shades = [], [], []
    for row, key in enumerate(keys):
        for cell in layout.of_panel(of_form, key).to_dict("records"):
            column, ratio, status = sizes.index(cell["size"]), cell["ratio"], str(cell["status"])
            has_ratio = ratio > 0
            tile = [(column + x, row + y) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
            places.append(tile)
            shades.append(_shade(ratio, most) if has_ratio else UNTIMED)
            if has_ratio and cell["verdict"] not in ("faster", "slower"):
                hatched.append(tile)
            why = f"no {BASELINE}" if status == "ok" else SHORT.get(status, short(status, 9))
            strong = has_ratio and abs(math.log(ratio)) > 0.75 * math.log(most)
            axis.text(
                column + 0.5, row + 0.5, number(ratio, 2) if has_ratio else why, ha="center", va="center",
                fontsize=7.5 if has_ratio else 6.5, color="#fdfdfd" if strong else style.ON_TILE,
            )  # fmt: skip
    edge: dict[str, Any] = {"edgecolors": style.PAPER, "linewidths": 1.0}
    axis.add_collection(PolyCollection(places, facecolors=shades, **edge), autolim=False)
    if hatched:
        marks = PolyCollection(hatched, facecolors="none", edgecolors="#bdbdbd", linewidths=0.0, hatch="////")
        axis.add_collection(marks, autolim=False)
    axis.set_xlim(0, len(sizes))
    axis.set_ylim(len(keys), 0)
    axis.grid(visible=False)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _scale(figure: Figure, most: float) -> None:
    """The colour scale along the bottom, and the legend of hatched and grey tiles."""
    wide, tall = figure.get_size_inches()
    left, steps, step, y = LABELS_IN, 24, 0.11, 0.28
    patch: dict[str, Any] = {"transform": figure.transFigure, "linewidth": 0}
    for place in range(steps):
        value = most ** (2 * (place + 0.5) / steps - 1)
        color = _shade(value, most)
        corner = ((left + place * step) / wide, y / tall)
        figure.add_artist(Rectangle(corner, step * 1.02 / wide, 0.13 / tall, facecolor=color, **patch))
    for share, name in ((0.0, f"{number(1 / most, 2)}"), (0.5, "1"), (1.0, f"{number(most, 2)}")):
        figure.text((left + share * steps * step) / wide, 0.23 / tall, name, ha="center", va="top", fontsize=7.5)
    figure.text((left - 0.2) / wide, 0.345 / tall, "faster", ha="right", va="center", fontsize=8)
    left += steps * step + 0.2
    tiles: dict[str, dict[str, Any]] = {
        f"slower than {BASELINE}": {},
        "same, or undecided": {"facecolor": "#f7f7f7", "edgecolor": "#bdbdbd", "hatch": "////"},
        "no ratio": {"facecolor": UNTIMED},
    }
    for name, look in tiles.items():
        if look:
            figure.add_artist(Rectangle((left / wide, y / tall), 0.3 / wide, 0.13 / tall, **patch | look))
            left += 0.38
        figure.text(left / wide, 0.345 / tall, name, va="center", fontsize=8)
        left += legend.LETTER_IN * len(name) + 0.3


def numbers(forms: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`verdicts`: how many ratios are faster, slower, same, undecided; `smallest` and `largest`: ratio, method, wrt,
    dtype, shape and size; `without`: how many forms have no ratio.
    """
    compared = timed(forms)
    compared = compared[compared["ratio"] > 0].sort_values("ratio")
    counts = compared["verdict"].value_counts()
    names = ("faster", "slower", "same", "undecided")
    ends = compared[["ratio", "method", "wrt", "dtype", "shape", "size"]].iloc[[0, -1]].to_dict("records")
    return {
        "verdicts": {name: int(counts[name]) for name in names if name in counts},
        "smallest": ends[0],
        "largest": ends[1],
        "without": len(forms) - len(compared),
    }


ratio_map = FigureEntry(
    "ratio_map",
    "Ratio to autograd, size by dtype",
    "Time of each form over autograd's (paired): below 1 (blue) is faster, above 1 (orange) slower, on a logarithmic "
    "scale. Hatched: same or undecided. Verdicts are corrected for multiple comparisons, as in the tables.",
    ratio_frame,
    draw,
    numbers,
)
