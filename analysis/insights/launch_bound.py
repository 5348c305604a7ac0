"""Where the host's kernel launches, not the device, set the time of a call."""

from __future__ import annotations

import pandas as pd

from gradiometer.analysis.frames import analytic
from gradiometer.analysis.insights.insight import INFO, Insight, where_of
from gradiometer.analysis.insights.view import WHERE, View
from gradiometer.storage.schema import BASELINE

LAUNCH_BOUND = 1.2
"""A call whose wall-clock time exceeds its device time by more than this factor waits for its launches: a faster
device would not shorten it, fewer kernels or a captured graph would."""


def wall_over_device(cells: pd.DataFrame) -> pd.Series[float]:
    """Wall-clock over device time of a call; null where the device has no clock, or it was not read."""
    device_s = pd.to_numeric(cells["device_time_s"])
    return (cells["time_s"] / device_s).where(device_s > 0)


def launch_bound(view: View) -> list[Insight]:
    """`launch_bound` for autograd and for the fastest form (`method`): the `sizes` at which calls wait for launches,
    wall-clock over device time there (`times`), and how many sizes were `measured`. None where no size is.
    """
    timed = view.leading.assign(excess=wall_over_device(view.leading))
    timed = timed[(timed["status"] == "ok") & timed["excess"].notna()].sort_values(["size", "time_s"])
    found = []
    for _, case in timed.groupby(WHERE, sort=False):
        forms = analytic(case).drop_duplicates("size")
        for method, rows in ((BASELINE, case[case["method"] == BASELINE]), ("the fastest form", forms)):
            bound = rows[rows["excess"] > LAUNCH_BOUND]
            if len(bound):
                numbers = {"method": method, "sizes": list(bound["size"]), "times": list(bound["excess"])}
                numbers["measured"] = list(rows["size"])
                found.append(Insight("launch_bound", INFO, where_of(bound.iloc[0]), numbers))
    return found
