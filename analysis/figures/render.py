"""Figures to SVG texts, many at once in as many processes as there are usable cores. No torch here."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import pandas as pd

from analysis.figures import FIGURES
from analysis.figures.style import Methods
from analysis.figures.svg import as_svg

FEW = 16
"""So many figures are drawn in less time than it takes processes to start and import what draws them."""


@dataclass(frozen=True)
class Job:
    """What to draw: the `figure`'s name in FIGURES, its frame (of its `frame` function), its file's stem and title."""

    figure: str
    frame: pd.DataFrame
    methods: Methods
    stem: str
    title: str


@dataclass(frozen=True)
class Drawn:
    """A drawn figure: `svg` is its file's text; the others are plain text. `kind` is the figure's title without what it
    is of, `reading` one sentence on what it shows.
    """

    title: str
    kind: str
    caption: str
    reading: str
    file: str
    svg: str


def drawn(jobs: Sequence[Job]) -> list[Drawn]:
    """The figures of `jobs`, in order; the same bytes whichever process draws them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(jobs) <= FEW or cores < 2:
        return [_draw(job) for job in jobs]
    # A server that has imported the drawing code forks the workers: no worker imports it again, and none inherits the
    # threads and locks of this process, as a plain fork would.
    context = multiprocessing.get_context(
        "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    )
    context.set_forkserver_preload([__name__])
    # gc.freeze: what was imported is collected no more, which is a seventh of the drawing's time.
    try:
        with ProcessPoolExecutor(min(cores, len(jobs)), context, initializer=gc.freeze) as pool:
            return list(pool.map(_draw, jobs))
    except BrokenProcessPool:  # a caller's script without a __main__ guard, or a worker that was killed
        return [_draw(job) for job in jobs]


def _draw(job: Job) -> Drawn:
    (figure,) = (figure for figure in FIGURES if figure.name == job.figure)
    reading = figure.reading(job.frame, job.methods)
    svg = as_svg(figure.draw(job.frame, job.methods), job.stem, job.title, reading)
    return Drawn(job.title, figure.title, figure.caption, reading, f"{job.stem}.svg", svg)
