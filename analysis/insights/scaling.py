"""How times grow with size: exponents of time in size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradiometer.analysis.curves import KEYS, Integers, curves
from gradiometer.analysis.frames import forms_and_autograd
from gradiometer.analysis.insights.insight import INFO, Insight, where_of
from gradiometer.analysis.insights.view import WHERE, View
from gradiometer.statistics import BAND, Floats, half_width

TAIL = 4
"""A tail exponent is fitted over the sizes from largest / TAIL to the largest."""

EXPONENTS = [*KEYS, "scope", "size_from", "size_to", "points", "exponent", "exponent_low", "exponent_high"]


def _slopes(points: pd.DataFrame, rows: Integers) -> tuple[Floats, Floats, Floats]:
    """Weighted least-squares slopes of log time on log size, with the ends of their 95 % intervals.

    `rows` (curve × point) are row numbers of `points`, -1 beyond the end of a curve.
    β = Σw(x−x̄)y / Σw(x−x̄)², w = 1/s². A standard error s below the ±1 % band is chance agreement of few processes, so
    s is at least that. With more than two points the interval is widened by √(χ²/(k−2)) where that exceeds 1, which
    shows that the curve is no power law: R. T. Birge, "The calculation of errors by the method of least squares",
    Phys. Rev. 40 (1932).
    """
    there = rows >= 0
    x, y = (np.log(points[name].to_numpy(float)[rows]) for name in ("size", "time_s"))
    errors, dfs = (points[name].to_numpy(float)[rows] for name in ("time_log_se", "time_df"))
    errors = np.where(there, np.maximum(errors, BAND), 0.0)
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


WIDEST = 1.0
"""An exponent whose 95 % interval is wider than this is too noisy to state."""


def growth(view: View) -> list[Insight]:
    """`growth` for each case: the exponents over the largest sizes, `size_from` to `size_to`, of the forms and autograd
    that were timed there: `methods`, with `method`, `exponent`, `low` and `high` each.
    """
    found = forms_and_autograd(tail_exponents(view.leading))
    found = found[~(found["exponent_high"] - found["exponent_low"] > WIDEST)]
    whole = found.groupby(WHERE, sort=False)[["size_from", "size_to"]].transform("max")
    found = found[(found["size_from"] == whole["size_from"]) & (found["size_to"] == whole["size_to"])]
    names = {"exponent_low": "low", "exponent_high": "high"}
    insights = []
    for _, rows in found.groupby(WHERE, sort=False):
        methods = rows.rename(columns=names)[["method", "exponent", "low", "high"]].to_dict("records")
        sizes = {name: int(rows[name].iloc[0]) for name in ("size_from", "size_to")}
        insights.append(Insight("growth", INFO, where_of(rows.iloc[0]), {**sizes, "methods": methods}))
    return insights
