"""A run with a known truth, and all its figures."""

import dataclasses

import pytest

from gradiometer import analysis
from gradiometer.analysis.scores import summarised
from tests.analysis.figures.pictures import ENTRIES, ONE, draw, in_full, with_peak_rates, work


@pytest.fixture(scope="session")
def frames(make_run):
    grids = ((ONE, "W1", "float32"), (ONE, "W1", "float16"))
    found = analysis.load([make_run(name="few", sizes=(8, 128, 512), grids=grids, work=work, edit=with_peak_rates)])
    return dataclasses.replace(found, scores=summarised(in_full(found)))


@pytest.fixture(scope="session")
def laid_out(frames):
    """Each figure by name, its texts placed."""
    figures = {name: draw(frames, name) for name in ENTRIES}
    for figure in figures.values():
        figure.draw_without_rendering()
    return figures
