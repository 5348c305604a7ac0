"""The look of all figures: one colour and marker per method, the theme, and the colours that a page may redefine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import pandas as pd
import seaborn as sns

from gradiometer.analysis.frames import CONFIGURATION
from gradiometer.storage.schema import BASELINE

Methods = Mapping[str, Mapping[str, Any]]
"""Method → label, family, order, as `gradiometer.analysis.frames.methods_of` gives them."""

INK, MUTED, GRID, PAPER = "#222222", "#666666", "#e4e4e4", "#ffffff"
"""Colours of text, spines and autograd; of notes and theory; of grids; of the background and marker edges. `svg` makes
them variables, so that a page can redefine them; all other colours are fixed."""

ON_TILE = "#1c1c1c"
"""Text on a coloured tile, whose colour is fixed."""


@dataclass(frozen=True)
class Style:
    """How a method is drawn, in every figure."""

    color: Any
    marker: str
    markersize: float
    linewidth: float
    zorder: float

    @property
    def line(self) -> dict[str, Any]:
        """Keyword arguments of a matplotlib line with markers."""
        edge = {"markeredgecolor": PAPER, "markeredgewidth": 0.5} if self.marker not in "1234+x" else {}
        return {**self.point, "linewidth": self.linewidth} | edge

    @property
    def point(self) -> dict[str, Any]:
        """Keyword arguments of markers alone."""
        return {"color": self.color, "marker": self.marker, "markersize": self.markersize, "zorder": self.zorder}


_MARKERS = {"analytic": "osD^PXph8", "other": "v<>d1234Hp8+"}


def styles(methods: Methods) -> dict[str, Style]:
    """A style for each method, from its family and order alone, so that it is the same in all figures of all runs.

    Forms have the hues of the colour-blind-safe palette, autograd has the colour of text, and a generic family has one
    hue from dark to light. All markers differ, so no two methods differ by colour alone.
    """
    ordered = sorted(methods, key=lambda name: int(methods[name]["order"]))
    family = {name: str(methods[name]["family"]) for name in ordered}
    analytic = [name for name in ordered if family[name] == "analytic"]
    generic = [name for name in ordered if family[name] != "analytic" and name != BASELINE]
    hues = [color for place, color in enumerate(sns.color_palette("colorblind", 10)) if place not in (5, 7)]
    bases = {"reverse": "#4a6c9b", "forward": "#9c6a35", "numeric": "#96549a"}
    found = {BASELINE: Style(INK, "*", 9, 2.0, 4)} if BASELINE in methods else {}
    for place, name in enumerate(analytic):
        marker = _MARKERS["analytic"][place % len(_MARKERS["analytic"])]
        found[name] = Style(hues[place % len(hues)], marker, 6.5, 2.0, 5)
    for place, name in enumerate(generic):
        kin = [other for other in generic if family[other] == family[name]]
        shades = sns.light_palette(bases.get(family[name], MUTED), len(kin) + 3, reverse=True)
        marker = _MARKERS["other"][place % len(_MARKERS["other"])]
        found[name] = Style(shades[kin.index(name)], marker, 5, 1.0, 3)
    return found


@contextmanager
def theme() -> Iterator[None]:
    """The look of every figure. Labels are foreign text, so formulas in them are not parsed."""
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    thin = ("axes.linewidth", "grid.linewidth", "xtick.major.width", "ytick.major.width")
    look: dict[str, Any] = dict.fromkeys(inked, INK) | dict.fromkeys(thin, 0.6)
    look |= {
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 9,
        "figure.facecolor": PAPER,
        "axes.facecolor": "none",
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titlepad": 4,
        "axes.titley": 1.0,  # otherwise matplotlib measures the ticks, which is slow
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": GRID,
        "xtick.bottom": True,
        "ytick.left": True,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
    }
    with sns.axes_style("whitegrid"), mpl.rc_context(cast(Any, look)):  # mypy wants literal names
        yield


def check(name: str, cells: pd.DataFrame) -> None:
    """Raise ValueError where `cells` are not of one problem and, in each run, of one configuration."""
    if cells.empty:
        raise ValueError(f"{name}: expected rows to draw, got none; loosen the filter")
    for column in ("problem", *CONFIGURATION):
        of_runs = cells.groupby(["run_id"] if column in CONFIGURATION else [True] * len(cells))[column].unique()
        found = max(of_runs, key=len)
        if len(found) > 1:
            wanted = f"expected one {column}, got {len(found)}"
            raise ValueError(f"{name}: {wanted} ({', '.join(map(str, found))}); filter the frame")
