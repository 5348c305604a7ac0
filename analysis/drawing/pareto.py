"""Pareto-optimal methods in time and error, with their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

QUANTITIES = (("time_s", "time_low_s", "time_high_s"), ("rel_fro", "rel_fro_low", "rel_fro_high"))


def on_front(points: pd.DataFrame) -> pd.Series[bool]:
    """Whether each of the `points`, the methods of one case, is Pareto-optimal.

    A method is not where another one is significantly better in time or error (their intervals do not overlap) and not
    worse in the other. Intervals that overlap in both are a tie. An unknown interval is the value alone.
    """
    beaten = np.zeros(len(points), bool)
    columns = [[points[name].fillna(points[names[0]]).to_numpy(float) for name in names] for names in QUANTITIES]
    for (_, low, high), (other, _, _) in (columns, columns[::-1]):
        apart = high[:, np.newaxis] < low[np.newaxis, :]  # the row's method is better than the column's
        no_worse = other[:, np.newaxis] <= other[np.newaxis, :]
        beaten |= (apart & no_worse).any(axis=0)
    return pd.Series(~beaten, points.index, bool)
