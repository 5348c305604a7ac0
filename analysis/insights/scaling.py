"""How times grow with size: exponents, crossovers, and when preparing pays. Frame in, frame out; no torch here.

Every function takes `cells` (of `Frames`, with its `shape` column) and returns one row per finding, which begins with
the columns of `SERIES` and `method`. Intervals are 95 % and come from the cells' own; null where those are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.curves import KEYS, Integers, curves
from gradiometer.analysis.frames import SERIES, timed
from gradiometer.analysis.insights.decision import decisions
from gradiometer.statistics import BAND, Floats, half_width
from gradiometer.storage.schema import BASELINE

TAIL = 4
"""A tail exponent is fitted over the sizes of at least the largest over this."""

EXPONENTS = [*KEYS, "scope", "size_from", "size_to", "points", "exponent", "exponent_low", "exponent_high"]
CROSSOVERS = [*KEYS, "size_from", "size_to", "relation", "size", "size_low", "size_high"]
PREPARING = [*SERIES, "size", "dims", "method", "other", "setup_s", "time_s", "other_time_s"]


def _slopes(points: pd.DataFrame, rows: Integers) -> tuple[Floats, Floats, Floats]:
    """Weighted least-squares slopes of log time on log size, with their 95 % intervals.

    `rows` of `points` are curve × point, -1 where a curve has no more. β = Σw(x−x̄)y / Σw(x−x̄)², w = 1/s². A spread
    below the ±1 % band is processes agreeing by luck, so s is at least that. With more than two points the interval is
    widened by √(χ²/(k−2)) where that exceeds 1, so that a curve that is no power law says so: R. T. Birge, "The
    calculation of errors by the method of least squares", Phys. Rev. 40 (1932).
    """
    there = rows >= 0
    size, time_s, log_ses, dfs = (points[name].to_numpy(float)[rows] for name in ("size", *_TIMES))
    x, y = np.log(size), np.log(time_s)
    errors = np.where(there, np.maximum(log_ses, BAND), 0.0)
    known = np.isfinite(errors).all(axis=1, keepdims=True)
    weights = np.where(there, 1 / np.where(known & there, errors, 1.0) ** 2, 0.0)
    centred = x - _mean(x, weights)
    shares = weights * centred / (weights * centred**2).sum(axis=1, keepdims=True)
    slopes = (shares * y).sum(axis=1)
    residuals = y - _mean(y, weights) - slopes[:, np.newaxis] * centred
    free = there.sum(axis=1) - 2
    lack_of_fit = np.where(free > 0, (weights * residuals**2).sum(axis=1) / np.maximum(free, 1), 1.0)
    half = half_width(shares * errors, np.where(there, dfs, np.inf)) * np.sqrt(np.maximum(lack_of_fit, 1.0))
    return slopes, slopes - half, slopes + half


def _mean(values: Floats, weights: Floats) -> Floats:
    mean: Floats = (weights * values).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    return mean


def _exponents(points: pd.DataFrame, rows: Integers, scope: str) -> pd.DataFrame:
    counts = (rows >= 0).sum(axis=1)
    first, last = rows[:, 0], rows[np.arange(len(rows)), counts - 1]
    sizes = points["size"].to_numpy()
    found = points[KEYS].iloc[first].reset_index(drop=True)
    found = found.assign(scope=scope, size_from=sizes[first], size_to=sizes[last], points=counts)
    slopes = zip(("exponent", "exponent_low", "exponent_high"), _slopes(points, rows), strict=True)
    return found.assign(**dict(slopes))[EXPONENTS]


def local_exponents(cells: pd.DataFrame) -> pd.DataFrame:
    """The exponent between every two successive sizes of a curve: log(t₂/t₁) / log(n₂/n₁)."""
    found = curves(cells)
    starts = np.flatnonzero(found.number[1:] == found.number[:-1])
    return _exponents(found.cells, np.stack([starts, starts + 1], axis=1), "local")


def tail_exponents(cells: pd.DataFrame) -> pd.DataFrame:
    """The exponent a of time ∝ sizeᵃ over each curve's largest sizes (size ≥ largest / 4), where there are two."""
    whole = curves(cells)
    sizes = whole.cells["size"].to_numpy()
    tails = whole.where(sizes >= whole.of_each(sizes[whole.stops]) / TAIL)
    several = tails.stops > tails.starts
    return _exponents(tails.cells, tails.rectangle()[several], "tail")


def verdicts(cells: pd.DataFrame) -> pd.Series[str]:
    """The column `verdict` of `cells`, or `decision.decisions` where a frame does not have it yet."""
    return cells["verdict"] if "verdict" in cells else decisions(cells)


