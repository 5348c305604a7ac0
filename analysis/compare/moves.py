"""Bounds of calls: is a cell bound by overhead or by work, in each of two runs?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import Frames
from gradiometer.analysis.insights.cause import with_overhead
from gradiometer.analysis.work import with_limits

OVERHEAD, WORK = "overhead", "work"
MOST_OF_A_CALL = 2 / 3
"""A call is bound by overhead (or work) that takes more than this share of it; in between it is bound by both."""


def with_bounds(both: pd.DataFrame, frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """`both` (of `matching.matched`) with `bound_a` and `bound_b`: overhead, work or both; null without a fit."""
    sides = {"a": frames_a, "b": frames_b}
    counted = {run: both[f"cell_id_{run}"].map(_flops(frames)) for run, frames in sides.items()}
    flops = counted["a"].fillna(counted["b"])  # flops do not depend on the machine
    bounds = {f"bound_{run}": both[f"cell_id_{run}"].map(_bounds(it, both, run, flops)) for run, it in sides.items()}
    return both.assign(**bounds)


def _flops(frames: Frames) -> pd.Series[float]:
    return frames.cells.drop_duplicates("cell_id").set_index("cell_id")["flops"].astype(float)


def _bounds(frames: Frames, both: pd.DataFrame, run: str, flops: pd.Series[float]) -> pd.Series[str]:
    """`cell_id` of one run → its bound, by the fitted overhead."""
    known = pd.Series(flops.to_numpy(), both[f"cell_id_{run}"]).groupby(level=0).first()
    cells = frames.cells.assign(flops=frames.cells["cell_id"].map(known))
    fitted = with_overhead(with_limits(cells, frames.runs[0].get("peak_rates")))
    share = fitted["overhead_share"].to_numpy(float)
    bound = np.select([share > MOST_OF_A_CALL, share < 1 - MOST_OF_A_CALL, share >= 0], [OVERHEAD, WORK, "both"], "")
    found = pd.Series(bound, fitted["cell_id"].to_numpy(), object).replace("", None)
    return found[~found.index.duplicated()]
