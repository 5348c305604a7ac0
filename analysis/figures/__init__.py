"""One function per figure: a frame in, a matplotlib Figure out. Only the report writes files.

The frame holds one problem in one configuration (device, threads, numerics, cache) of one run; the methods, which tell
how each is labelled and looks, may be left out.

import analysis
from gradiometer.analysis.figures import speedup
cells = analysis.load(["results/2026-01-01-quick"]).cells
speedup(cells.query("problem == 'linear_autoencoder' and wrt == 'W1'")).savefig("speedup.pdf")
"""

from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.figures.error_against_size import ERROR, error_against_size
from gradiometer.analysis.figures.error_by_data import DATA, error_by_data
from gradiometer.analysis.figures.local_slopes import SLOPES, local_slopes
from gradiometer.analysis.figures.overflow_frontier import OVERFLOW, overflow_frontier
from gradiometer.analysis.figures.overhead import OVERHEAD, overhead
from gradiometer.analysis.figures.ratio_map import RATIO_MAP, ratio_map
from gradiometer.analysis.figures.roofline import ROOFLINE, roofline
from gradiometer.analysis.figures.speed_against_error import SPEED_ERROR, speed_against_error
from gradiometer.analysis.figures.speedup import SPEEDUP, speedup
from gradiometer.analysis.figures.time_against_size import TIME, time_against_size
from gradiometer.analysis.figures.ulp_quantiles import ULP, ulp_quantiles

__all__ = [
    "FIGURES",
    "Figured",
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

FIGURES = (SPEEDUP, RATIO_MAP, TIME, SLOPES, OVERHEAD, ROOFLINE, SPEED_ERROR, ERROR, ULP, DATA, OVERFLOW)
"""Every figure of the report, in its order."""
