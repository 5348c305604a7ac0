"""The entry of a figure in the table, and the frames that several figures are drawn from. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from gradiometer.analysis.drawing.style import Methods
from gradiometer.analysis.frames import error_summary, timed, with_error
from gradiometer.storage.schema import TIMED_DATA


@dataclass(frozen=True)
class Figured:
    """A figure of the report: its name (a file's), title, what to know when reading it, its frame and its functions.

    `frame` takes cells (of `work.with_limits`) and scores; where what it returns is empty, there is nothing
    to draw. `draw` and `reading` take that frame and the methods; `reading` returns one sentence, computed from the
    data, that says what the figure shows.
    """

    name: str
    title: str
    caption: str
    frame: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
    draw: Callable[..., Figure]
    reading: Callable[[pd.DataFrame, Methods], str]


def timed_or_not(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """All cells; none where none was timed."""
    return cells if len(timed(cells)) else cells.head(0)


def scored(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """All scores; none where no error can be drawn on a logarithmic axis."""
    found = error_summary(cells, scores)
    drawable = (found["rel_fro"] > 0) & (found["data"] == TIMED_DATA)
    return found if drawable.any() else found.head(0)


def timed_and_scored(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """All cells with their error on the data that is timed; none where none has both a time and an error."""
    found = with_error(cells, scores)
    return found if (timed(found)["rel_fro"] > 0).any() else found.head(0)
