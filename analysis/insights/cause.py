"""Why a method is much slower or much faster than autograd: dispatch, work or memory, where the figures show it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.curves import KEYS, curves
from gradiometer.analysis.frames import SERIES
from gradiometer.analysis.insights.insight import INFO, Insight, where_of
from gradiometer.analysis.insights.view import WHERE, View
from gradiometer.statistics import Floats
from gradiometer.storage.schema import BASELINE

BEYOND = 5.0
"""A ratio above this, or below its inverse, is explained where possible."""
EXPLAINED = ("analytic", "reverse")
"""The other families evaluate the function many times by their nature."""

MORE = 1.5
"""Work or memory traffic explains a ratio only where the slower method has this many times as much of it."""

COSTS = [*KEYS, "work", "points", "overhead_s", "cost_s", "misfit"]
_SIDE = ["time_s", "flops", "bytes", "limit_s", "limited_by", "overhead_s", "overhead_share", "misfit"]
CAUSES = [*SERIES, "method", "family", "size", "ratio", "cause", *_SIDE, *(f"{n}_autograd" for n in _SIDE)]


def costs(cells: pd.DataFrame) -> pd.DataFrame:
    """The fit t = `overhead_s` + `cost_s` × work, both at least 0, for each series × method of at least two sizes.

    `work` is flops, or bytes where those limit the largest size; `cells` as `work.with_limits` returns them.
    Least squares of the relative error (nonnegative: Lawson & Hanson, Solving Least Squares Problems, 1974, ch. 23).
    `misfit` is the largest relative residual; it is large where the cost of work changes with the size.
    """
    whole = curves(cells)
    by_bytes = whole.of_each((whole.cells["limited_by"] == "bytes").to_numpy()[whole.stops])
    work = np.where(by_bytes, whole.cells["bytes"].to_numpy(float), whole.cells["flops"].to_numpy(float))
    known = whole.where(work > 0)
    rows = known.rectangle()
    rows = rows[(rows >= 0).sum(axis=1) > 1]
    there, first = rows >= 0, rows[:, 0]
    t = known.cells["time_s"].to_numpy(float)[rows]
    once, of_work = np.where(there, 1 / t, 0.0), np.where(there, work[work > 0][rows] / t, 0.0)
    overhead_s, cost_s = _nonnegative(once, of_work, there.astype(float))
    left = overhead_s[:, np.newaxis] * once + cost_s[:, np.newaxis] * of_work - there
    misfit = np.abs(left).max(axis=1)
    found: pd.DataFrame = known.cells[KEYS].iloc[first].reset_index(drop=True)
    by = np.where(by_bytes[work > 0][first], "bytes", "flops")
    fit = {"overhead_s": overhead_s, "cost_s": cost_s, "misfit": misfit}
    return found.assign(work=by, points=there.sum(axis=1), **fit).reindex(columns=COSTS)


def _nonnegative(a: Floats, b: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The α, β ≥ 0 that minimise ‖αa + βb − y‖², row by row: the unconstrained solution, or the better of the edges.

    For two terms the algorithm of Lawson & Hanson reduces to this. b is first made orthogonal to a, as in QR, because
    the normal equations would square the condition number.
    """

    def along(x: Floats, z: Floats) -> Floats:
        share: Floats = (x * z).sum(axis=1) / (x**2).sum(axis=1)
        return share

    with np.errstate(divide="ignore", invalid="ignore"):
        shadow = along(a, b)
        beta = along(b - shadow[:, np.newaxis] * a, y)
        alpha = along(a, y - beta[:, np.newaxis] * b)
    of_a, of_b = along(a, y), along(b, y)
    on_a = ((of_a[:, np.newaxis] * a - y) ** 2).sum(axis=1) < ((of_b[:, np.newaxis] * b - y) ** 2).sum(axis=1)
    inside = (alpha >= 0) & (beta >= 0)
    return np.where(inside, alpha, np.where(on_a, of_a, 0.0)), np.where(inside, beta, np.where(on_a, 0.0, of_b))


