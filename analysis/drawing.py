"""The figures of a page: which are drawn, within what a page can hold, and their files. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis import text
from analysis.figures import FIGURES
from analysis.figures.svg import as_svg
from analysis.frames import CONFIGURATION, methods_of

MOST_FIGURES = 36
MOST_BYTES = 2_300_000
"""What one page holds of figures: more is slow to draw, to load and to scroll past."""


@dataclass
class Room:
    """What is left for figures on a page, whatever run they are of."""

    figures: int = field(default_factory=lambda: MOST_FIGURES)
    bytes: int = field(default_factory=lambda: MOST_BYTES)

    def take(self, size: int) -> bool:
        """Whether a figure of so many bytes has room; the first that has none ends it for all after."""
        fits = self.figures > 0 and size <= self.bytes
        self.figures, self.bytes = (self.figures - 1, self.bytes - size) if fits else (0, 0)
        return fits


def drawn(
    run: Mapping[str, Any],
    cells: pd.DataFrame,
    errors: pd.DataFrame,
    problems: Mapping[str, Mapping[str, Any]],
    folder: Path,
    prefix: str,
    room: Room,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Every kind of figure and what was drawn of it, each written as SVG into `folder`; and the names of the rest.

    In the order of FIGURES, over all problems and configurations; those with nothing to draw are left out.
    """
    methods = methods_of(run, cells)
    parts = [(str(problem), _where(cells, key), part) for key, part in _parts(cells) for problem in [key[0]]]
    kinds, rest = [], []
    for figure in FIGURES:
        of_kind = []
        for problem, where, part in parts:
            label = " · ".join(filter(None, (problems[problem]["label"], where)))
            title = f"{figure.title}: {label}"
            if room.figures <= 0:
                rest.append(title)
                continue
            frame = figure.frame(part, errors)
            if frame.empty:
                continue
            name = text.file_name("-".join(filter(None, (f"{prefix}{figure.name}", problem, where.replace(", ", "-")))))
            svg = as_svg(figure.draw(frame, methods), name, title)
            if not room.take(len(svg.encode())):
                rest.append(title)
                continue
            (folder / f"{name}.svg").write_text(svg, "utf-8")
            reading = figure.reading(frame, methods)
            of_kind.append({"label": label, "reading": reading, "file": f"{name}.svg", "svg": Markup(svg)})
        if of_kind:
            kinds.append({"title": figure.title, "caption": figure.caption, "drawn": of_kind})
    return kinds, rest


def _parts(cells: pd.DataFrame) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    return list(cells.groupby(["problem", *CONFIGURATION], sort=False))


def _where(cells: pd.DataFrame, key: tuple[Any, ...]) -> str:
    """The configuration, where its problem has several."""
    problem, *configured = key
    several = len(cells.loc[cells["problem"] == problem, CONFIGURATION].drop_duplicates()) > 1
    return ", ".join(map(str, configured)) if several else ""
