"""The figures of a page: which are drawn, within what a page can hold, and their files. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis import text
from analysis.figures import FIGURES, render
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
    scores: pd.DataFrame,
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
    jobs: list[render.Job] = []
    labels: dict[str, str] = {}
    rest: list[str] = []
    for figure in FIGURES:
        for problem, where, part in parts:
            label = " · ".join(filter(None, (problems[problem]["label"], where)))
            title = f"{figure.title}: {label}"
            if len(jobs) >= room.figures:
                rest.append(title)
            elif not (frame := figure.frame(part, scores)).empty:
                stem = text.file_name(
                    "-".join(filter(None, (f"{prefix}{figure.name}", problem, where.replace(", ", "-"))))
                )
                jobs.append(render.Job(figure.name, frame, methods, stem, title))
                labels[stem] = label
    kinds: dict[str, dict[str, Any]] = {}
    for job, it in zip(jobs, render.drawn(jobs), strict=True):
        if not room.take(len(it.svg.encode())):
            rest.append(it.title)
            continue
        (folder / it.file).write_text(it.svg, "utf-8")
        kind = kinds.setdefault(it.kind, {"title": it.kind, "caption": it.caption, "drawn": []})
        kind["drawn"].append(vars(it) | {"label": labels[job.stem], "svg": Markup(it.svg)})
    return list(kinds.values()), rest


def _parts(cells: pd.DataFrame) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    return list(cells.groupby(["problem", *CONFIGURATION], sort=False))


def _where(cells: pd.DataFrame, key: tuple[Any, ...]) -> str:
    """The configuration, where its problem has several."""
    problem, *configured = key
    several = len(cells.loc[cells["problem"] == problem, CONFIGURATION].drop_duplicates()) > 1
    return ", ".join(map(str, configured)) if several else ""
