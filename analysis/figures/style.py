"""What all figures share: one colour and marker per method, the theme, the legend. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.text import short
from bench.schema import BASELINE

Methods = Mapping[str, Mapping[str, Any]]
"""Method → label, family, order, as `analysis.frames.methods_of` gives them."""

FAMILIES = {
    "analytic": "Derived by hand",
    "reverse": "Reverse mode",
    "forward": "Forward mode",
    "numeric": "Finite differences",
}
ROWS_OF_LEGEND = 4
GREY = "#555555"


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
        edge = {"markeredgecolor": "white", "markeredgewidth": 0.5} if self.marker not in "1234+x" else {}
        return {**self.point, "linewidth": self.linewidth} | edge

    @property
    def point(self) -> dict[str, Any]:
        """Keyword arguments of markers alone."""
        return {"color": self.color, "marker": self.marker, "markersize": self.markersize, "zorder": self.zorder}


_MARKERS = {"analytic": "osD^PXph8", "other": "v<>d1234Hp8+"}


def styles(methods: Methods) -> dict[str, Style]:
    """A style for each method, from its family and order alone, so that it is the same in all figures of all runs.

    Forms have the colour-blind-safe palette's hues, autograd is black, each generic family is one hue from dark to
    light; markers differ everywhere, so no method is told apart by its colour alone.
    """
    ordered = sorted(methods, key=lambda name: int(methods[name]["order"]))
    family = {name: str(methods[name]["family"]) for name in ordered}
    analytic = [name for name in ordered if family[name] == "analytic"]
    generic = [name for name in ordered if family[name] != "analytic" and name != BASELINE]
    hues = [color for place, color in enumerate(sns.color_palette("colorblind", 10)) if place not in (5, 7)]
    bases = {"reverse": "#3d5a80", "forward": "#8a5a2b", "numeric": "#7d3c7a"}
    found = {BASELINE: Style("black", "*", 9, 2.0, 4)} if BASELINE in methods else {}
    for place, name in enumerate(analytic):
        marker = _MARKERS["analytic"][place % len(_MARKERS["analytic"])]
        found[name] = Style(hues[place % len(hues)], marker, 6.5, 2.0, 5)
    for place, name in enumerate(generic):
        kin = [other for other in generic if family[other] == family[name]]
        shades = sns.light_palette(bases.get(family[name], "#555555"), len(kin) + 3, reverse=True)
        marker = _MARKERS["other"][place % len(_MARKERS["other"])]
        found[name] = Style(shades[kin.index(name)], marker, 5, 1.0, 3)
    return found


@contextmanager
def theme() -> Iterator[None]:
    """The look of every figure; also a decorator. Formulas are never parsed: labels are other people's text."""
    look: dict[str, Any] = {
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "grid.color": "#e4e4e4",
        "grid.linewidth": 0.6,
        "axes.edgecolor": "#999999",
        "xtick.bottom": True,
        "ytick.left": True,
        "axes.ymargin": 0.13,
    }
    with sns.axes_style("whitegrid"), mpl.rc_context(cast(Any, look)):  # its names are literals to the type checker
        yield


def legend(figure: Figure, methods: Methods, shown: Sequence[str], note: str) -> None:
    """The methods shown, by family, outside the axes; below them `note`: what is not drawn, and why."""
    looks = styles(methods)
    columns: list[list[Line2D]] = []
    names = [name for name in methods if name in set(shown)]
    titles = FAMILIES | {name: name for entry in methods.values() if (name := str(entry["family"])) not in FAMILIES}
    for family, title in titles.items():
        members = [name for name in names if methods[name]["family"] == family]
        for start in range(0, len(members), ROWS_OF_LEGEND):
            heading = Line2D([], [], linestyle="none", label=title if start == 0 else " ")
            part = members[start : start + ROWS_OF_LEGEND]
            columns.append(
                [heading, *(Line2D([], [], label=short(methods[m]["label"], 34), **looks[m].line) for m in part)]
            )
    tallest = max((len(column) for column in columns), default=0)
    blank = Line2D([], [], linestyle="none", label=" ")
    handles = [handle for column in columns for handle in column + [blank] * (tallest - len(column))]
    drawn = figure.legend(
        handles=handles, loc="outside lower center", ncols=max(len(columns), 1), frameon=False, fontsize=8.5,
        columnspacing=2.0, handlelength=2.2, labelspacing=0.35,
    )  # fmt: skip
    headings = {str(column[0].get_label()) for column in columns}
    for text in drawn.get_texts():
        if text.get_text() in headings:
            text.set_fontweight("bold")
    figure.text(0.995, 0.005, note, ha="right", va="bottom", fontsize=8, color=GREY)
