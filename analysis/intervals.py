"""Carrying 95 % intervals of log times through slopes, ratios and differences. No torch here.

A cell's interval is Student's t over its processes' mean logs (`gradiometer.statistics`); here it is taken apart into a
standard error and its degrees of freedom, and the parts are put together again by Welch and Satterthwaite:
B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
Biometrika 34 (1947); F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gradiometer.statistics import t_quantile

Floats = np.ndarray[Any, np.dtype[np.float64]]


def log_standard_error(low: npt.ArrayLike, high: npt.ArrayLike, degrees: npt.ArrayLike) -> Floats:
    """Standard error of a log, from the ends of its 95 % interval and their degrees of freedom."""
    half = (np.log(np.asarray(high, dtype=np.float64)) - np.log(np.asarray(low, dtype=np.float64))) / 2
    error: Floats = half / t_quantile(np.asarray(degrees, dtype=np.float64))
    return error


def welch(errors: Floats, degrees: Floats) -> tuple[Floats, Floats]:
    """Standard error of a sum of independent parts, along the last axis, and its degrees of freedom.

    √Σs², and ν = (Σs²)² / Σ(s⁴/νᵢ): Welch (1947), Satterthwaite (1946).
    """
    variances = errors**2
    total = variances.sum(axis=-1)
    spread = (variances**2 / degrees).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(total), np.where(spread > 0, total**2 / spread, np.inf)


def half_width(errors: Floats, degrees: Floats) -> Floats:
    """95 % half-width of a sum of independent parts, along the last axis. NaN where a part has no standard error."""
    error, freedom = welch(errors, degrees)
    half: Floats = t_quantile(freedom) * error
    return half
