"""Drawing of many figures as SVG, in as many processes as there are usable cores."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

import pandas as pd

from gradiometer.analysis.drawing.style import Methods
from gradiometer.analysis.drawing.svg import as_svg
from gradiometer.analysis.figures import FIGURES
from gradiometer.analysis.reduce import usable_cores
from gradiometer.analysis.wording.figures import sentence

FEW = 12
"""Up to so many figures are drawn in this process, because starting others takes longer."""


@dataclass(frozen=True)
class Job:
    """A figure to draw: its name in FIGURES, its frame (of its `frame` function), its file's stem, and its title."""

    figure: str
    frame: pd.DataFrame
    methods: Methods
    stem: str
    title: str


@dataclass(frozen=True)
class Drawn:
    """A drawn figure: `svg` is the text of its file; the others are plain text. `kind` is the title without the
    problem; `reading` is one sentence on what the figure shows.
    """

    title: str
    kind: str
    caption: str
    reading: str
    file: str
    svg: str


def expect() -> None:
    """Let the processes that draw begin to import what draws, while this one does something else."""
    if usable_cores() > 1 and "forkserver" in multiprocessing.get_all_start_methods():
        _context()
        forkserver.ensure_running()


@contextmanager
def drawing(jobs: Sequence[Job]) -> Iterator[Iterator[Drawn]]:
    """Start drawing the figures of `jobs`, and iterate over them in order; figures not taken are cancelled.

    The bytes do not depend on the process that draws them.
    """
    if len(jobs) <= FEW or usable_cores() < 2:
        yield map(_draw, jobs)
        return
    # gc.freeze exempts imported modules from garbage collection, which saves a seventh of the drawing time.
    pool = ProcessPoolExecutor(min(usable_cores(), len(jobs)), _context(), initializer=gc.freeze)
    try:
        coming = [pool.submit(_draw, job) for job in jobs]
        yield map(_drawn, jobs, coming)
    finally:
        pool.shutdown(cancel_futures=True)


def drawn(jobs: Sequence[Job]) -> list[Drawn]:
    """The figures of `jobs`, in order."""
    with drawing(jobs) as figures:
        return list(figures)


def _context() -> BaseContext:
    """A fork server that imports the drawing code once. A plain fork would inherit the threads and locks of this
    process.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _drawn(job: Job, coming: Future[Drawn]) -> Drawn:
    try:
        return coming.result()
    except BrokenProcessPool:  # a script without a __main__ guard, or a killed worker
        return _draw(job)


def _draw(job: Job) -> Drawn:
    (figure,) = (figure for figure in FIGURES if figure.name == job.figure)
    reading = sentence(figure.name, figure.numbers(job.frame, job.methods))
    svg = as_svg(figure.themed(job.frame, job.methods), job.stem, job.title, reading)
    return Drawn(job.title, figure.title, figure.caption, reading, f"{job.stem}.svg", svg)
