"""Why a method takes so much longer than autograd, or so much less: a frame in, a frame and sentences out. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.curves import KEYS, curves
from gradiometer.analysis.frames import SERIES
from gradiometer.statistics import Floats
from gradiometer.storage.schema import BASELINE

BEYOND = 5.0
"""A ratio above this, or below one over it, wants an explanation."""
FAMILIES = ("analytic", "reverse")
"""The others do P times the work by their nature."""

COSTS = [*KEYS, "work", "points", "overhead_s", "cost_s", "misfit"]
_SIDE = ["time_s", "flops", "bytes", "limit_s", "limited_by", "overhead_s", "overhead_share", "misfit"]
EXPLAINED = [*SERIES, "method", "family", "size", "ratio", "cause", *_SIDE, *(f"{n}_autograd" for n in _SIDE)]


def costs(cells: pd.DataFrame) -> pd.DataFrame:
    """For each series × method of at least two sizes: t = `overhead_s` + `cost_s` × work, both at least 0.

    `work` is flops, or bytes where those limit the largest size; `cells` as `work.with_limits` returns them.
    Least squares of the relative error (nonnegative: Lawson & Hanson, Solving Least Squares Problems, 1974, ch. 23);
    `misfit` is the largest relative error that is left: the cost of work is not the same at every size.
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
    """The α, β ≥ 0 with the least ‖αa + βb − y‖², row by row: inside, or on the better of the two edges.

    For two terms that is all that the algorithm of Lawson & Hanson comes to. b is made orthogonal to a first, as in QR:
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
    """`cells` with the `overhead_s` of their series and method, the fit's `misfit`, and `overhead_share`, the overhead
    over the time, at most 1; null where no fit is possible.
    """
    fitted = cells.merge(costs(cells)[[*SERIES, "method", "overhead_s", "misfit"]], on=[*SERIES, "method"], how="left")
    return fitted.assign(overhead_share=(fitted["overhead_s"] / fitted["time_s"]).clip(upper=1))


def explained(cells: pd.DataFrame) -> pd.DataFrame:
    """Every cell of a form or of reverse mode whose ratio is above BEYOND or below one over it, and the `cause`.

    The cause is what fills more than half of the slower call, method or autograd: dispatch (its fitted overhead), else
    what limits it at the machine's peak_rates: work (flops) or memory (bytes). Null where the fit is not possible, as
    without flops.
    """
    fitted = with_overhead(cells)
    base = fitted.loc[fitted["method"] == BASELINE, ["run_id", "case_id", *_SIDE]]
    both = fitted.merge(base, on=["run_id", "case_id"], suffixes=("", "_autograd"))
    beyond = (both["ratio"] > BEYOND) | (both["ratio"] < 1 / BEYOND)
    rows = both[beyond & both["family"].isin(FAMILIES)].copy()
    rows["cause"] = _causes(rows)
    return rows[EXPLAINED].reset_index(drop=True)


def _causes(rows: pd.DataFrame) -> pd.Series[str]:
    slow = rows["ratio"] > 1
    share = rows["overhead_share"].where(slow, rows["overhead_share_autograd"])
    limited_by = rows["limited_by"].where(slow, rows["limited_by_autograd"])
    unknown = rows[["overhead_share", "overhead_share_autograd"]].isna().any(axis=1)
    causes = np.select([share > 0.5, limited_by == "bytes"], ["dispatch", "memory"], "work")
    return pd.Series(causes, rows.index, dtype=object).where(~unknown, None)


def sentences(rows: pd.DataFrame) -> list[str]:
    """One sentence for a method over the sizes at which it has one cause; `rows` as `explained` returns them."""
    return list(_sentences(rows))


def _sentences(rows: pd.DataFrame) -> Iterator[str]:
    unexplained = rows[rows["cause"].isna()]
    told = rows[rows["cause"].notna()]
    records = told.sort_values("size").to_dict("records")
    for method in told["method"].drop_duplicates():
        of_method = [row for row in records if row["method"] == method]
        for (slow, cause), group in groupby(of_method, key=lambda row: (row["ratio"] > 1, row["cause"])):
            same = list(group)
            yield f"{method} {_how(same, slow)} by {cause}: {_FIGURES[cause](same[-1], slow)}."
    if len(unexplained):
        which = [
            f"{method} at {_sizes(list(of_method['size']))}"
            for method, of_method in unexplained.groupby("method", sort=False)
        ]
        uncounted = unexplained[["flops", "flops_autograd"]].isna().any(axis=None)
        lacking = "flops were not counted" if uncounted else "it takes two sizes to tell"
        beyond = f"Above {BEYOND:g} times {BASELINE}'s time, or below 1/{BEYOND:g} of it"
        yield f"{beyond}, and not explained, as {lacking}: {text.listed(which)}."


def _sizes(sizes: list[int]) -> str:
    return f"n = {text.listed(map(str, sizes))}" if len(sizes) < 3 else f"n = {sizes[0]} to {sizes[-1]}"


def _how(rows: list[Any], slow: bool) -> str:
    times = sorted(row["ratio"] if slow else 1 / row["ratio"] for row in rows)
    ends = list(dict.fromkeys(text.number(value) for value in (times[0], times[-1])))
    many = " to ".join(ends)
    what = f"takes {many} times {BASELINE}'s time" if slow else f"is {many} times as fast as {BASELINE}"
    return f"{what} at {_sizes([row['size'] for row in rows])},"


def _dispatch(row: Any, slow: bool) -> str:
    mine, other = row["overhead_s"], row["overhead_s_autograd"]
    shares = f"{row['overhead_share']:.0%} and {row['overhead_share_autograd']:.0%} of a call at n = {row['size']}"
    times = f", {_times(mine, other, slow)}" if min(mine, other) > 0 else ""
    return f"an overhead of {text.seconds(mine)} against {text.seconds(other)}{times} ({shares})"


def _work(row: Any, slow: bool) -> str:
    mine, other = row["flops"], row["flops_autograd"]
    rate = (mine / row["time_s"]) / (other / row["time_s_autograd"])
    return (
        f"{text.scientific(mine)} flops against {text.scientific(other)} at n = {row['size']}, "
        f"{_times(mine, other, slow)}, at {text.number(rate)} times {BASELINE}'s rate{_why_faster(row, slow)}"
    )


def _memory(row: Any, slow: bool) -> str:
    end = "" if slow else "_autograd"
    who = "it" if slow else BASELINE
    share = row[f"limit_s{end}"] / row[f"time_s{end}"]
    return (
        f"at n = {row['size']} {who} reads and writes {text.size_bytes(row[f'bytes{end}'])}, which takes "
        f"{text.seconds(row[f'limit_s{end}'])} at this machine's bandwidth, {share:.0%} of the call; "
        f"flops are {text.number(row['flops'] / row['flops_autograd'])} times {BASELINE}'s{_why_faster(row, slow)}"
    )


_FIGURES = {"dispatch": _dispatch, "work": _work, "memory": _memory}


def _times(mine: float, other: float, slow: bool) -> str:
    """`3.1 times as much`, or `3.1 times less`, whichever way the time goes, if it goes that way."""
    if (mine > other) == slow and mine != other:
        return f"{text.number(max(mine, other) / min(mine, other))} times {'as much' if slow else 'less'}"
    return f"{text.number(mine / other)} times as much"


def _why_faster(row: Any, slow: bool) -> str:
    """What holds back the faster of the two, where it is not flops: the reason why rates differ."""
    end, who = ("_autograd", BASELINE) if slow else ("", row["method"])
    if row[f"overhead_share{end}"] > 0.5:
        return f" ({row[f'overhead_share{end}']:.0%} of {who}'s call is overhead)"
    if row[f"limited_by{end}"] != "bytes":
        return ""
    share = row[f"limit_s{end}"] / row[f"time_s{end}"]
    return f" (what limits {who} is memory, whose bandwidth it reaches to {share:.0%})"
