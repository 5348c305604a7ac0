"""Carrying 95 % intervals of log times through slopes, ratios and differences. No torch here.

A cell's interval is Student's t over its processes' mean logs (`bench.statistics`); here it is taken apart into a
standard error and its degrees of freedom, and the parts are put together again by Welch and Satterthwaite:
B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
Biometrika 34 (1947); F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from bench.statistics import CONFIDENCE

Floats = np.ndarray[Any, np.dtype[np.float64]]


def quantile(degrees: Floats) -> Floats:
    """Student's t quantile for a two-sided interval; of infinitely many degrees of freedom, the normal's."""
    return np.asarray(stats.t.ppf((1 + CONFIDENCE) / 2, degrees), dtype=np.float64)


def log_standard_error(low: npt.ArrayLike, high: npt.ArrayLike, processes: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Standard error of a log time and its degrees of freedom, from the interval's ends and the number of processes.

    One process alone has an interval over its segments, whose number a cell does not tell: infinitely many degrees of
    freedom stand for it, which gives the interval back unchanged.
    """
    count = np.asarray(processes, dtype=np.float64)
    degrees = np.where(count > 1, count - 1, np.inf)
    half = (np.log(np.asarray(high, dtype=np.float64)) - np.log(np.asarray(low, dtype=np.float64))) / 2
    return half / quantile(degrees), degrees


def half_width(standard_errors: Floats, degrees: Floats) -> Floats:
    """95 % half-width of a sum of independent parts, along the last axis: t(ν)·√Σs², ν = (Σs²)² / Σ(s⁴/νᵢ).

    Welch (1947), Satterthwaite (1946). NaN where a part has no standard error.
    """
    variances = standard_errors**2
    total = variances.sum(axis=-1)
    spread = (variances**2 / degrees).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = np.where(spread > 0, total**2 / spread, np.inf)
    half: Floats = quantile(pooled) * np.sqrt(total)
    return half
