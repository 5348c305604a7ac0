"""Which cells are bound by overhead in one run and by work in the other. Frames in, frame out; no torch here."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.explained import with_overhead
from analysis.frames import Frames
from analysis.work import with_limits

OVERHEAD, WORK = "overhead", "work"
MOST_OF_A_CALL = 2 / 3
"""A call is bound by what fills more of it than this; between the two it is bound by neither, lest noise move it."""


def bounds(frames: Frames) -> pd.Series[str]:
    """Per `cell_id` of one run, what binds a call by its fitted overhead: overhead, work, both; null if not fitted."""
    cells = with_overhead(with_limits(frames.cells, frames.runs[0].get("ceilings")))
    share = cells["overhead_share"].to_numpy(float)
    bound = np.select([share > MOST_OF_A_CALL, share < 1 - MOST_OF_A_CALL, share >= 0], [OVERHEAD, WORK, "both"], "")
    return pd.Series(bound, cells["cell_id"].to_numpy(), object).replace("", None)


def with_bounds(both: pd.DataFrame, frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """`both` (of `matching.matched`) with `bound_a` and `bound_b`."""
    sides = {f"bound_{run}": both[f"cell_id_{run}"].map(bounds(it)) for run, it in (("a", frames_a), ("b", frames_b))}
    return both.assign(**sides)
