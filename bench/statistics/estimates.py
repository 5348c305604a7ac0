"""An estimate: a value, the standard error of its logarithm, and the degrees of freedom of that error.

Times and ratios are positive and their errors are relative, so errors are those of natural logarithms. Independent
errors are added by the formula of Welch and Satterthwaite: B. L. Welch, "The generalization of 'Student's' problem when
several different population variances are involved", Biometrika 34 (1947); F. E. Satterthwaite, "An approximate
distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.float64]]

CONFIDENCE = 0.95
DISPLAYED = {"time_s": ("time_log_se", "time_df", "time_low_s", "time_high_s"),
             "ratio": ("ratio_log_se", "ratio_df", "ratio_low", "ratio_high")}  # fmt: skip
"""Estimates in `cells` that are shown with their intervals: column of the value → error, degrees of freedom, ends."""


@dataclass(frozen=True)
class Estimate:
    """A positive quantity, the standard error of its logarithm, and the degrees of freedom of that error.

    `log_se` is NaN where the error is not known, and 0 for an exact value.
    """

    value: float
    log_se: float
    df: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """Estimate from independent positive values, such as one from each process: their geometric mean."""
        logs = np.log(np.asarray(values, dtype=np.float64))
        several = len(logs) > 1
        log_se = float(logs.std(ddof=1) / np.sqrt(len(logs))) if several else float("nan")
        return cls(float(np.exp(logs.mean())), log_se, len(logs) - 1.0 if several else float("nan"))

    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % interval; both are NaN where the error is not known."""
        low, high = interval_ends(self.value, self.log_se, self.df)
        return float(low), float(high)


def t_quantile(df: Any) -> Any:
    """Student's t quantile of a two-sided 95 % interval; for infinite `df`, the quantile of the normal distribution."""
    from scipy.special import stdtrit  # the function behind stats.t.ppf, without its 0.1 ms of argument checks

    return stdtrit(df, (1 + CONFIDENCE) / 2)


def interval_ends(values: npt.ArrayLike, log_ses: npt.ArrayLike, dfs: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Lower and upper ends of the 95 % intervals of estimates, element by element."""
    middle, errors = np.asarray(values, dtype=np.float64), np.asarray(log_ses, dtype=np.float64)
    half = t_quantile(np.asarray(dfs, dtype=np.float64)) * errors
    return middle * np.exp(-half), middle * np.exp(half)


def with_intervals(cells: pd.DataFrame) -> pd.DataFrame:
    """`cells` with the ends of the 95 % intervals that are shown: the last two columns of each entry of DISPLAYED."""
    ends = {}
    for value, (error, df, low, high) in DISPLAYED.items():
        ends[low], ends[high] = interval_ends(*(cells[name].to_numpy(float) for name in (value, error, df)))
    return cells.assign(**ends)


def welch(errors: Floats, dfs: Floats) -> tuple[Floats, Floats]:
    """Standard error of a sum of independent parts, along the last axis, and its degrees of freedom.

    √Σs², and ν = (Σs²)² / Σ(s⁴/νᵢ): Welch (1947), Satterthwaite (1946).
    """
    variances = errors**2
    total = variances.sum(axis=-1)
    spread = (variances**2 / dfs).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(total), np.where(spread > 0, total**2 / spread, np.inf)


def half_width(errors: Floats, dfs: Floats) -> Floats:
    """95 % half-width of a sum of independent parts, along the last axis. NaN where a part has no standard error."""
    error, df = welch(errors, dfs)
    half: Floats = t_quantile(df) * error
    return half
