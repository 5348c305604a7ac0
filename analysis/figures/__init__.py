"""One function per figure: a frame and the methods in, a matplotlib Figure out. Only the report writes files.

The frame holds one problem in one configuration (device, threads, numerics, cache).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.error_against_size import error_against_size
from analysis.figures.error_by_data import by_data_frame, error_by_data
from analysis.figures.overflow_frontier import frontier_frame, overflow_frontier
from analysis.figures.speed_against_error import speed_against_error
from analysis.figures.speedup import speedup
from analysis.figures.style import Methods
from analysis.figures.time_against_size import time_against_size
from analysis.figures.ulp_quantiles import ulp_frame, ulp_quantiles
from analysis.frames import error_summary, timed, with_error
from bench.schema import TIMED_DATA


@dataclass(frozen=True)
class Figured:
    """A figure of the report: its name (a file's), title, what to know when reading it, its frame and its function.

    `frame` takes cells and errors; where what it returns is empty, there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    frame: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
    draw: Callable[[pd.DataFrame, Methods], Figure]
    reading: Callable[[pd.DataFrame, Methods], str] = lambda frame, methods: ""


def _timed_or_not(cells: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    return cells if len(timed(cells)) else cells.head(0)


def _scored(cells: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    found = error_summary(cells, errors)
    drawable = (found["rel_fro"] > 0) & (found["data"] == TIMED_DATA)
    return found if drawable.any() else found.head(0)


def _timed_and_scored(cells: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    found = with_error(cells, errors)
    return found if (timed(found)["rel_fro"] > 0).any() else found.head(0)


FIGURES = (
    Figured(
        "speedup",
        "Speed-up over autograd",
        "Above the black line the method is faster than autograd. Bars: 95 % interval of the paired ratio.",
        _timed_or_not,
        speedup,
    ),
    Figured(
        "time",
        "Time against size",
        "Time of one call, less that of an empty call. Bars: 95 % interval over processes.",
        _timed_or_not,
        time_against_size,
    ),
    Figured(
        "speed_error",
        "Speed against error",
        "Left is faster, below is more precise. Dashed: unit roundoff u of each dtype (u f32: of float32). "
        "Bars: 95 % interval of the time, range of the error over seeds.",
        _timed_and_scored,
        speed_against_error,
    ),
    Figured(
        "error",
        "Error against size",
        "Relative error in the Frobenius norm against the reference: median over seeds, bars their range. "
        "Dashed: unit roundoff u of the dtype (u f32: of float32). Dotted, √n · u: the growth to expect of n roundings "
        "of random sign, where products are summed in the dtype itself.",
        _scored,
        error_against_size,
    ),
    Figured(
        "ulp",
        "Error of the entries, in ULP",
        "On uniform data, medians over seeds: the band goes from the median entry to the 99th percentile, the dotted "
        "line is the worst entry of any seed. Dashed: ½ ULP, the most that one rounding to nearest costs. "
        "A line that is not seen lies under another's.",
        lambda cells, errors: ulp_frame(error_summary(cells, errors)),
        ulp_quantiles,
    ),
    Figured(
        "data",
        "Error by kind of data",
        "Medians over seeds, in units of roundoff. Where terms cancel, the relative error grows as κ = ‖B‖ ÷ ‖g*‖ does "
        "(B: the sum of the terms' absolute values), which is the data's doing; the error relative to the terms "
        "is the method's. Dashed: u.",
        lambda cells, errors: by_data_frame(error_summary(cells, errors)),
        error_by_data,
    ),
    Figured(
        "overflow",
        "Overflow frontier",
        "The worst over seeds; nothing stands where nothing was scored. A cross marks what the method is to blame for: "
        "an entry that is not finite although the true value is representable.",
        frontier_frame,
        overflow_frontier,
    ),
)
