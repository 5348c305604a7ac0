"""One file for each figure, and FIGURES, the table of their entries. An entry is called like a function:

    from gradiometer import analysis
    from gradiometer.analysis.figures import roofline

    cells = analysis.load(["results/2026-01-01-quick"]).cells
    roofline(cells.query("problem == 'linear_autoencoder' and wrt == 'W1'")).savefig("roofline.pdf")

May import drawing, insights, frames and text; only the report writes files.
"""

from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.figures.error_against_size import error_against_size
from gradiometer.analysis.figures.error_by_data import error_by_data
from gradiometer.analysis.figures.local_slopes import local_slopes
from gradiometer.analysis.figures.overflow_frontier import overflow_frontier
from gradiometer.analysis.figures.overhead import overhead
from gradiometer.analysis.figures.ratio_map import ratio_map
from gradiometer.analysis.figures.roofline import roofline
from gradiometer.analysis.figures.speed_against_error import speed_against_error
from gradiometer.analysis.figures.speedup import speedup
from gradiometer.analysis.figures.time_against_size import time_against_size
from gradiometer.analysis.figures.ulp_quantiles import ulp_quantiles

__all__ = [
    "FIGURES",
    "FigureEntry",
    "error_against_size",
    "error_by_data",
    "local_slopes",
    "overflow_frontier",
    "overhead",
    "ratio_map",
    "roofline",
    "speed_against_error",
    "speedup",
    "time_against_size",
    "ulp_quantiles",
]

FIGURES = (
    speedup,
    ratio_map,
    time_against_size,
    local_slopes,
    overhead,
    roofline,
    speed_against_error,
    error_against_size,
    ulp_quantiles,
    error_by_data,
    overflow_frontier,
)
"""Every figure of the report, in its order."""