def with_overhead(cells: pd.DataFrame) -> pd.DataFrame:
    """`cells` with `overhead_s` and `misfit` of the fit of their series and method, and `overhead_share`, the overhead
    over the time, at most 1; null where no fit is possible.
    """
    fitted = cells.merge(costs(cells)[[*SERIES, "method", "overhead_s", "misfit"]], on=[*SERIES, "method"], how="left")
    return fitted.assign(overhead_share=(fitted["overhead_s"] / fitted["time_s"]).clip(upper=1))


def causes(cells: pd.DataFrame) -> pd.DataFrame:
    """Every form or reverse-mode method whose ratio is significant and beyond BEYOND or its inverse, with the `cause`.

    - dispatch: the difference of the fitted overheads is more than half of the difference of the times;
    - work: the slower method performs at least MORE times as many flops, which limit it;
    - memory: bytes limit the slower method, and it moves at least MORE times as many, or they fill half of its time.

    Null where none of these holds, or where flops were not counted or a single size was timed: not explained.
    """
    fitted = with_overhead(cells)
    base = fitted.loc[fitted["method"] == BASELINE, ["run_id", "case_id", *_SIDE]]
    both = fitted.merge(base, on=["run_id", "case_id"], suffixes=("", "_autograd"))
    beyond = (both["ratio"] > BEYOND) | (both["ratio"] < 1 / BEYOND)
    is_decided = both["verdict"].isin(["faster", "slower"])
    rows = both[beyond & is_decided & both["family"].isin(EXPLAINED)].copy()
    rows["cause"] = _causes(rows)
    return rows[CAUSES].reset_index(drop=True)


def _causes(rows: pd.DataFrame) -> pd.Series[str]:
    is_slow = rows["ratio"] > 1
    sign = np.where(is_slow, 1.0, -1.0)

    def more(name: str) -> pd.Series[float]:
        """The quantity of the slower method over that of the faster one."""
        quotient = rows[name].astype(float) / rows[f"{name}_autograd"].astype(float)
        return quotient.where(is_slow, 1 / quotient)

    saved_s = sign * (rows["time_s"] - rows["time_s_autograd"])
    dispatch = sign * (rows["overhead_s"] - rows["overhead_s_autograd"]) > 0.5 * saved_s
    by_bytes = rows["limited_by"].where(is_slow, rows["limited_by_autograd"]) == "bytes"
    filled = (rows["limit_s"] / rows["time_s"]).where(is_slow, rows["limit_s_autograd"] / rows["time_s_autograd"])
    memory = by_bytes & ((more("bytes") >= MORE) | (filled >= 0.5))
    work = ~by_bytes & (more("flops") >= MORE)
    unknown = rows[["overhead_share", "overhead_share_autograd"]].isna().any(axis=1)
    found = np.select([dispatch, memory, work], ["dispatch", "memory", "work"], "")
    return pd.Series(found, rows.index, dtype=object).where(~unknown & (found != ""), None)


def cause(view: View) -> list[Insight]:
    """`dispatch`, `work` or `memory` for a method over the `sizes` at which it has this cause, with the `ratios` there
    and the columns of CAUSES at the last of them (`row`). `not_explained`: `methods`, each with its sizes.
    """
    found = []
    rows = causes(view.leading).sort_values("size", kind="stable")
    for _, of_case in rows.groupby(WHERE, sort=False):
        where = where_of(of_case.iloc[0])
        explained = of_case[of_case["cause"].notna()]
        for method, of_method in explained.groupby("method", sort=False):
            records = of_method.to_dict("records")
            for (_, kind), group in groupby(records, key=lambda row: (row["ratio"] > 1, row["cause"])):
                same = list(group)
                numbers = {"method": method, "sizes": [row["size"] for row in same],
                           "ratios": [row["ratio"] for row in same], "row": same[-1]}  # fmt: skip
                found.append(Insight(str(kind), INFO, where, numbers))
        without = of_case[of_case["cause"].isna()]
        if len(without):
            methods: dict[Any, list[int]] = {
                name: list(it["size"]) for name, it in without.groupby("method", sort=False)
            }
            uncounted = bool(without[["flops", "flops_autograd"]].isna().any(axis=None))
            found.append(Insight("not_explained", INFO, where, {"methods": methods, "flops_counted": not uncounted}))
    return found
