"""The entry of a figure in the table, and the frames that several figures are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from gradiometer.analysis.drawing.style import MUTED, Methods, check, theme
from gradiometer.analysis.frames import CELL, error_summary, methods_of, timed, with_error
from gradiometer.analysis.scores import RANGE, SUMMARY
from gradiometer.analysis.text import short
from gradiometer.storage.schema import TIMED_DATA

Frame = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
NO_SCORES = pd.DataFrame(columns=[*CELL, "data", *SUMMARY, *RANGE])
Numbers = Callable[[pd.DataFrame, Methods], Mapping[str, Any]]


@dataclass(frozen=True)
class FigureEntry:
    """A figure of the report, which is also the function that draws it from the frames of some runs.

    `name` begins its file's name. `frame` takes cells and scores and returns what is drawn, empty where there is
    nothing. `draw` and `numbers` take that frame and the methods; `numbers` are what the figure shows in its first
    panel, as data: `analysis.wording.figures` makes a sentence of them.
    """

    name: str
    title: str
    caption: str
    frame: Frame
    draw: Callable[[pd.DataFrame, Methods], Figure]
    numbers: Numbers

    def __call__(
        self, cells: pd.DataFrame, scores: pd.DataFrame | None = None, methods: Methods | None = None
    ) -> Figure:
        """Draw the figure of `cells` (of `Frames`, filtered), of one problem and, in each run, one configuration
        (device, threads, numerics, cache). The panels of several runs stand side by side.

        Figures of errors need `Frames.scores`. Pass the same `methods` (of `frames.methods_of`) to two figures whose
        methods differ and are to look alike. Raises ValueError where there is nothing to draw or the frame mixes
        problems or configurations.
        """
        check(self.name, cells)
        frame = self.frame(cells, NO_SCORES if scores is None else scores)
        if frame.empty:
            found = "no scores; pass frames.scores" if scores is None else "none; loosen the filter"
            raise ValueError(f"{self.name}: expected rows to draw, got {found}")
        return self.themed(frame, methods_of({}, cells) if methods is None else methods)

    def themed(self, frame: pd.DataFrame, methods: Methods) -> Figure:
        """Draw a frame that `frame` made. Several runs are named A, B, …, with their ids along the top."""
        runs = {run: chr(ord("A") + place) for place, run in enumerate(frame["run_id"].unique())}
        with theme():
            if len(runs) == 1:
                return self.draw(frame, methods)
            figure = self.draw(frame.assign(run_id=frame["run_id"].map(runs)), methods)
            ids = ", ".join(f"{letter}: {short(run, 40)}" for run, letter in runs.items())
            figure.text(0.995, 0.999, ids, ha="right", va="top", fontsize=7, color=MUTED)  # above the titles
            return figure


def timed_or_not(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """All cells; none where none was timed."""
    return cells if len(timed(cells)) else cells.head(0)


def scored(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """All scores; none where no error can be drawn on a logarithmic axis."""
    found = error_summary(cells, scores)
    drawable = (found["rel_fro"] > 0) & (found["data"] == TIMED_DATA)
    return found if drawable.any() else found.head(0)


def timed_and_scored(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """All cells with their error on the data that is timed, and whether it is `finite`; none where none has both a time
    and an error.
    """
    finite = scores.loc[scores["data"] == TIMED_DATA, [*CELL, "finite"]]
    found = with_error(cells, scores).merge(finite, on=CELL, how="left")
    return found if (timed(found)["rel_fro"] > 0).any() else found.head(0)
