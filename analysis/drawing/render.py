"""Figures to SVG texts, many at once in as many processes as there are usable cores. No torch here."""

from __future__ import annotations

import gc
import multiprocessing
import os
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

FEW = 12
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


def expect() -> None:
    """Let the processes that draw begin to import what draws, while this one does something else."""
    if _cores() > 1 and "forkserver" in multiprocessing.get_all_start_methods():
        _context()
        forkserver.ensure_running()


@contextmanager
def drawing(jobs: Sequence[Job]) -> Iterator[Iterator[Drawn]]:
    """Begin to draw the figures of `jobs`; they come in order, and those not taken in the end are not drawn.

    The bytes are the same whichever process draws them.
    """
    if len(jobs) <= FEW or _cores() < 2:
        yield map(_draw, jobs)
        return
    # gc.freeze: what was imported is collected no more, which is a seventh of the drawing's time.
    pool = ProcessPoolExecutor(min(_cores(), len(jobs)), _context(), initializer=gc.freeze)
    try:
        coming = [pool.submit(_draw, job) for job in jobs]
        yield map(_drawn, jobs, coming)
    finally:
        pool.shutdown(cancel_futures=True)


def drawn(jobs: Sequence[Job]) -> list[Drawn]:
    """The figures of `jobs`, in order."""
    with drawing(jobs) as figures:
        return list(figures)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _context() -> BaseContext:
    """A server that has imported the drawing code forks the workers: no worker imports it again, and none inherits the
    threads and locks of this process, as a plain fork would.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _drawn(job: Job, coming: Future[Drawn]) -> Drawn:
    try:
        return coming.result()
    except BrokenProcessPool:  # a caller's script without a __main__ guard, or a worker that was killed
        return _draw(job)


def _draw(job: Job) -> Drawn:
    (figure,) = (figure for figure in FIGURES if figure.name == job.figure)
    reading = figure.reading(job.frame, job.methods)
    svg = as_svg(figure.draw(job.frame, job.methods), job.stem, job.title, reading)
    return Drawn(job.title, figure.title, figure.caption, reading, f"{job.stem}.svg", svg)
