"""Selects the figures of a page, up to a number and a size, and writes their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.drawing import render
from gradiometer.analysis.figures import FIGURES
from gradiometer.analysis.frames import CONFIGURATION, methods_of
from gradiometer.analysis.report.output import Output

MOST_FIGURES = 36
MOST_BYTES = 1_700_000
"""Limits for the figures of one page, which would be slow to draw and to load."""


@dataclass(frozen=True)
class Planned:
    """Figures to draw for one run (`jobs`, each with its `labels` entry), and the titles omitted for lack of space."""

    jobs: list[render.Job]
    labels: list[str]
    rest: list[str]


def planned(
    run: Mapping[str, Any],
    cells: pd.DataFrame,
    scores: pd.DataFrame,
    problems: Mapping[str, Mapping[str, Any]],
    prefix: str,
    room: int,
) -> Planned:
    """Plan at most `room` figures of a run, all of one problem and configuration before the next.

    Figures with nothing to draw are omitted.
    """
    methods = methods_of(run, cells)
    plan = Planned([], [], [])
    for key, part in cells.groupby(["problem", *CONFIGURATION], sort=False):
        problem, where = str(key[0]), _where(cells, key)
        label = " · ".join(filter(None, (problems[problem]["label"], where)))
        for figure in FIGURES:
            title = f"{figure.title}: {label}"
            if len(plan.jobs) >= room:
                plan.rest.append(title)
            elif not (frame := figure.frame(part, scores)).empty:
                named = (f"{prefix}{figure.name}", problem, where.replace(", ", "-"))
                stem = text.file_name("-".join(filter(None, named)))
                plan.jobs.append(render.Job(figure.name, frame, methods, stem, title))
                plan.labels.append(label)
    return plan


def placed(
    plan: Planned, drawn: Iterator[render.Drawn], out: Output, room: int
) -> tuple[list[dict[str, Any]], list[str], int]:
    """Write the figures that fit into `room` bytes; return them by kind, the titles of the others, and the bytes left.

    After the first figure that does not fit, all others are omitted.
    """
    kinds: dict[str, dict[str, Any]] = {}
    late: list[str] = []
    for job, label in zip(plan.jobs, plan.labels, strict=True):
        it = next(drawn) if room else None
        size = len(it.svg.encode()) if it else 0
        if it is None or size > room:
            room = 0
            late.append(job.title)
            continue
        room -= size
        out.svg(it)
        kind = kinds.setdefault(it.kind, {"title": it.kind, "caption": it.caption, "drawn": []})
        kind["drawn"].append(vars(it) | {"label": label})
    order = [figure.title for figure in FIGURES]
    return sorted(kinds.values(), key=lambda kind: order.index(kind["title"])), [*late, *plan.rest], room


def _where(cells: pd.DataFrame, key: tuple[Any, ...]) -> str:
    """The configuration if the problem has several, otherwise empty."""
    problem, *configured = key
    several = len(cells.loc[cells["problem"] == problem, CONFIGURATION].drop_duplicates()) > 1
    return ", ".join(map(str, configured)) if several else ""