def crossovers(cells: pd.DataFrame) -> pd.DataFrame:
    """Where each method crosses autograd: `size` with `size_low`, `size_high`, and `relation` in words.

    A crossing lies between two successive sizes at which the verdicts are decided and differ; what is undecided in
    between is stepped over, so noise around 1 makes none. The log of the ratio is interpolated linearly in log size,
    and so are the ends of its interval: they pass 1 between the same two sizes, which bounds the crossing.
    A method that never crosses has one row without a size, whose relation says so; one per crossing otherwise.
    """
    compared = curves(cells[(cells["method"] != BASELINE) & cells["ratio"].notna()])
    points, sizes = compared.cells, compared.cells["size"].to_numpy()
    verdict = verdicts(points).to_numpy(object)
    ends = points[KEYS].assign(size_from=sizes[compared.of_each(compared.starts)],
                               size_to=sizes[compared.of_each(compared.stops)])  # fmt: skip
    decided_at = np.flatnonzero(np.isin(verdict, ("faster", "slower")))
    start, stop = decided_at[:-1], decided_at[1:]
    crosses = (compared.number[start] == compared.number[stop]) & (verdict[start] != verdict[stop])
    start, stop = start[crosses], stop[crosses]
    log_size, bounds = (
        np.log(sizes),
        [np.log(points[name].to_numpy(float)) for name in ("ratio", "ratio_low", "ratio_high")],
    )
    places = [_crossing(log_size, bounds, slice(i, k + 1)) for i, k in zip(start, stop, strict=True)]
    crossings = ends.iloc[start].assign(
        relation=[f"{verdict[i]} below, {verdict[k]} above" for i, k in zip(start, stop, strict=True)],
        **{name: [place[name] for place in places] for name in ("size", "size_low", "size_high")},
    )
    without = np.setdiff1d(compared.number, compared.number[start])
    rest = ends.iloc[compared.starts[without]].assign(
        relation=[_throughout(set(verdict[compared.starts[it] : compared.stops[it] + 1])) for it in without],
    )
    order = np.argsort(np.append(start, compared.starts[without]), kind="stable")
    found: pd.DataFrame = pd.concat([crossings, rest]).iloc[order].reset_index(drop=True)
    return found.reindex(columns=CROSSOVERS)


_RATIOS = ("ratio", "ratio_log_se", "ratio_df")


def _crossing(log_size: Floats, bounds: list[Floats], between: slice) -> dict[str, float]:
    """`size`, `size_low` and `size_high` at which the log ratio and the ends of its interval (`bounds`) pass 0."""
    value, low, high = (_passes_zero(log_size[between], bound[between]) for bound in bounds)
    return {"size": float(np.median(value)), "size_low": min(low + high), "size_high": max(low + high)}


def _passes_zero(x: Floats, y: Floats) -> list[float]:
    """The exp(x) at which y passes 0, linear in between; where it begins and ends on other sides."""
    x, y = x[~np.isnan(y)], y[~np.isnan(y)]
    places = np.flatnonzero(np.sign(y[1:]) != np.sign(y[:-1]))
    return [float(np.exp(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))) for i in places]


def _throughout(verdicts: set[str]) -> str:
    """A method without a crossing, in words."""
    for verdict in ("faster", "slower"):
        if verdict in verdicts:
            return f"{verdict} at every size" if verdicts == {verdict} else f"{verdict} or not told apart"
    return "not told apart"


def preparing_pays(cells: pd.DataFrame) -> pd.DataFrame:
    """From how many calls on a form that prepares once is cheaper than another form of the same case: `calls`.

    calls = setup / (time of the other − time of the prepared); `setup_s` is null where a form prepares nothing. The
    difference's 95 % interval is Welch's on the times (s_t = t·s_log t, first order), and gives `calls_low` and
    `calls_high`. Infinite: it never pays, or may never.
    """
    analytic = timed(cells)
    analytic = analytic[analytic["family"] == "analytic"]
    right = analytic[["run_id", "case_id", "method", "setup_s", *_TIMES]]
    pairs = analytic.merge(right, on=["run_id", "case_id"], suffixes=("", "_other"))
    pairs = pairs[pairs["setup_s"].notna() & (pairs["method"] != pairs["method_other"])]
    extra_s = (pairs["setup_s"] - pairs["setup_s_other"].fillna(0.0)).to_numpy(float)
    saved = (pairs["time_s_other"] - pairs["time_s"]).to_numpy(float)
    half = half_width(*_errors_in_seconds(pairs))
    rows = pairs.rename(columns={"method_other": "other", "time_s_other": "other_time_s"})[PREPARING].copy()
    for name, difference in (("calls", saved), ("calls_low", saved + half), ("calls_high", saved - half)):
        with np.errstate(divide="ignore"):
            rows[name] = np.where(np.isnan(difference), np.nan, np.where(difference > 0, extra_s / difference, np.inf))
    return rows.reset_index(drop=True)


_TIMES = ["time_s", "time_log_se", "time_df"]


def _errors_in_seconds(pairs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Standard errors and degrees of freedom of the two times of each pair, side by side, in seconds."""
    both = []
    for end in ("", "_other"):
        times, log_ses, dfs = (pairs[f"{name}{end}"].to_numpy(float) for name in _TIMES)
        both.append((log_ses * times, dfs))
    return np.stack([errors for errors, _ in both], axis=-1), np.stack([degrees for _, degrees in both], axis=-1)
