"""What all figures share: one colour and marker per method, the theme, the four colours that a page may redefine.

No torch here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from gradiometer.analysis.frames import CONFIGURATION, methods_of
from gradiometer.storage.schema import BASELINE

Methods = Mapping[str, Mapping[str, Any]]
"""Method → label, family, order, as `gradiometer.analysis.frames.methods_of` gives them."""

Reading = Callable[[pd.DataFrame, Methods], str]
"""One sentence on what a figure shows, computed from the figure's own frame."""

INK, MUTED, GRID, PAPER = "#222222", "#666666", "#e4e4e4", "#ffffff"
"""Text, spines and autograd; notes and theory; grids; the ground and the edges of markers. `svg` makes them variables
of the page's style sheet; no other colour of a figure follows the page."""

ON_TILE = "#1c1c1c"
"""Text on a coloured tile, which stays as it is whatever the page is."""


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

    Forms have the colour-blind-safe palette's hues, autograd is ink, each generic family is one hue from dark to
    light; markers differ everywhere, so no method is told apart by its colour alone.
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
    """The look of every figure. Formulas are never parsed: labels are other people's text."""
    look: dict[str, Any] = {
        "text.parse_math": False,
        "text.color": INK,
        "font.family": "sans-serif",
        "font.size": 9,
        "figure.facecolor": PAPER,
        "axes.facecolor": "none",
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titlepad": 4,
        "axes.titley": 1.0,  # else it is placed by measuring the ticks
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.bottom": True,
        "ytick.left": True,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
    }
    with sns.axes_style("whitegrid"), mpl.rc_context(cast(Any, look)):  # its names are literals to the type checker
        yield


Draw = Callable[[pd.DataFrame, Methods], Figure]


def figure(draw: Draw) -> Callable[..., Figure]:
    """A figure as its callers know it: in the theme, the methods optional, the frame checked.

    Without `methods` they are those of the frame, in its order: pass `frames.methods_of(run, cells)` where
    two figures of different methods are to look alike. Raises ValueError where the frame is empty or mixes problems or
    configurations.
    """

    @functools.wraps(draw)
    def themed(frame: pd.DataFrame, methods: Methods | None = None) -> Figure:
        if frame.empty:
            raise ValueError(f"{draw.__name__}: expected rows to draw, got none; loosen the filter")
        for name in ("run_id", "problem", *CONFIGURATION):
            found = [str(value) for value in frame[name].unique()]
            if len(found) > 1:
                wanted = f"expected one {name}, got {len(found)}"
                raise ValueError(f"{draw.__name__}: {wanted} ({', '.join(found)}); filter the frame")
        with theme():
            return draw(frame, methods_of({}, frame) if methods is None else methods)

    return themed
