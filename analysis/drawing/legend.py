"""The legend of the methods, below the panels."""

from __future__ import annotations

from collections.abc import Collection

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing.style import MUTED, Methods, styles
from gradiometer.analysis.text import FAMILIES, family_title, short

ROWS = 4
ROW_IN, HANDLE_IN, GAP_IN, NOTE_IN, LETTER_IN = 0.165, 0.42, 0.22, 0.24, 0.067
"""Sizes in inches; LETTER_IN is the width of a letter at 8.5 pt."""


def _columns(methods: Methods, shown: Collection[str]) -> list[tuple[str, list[str]]]:
    """Heading and methods of each column: one family, in columns of at most ROWS methods."""
    families = dict.fromkeys([*FAMILIES, *(str(entry["family"]) for entry in methods.values())])
    found = []
    for family in families:
        members = [name for name in methods if name in shown and methods[name]["family"] == family]
        for start in range(0, len(members), ROWS):
            title = family_title(family).removesuffix(" forms") if start == 0 else ""  # columns are narrow
            found.append((title, members[start : start + ROWS]))
    return found


def height(methods: Methods, shown: Collection[str]) -> float:
    """Height in inches of the legend and the note below the panels."""
    tallest = max((len(members) for _, members in _columns(methods, shown)), default=-1)
    return ROW_IN * (tallest + 1) + NOTE_IN + 0.08


def draw(figure: Figure, methods: Methods, shown: Collection[str], note: str, left: float) -> None:
    """The methods shown, by family, `left` inches from the left; below them `note`, which counts what is not drawn."""
    looks, columns = styles(methods), _columns(methods, shown)
    wide, tall = figure.get_size_inches()
    most = next((letters for letters in range(34, 6, -1) if _width(methods, columns, letters) < wide - left), 6)
    top = height(methods, shown) - ROW_IN / 2
    for heading, members in columns:
        if heading:
            figure.text((left + HANDLE_IN) / wide, top / tall, heading, fontsize=8.5, va="center", weight="bold")
        for row, name in enumerate(members, start=1):
            y = (top - row * ROW_IN) / tall
            ends = [left / wide, (left + HANDLE_IN / 2 - 0.04) / wide, (left + HANDLE_IN - 0.08) / wide]
            figure.add_artist(Line2D(ends, [y, y, y], transform=figure.transFigure, markevery=[1], **looks[name].line))
            label = short(methods[name]["label"], most)
            figure.text((left + HANDLE_IN) / wide, y, label, fontsize=8.5, va="center")
        left += _width(methods, [(heading, members)], most)
    if note:
        figure.text(1 - 0.06 / wide, 0.06 / tall, note, ha="right", va="bottom", fontsize=8, color=MUTED)


def _width(methods: Methods, columns: list[tuple[str, list[str]]], most: int) -> float:
    """Inches that the columns take with labels of at most so many letters."""
    letters = [
        max([1.1 * len(heading), *(len(short(methods[name]["label"], most)) for name in members)])
        for heading, members in columns
    ]
    return sum(HANDLE_IN + LETTER_IN * longest + GAP_IN for longest in letters)
