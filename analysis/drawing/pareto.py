"""Which methods no other one beats: the front of Pareto in time and error, with their intervals. No torch here."""

from __future__ import annotations

import numpy as np
import pandas as pd

QUANTITIES = (("time_s", "time_low_s", "time_high_s"), ("rel_fro", "rel_fro_low", "rel_fro_high"))


def on_front(points: pd.DataFrame) -> pd.Series[bool]:
    """For each of the `points`, methods on one case: is it on the front?

    It is not where another is told apart as better in time or in error (their intervals are apart) and is no worse in
    the other. So a tie, intervals that overlap in both, throws nothing off; an interval that is unknown is its value.
    """
    beaten = np.zeros(len(points), bool)
    columns = [[points[name].fillna(points[names[0]]).to_numpy(float) for name in names] for names in QUANTITIES]
    for (_, low, high), (other, _, _) in (columns, columns[::-1]):
        apart = high[:, np.newaxis] < low[np.newaxis, :]  # the row's method is told apart as better than the column's
        no_worse = other[:, np.newaxis] <= other[np.newaxis, :]
        beaten |= (apart & no_worse).any(axis=0)
    return pd.Series(~beaten, points.index, bool)
