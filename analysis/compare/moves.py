"""Which cells are bound by overhead in one run and by work in the other. Frames in, frame out; no torch here."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import Frames
from gradiometer.analysis.insights.explained import with_overhead
from gradiometer.analysis.work import with_limits

OVERHEAD, WORK = "overhead", "work"
MOST_OF_A_CALL = 2 / 3
"""A call is bound by what fills more of it than this; between the two it is bound by neither, lest noise move it."""


def with_bounds(both: pd.DataFrame, frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """`both` (of `matching.matched`) with `bound_a` and `bound_b`: overhead, work, both; null if not fitted."""
    sides = {"a": frames_a, "b": frames_b}
    counted = {run: both[f"cell_id_{run}"].map(_work(frames)) for run, frames in sides.items()}
    flops = counted["a"].fillna(counted["b"])  # a call's flops are its method's and its dimensions', on any machine
    bounds = {f"bound_{run}": both[f"cell_id_{run}"].map(_bounds(it, both, run, flops)) for run, it in sides.items()}
    return both.assign(**bounds)


def _work(frames: Frames) -> pd.Series[float]:
    cells = frames.cells.drop_duplicates("cell_id")
    return pd.Series(cells["flops"].to_numpy(float), cells["cell_id"])


def _bounds(frames: Frames, both: pd.DataFrame, run: str, flops: pd.Series[float]) -> pd.Series[str]:
    """Per `cell_id` of one run, what binds a call by its fitted overhead."""
    known = pd.Series(flops.to_numpy(), both[f"cell_id_{run}"]).groupby(level=0).first()
    cells = frames.cells.assign(flops=frames.cells["cell_id"].map(known))
    fitted = with_overhead(with_limits(cells, frames.runs[0].get("peak_rates")))
    share = fitted["overhead_share"].to_numpy(float)
    bound = np.select([share > MOST_OF_A_CALL, share < 1 - MOST_OF_A_CALL, share >= 0], [OVERHEAD, WORK, "both"], "")
    found = pd.Series(bound, fitted["cell_id"].to_numpy(), object).replace("", None)
    return found[~found.index.duplicated()]
