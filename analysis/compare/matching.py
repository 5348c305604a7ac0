"""Matching of the cells of two runs: which are compared, and why the others are not."""

from __future__ import annotations

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import Frames

CASE = ["problem", "wrt", "size", "dims", "dtype"]
CONDITIONS = ["device", "threads", "numerics"]
"""Part of the matching key, except a condition of which the runs have no value in common."""

COMPARED = ("ok", "nonfinite")
"""Statuses of the cells that are compared. The time of a wrong gradient says nothing."""

_KEPT = ["cell_id", "case_id", "status", "time_s", "device_time_s"]


def dropped(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """The conditions that the matching key omits, because the runs have no value in common."""
    apart = [name for name in CONDITIONS if not set(a[name]) & set(b[name])]
    # Threads belong to a device: one thread of a CPU and one of a GPU are not the same condition.
    return [name for name in CONDITIONS if name in apart or (name == "threads" and "device" in apart)]


def matched(frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """Every cell that either run planned, in A's order: problem, wrt, size, dims, dtype, cache, method, family, and of
    each run (`_a`, `_b`) cell_id, case_id, device, threads, numerics, status, time_s, device_time_s.

    `reason` is why a cell is not compared, null where it is; `matched_by` is `cell_id`, or names the conditions that
    were omitted.
    """
    a, b = frames_a.cells, frames_b.cells
    without = dropped(a, b)
    keys = [*CASE, "cache", "method", *(name for name in CONDITIONS if name not in without)]
    sides = []
    for run, cells in (("a", a), ("b", b)):
        conditions = {f"{name}_{run}": cells[name] for name in CONDITIONS}
        sides.append(cells[[*keys, "family", *_KEPT]].assign(place=range(len(cells)), **conditions))
    both = sides[0].merge(sides[1], on=keys, how="outer", suffixes=("_a", "_b"))
    both = both.sort_values(["place_a", "place_b"], ignore_index=True)
    both["family"] = both.pop("family_a").combine_first(both.pop("family_b"))
    states = (both[f"{name}_{run}"] for run in "ab" for name in ("status", "time_s"))
    both["reason"] = pd.Series([_why_not(*row) for row in zip(*states, strict=True)], both.index, object)
    both["matched_by"] = f"cell_id without {text.listed(without)}" if without else "cell_id"
    return both.drop(columns=["place_a", "place_b", *(name for name in CONDITIONS if name in both)])


def _why_not(status_a: str | None, time_a: float, status_b: str | None, time_b: float) -> str | None:
    states = {}
    for run, status, time_s in (("A", status_a, time_a), ("B", status_b, time_b)):
        if pd.isna(status):
            return f"not in {run}"
        if status not in COMPARED or not time_s > 0:
            states[run] = status if status != "ok" else "no time"
    if len(states) == 2 and len(set(states.values())) == 1:
        return f"{states['A']} in both"
    return ", ".join(f"{state} in {run}" for run, state in states.items()) or None
