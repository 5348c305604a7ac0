"""Where the host's launches, not the device, set the time of a call. No torch here."""

from __future__ import annotations

import pandas as pd

from gradiometer.analysis import text
from gradiometer.storage.schema import BASELINE

LAUNCH_BOUND = 1.2
"""A call whose wall-clock time exceeds its device time by more than this factor waits for its launches: a faster
device would not shorten it, fewer kernels or a captured graph would."""


def wall_over_device(cells: pd.DataFrame) -> pd.Series[float]:
    """Wall-clock over device time of a call; null where the device has no clock, or was not read."""
    device_s = pd.to_numeric(cells["device_time_s"])
    return (cells["time_s"] / device_s).where(device_s > 0)


def sentences(cells: pd.DataFrame) -> list[str]:
    """At which sizes autograd and the fastest form of one problem, wrt and configuration are launch-bound."""
    timed = cells.assign(excess=wall_over_device(cells))
    timed = timed[(timed["status"] == "ok") & timed["excess"].notna()].sort_values(["size", "time_s"])
    forms = timed[timed["family"] == "analytic"].drop_duplicates("size")
    pairs = ((BASELINE, timed[timed["method"] == BASELINE]), ("the fastest form", forms))
    said = [f"{name} {_where(rows)}" for name, rows in pairs if len(rows)]
    return [f"Launch-bound (wall ÷ device time above {LAUNCH_BOUND}): {'; '.join(said)}."] if said else []


def _where(rows: pd.DataFrame) -> str:
    """`at n = 8 to 128 (10.8 to 2.31)`: the sizes, and the quotients at the first and the last of them."""
    bound = rows[rows["excess"] > LAUNCH_BOUND]
    sizes = list(bound["size"])
    if not sizes:
        return f"at no size measured ({text.number(rows['excess'].max())} at most)"
    quotients = " to ".join(text.number(bound["excess"].iloc[place]) for place in dict.fromkeys((0, len(sizes) - 1)))
    between = rows.loc[rows["size"].between(sizes[0], sizes[-1]), "size"]
    contiguous = len(sizes) > 1 and len(between) == len(sizes)
    which = f"{sizes[0]} to {sizes[-1]}" if contiguous else text.listed(map(str, sizes))
    every = "every size measured, " if len(bound) == len(rows) else ""
    return f"at {every}n = {which} ({quotients})"
