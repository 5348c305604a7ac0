"""Faster, slower, same, or undecided: a ratio against a band around 1, one alone or a table of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = np.ndarray[Any, np.dtype[np.float64]]

BAND = 0.01
"""The band inside which two times count as the same: a factor from 1/(1 + BAND) to 1 + BAND."""
LEVEL = 0.05


def verdict_of(low: float, high: float, band: float = BAND) -> str:
    """The verdict of one 95 % interval: faster or slower when wholly outside the band, same when wholly inside."""
    if high < 1 / (1 + band):
        return "faster"
    if low > 1 + band:
        return "slower"
    if low > 1 / (1 + band) and high < 1 + band:
        return "same"
    return "undecided"


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p-values that control the family-wise error over all that are finite; a NaN stays one.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    there = np.flatnonzero(np.isfinite(p))
    order = there[np.argsort(p[there], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def _discoveries(p_values: Floats) -> Floats:
    """p-values adjusted to the false discovery rate over all that are finite; a NaN stays one."""
    from scipy import stats

    there = np.isfinite(p_values)
    adjusted = np.full(p_values.shape, np.nan)
    adjusted[there] = stats.false_discovery_control(p_values[there]) if there.any() else []
    return adjusted


def decided(
    ratios: npt.ArrayLike, errors: npt.ArrayLike, degrees: npt.ArrayLike, band: float = BAND, level: float = LEVEL
) -> list[str | None]:
    """Verdicts on a table of ratios: of all such tables at most `level` hold a false faster or slower, and of a table's
    `same` at most LEVEL are false.

    `errors` are standard errors of the log ratios, `degrees` their degrees of freedom. Faster and slower are tested
    against the near edge of the band, with Holm's correction over the table, since each is news. Same is two one-sided
    tests against both edges (D. J. Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987), with the false
    discovery rate of Y. Benjamini & Y. Hochberg, J. Royal Statistical Society B 57 (1995): it is said of many, and read
    as a share. None where a ratio or its error is not known.
    """
    from scipy import stats

    log, error, freedom = (np.asarray(values, dtype=np.float64) for values in (np.log(ratios), errors, degrees))
    with np.errstate(divide="ignore", invalid="ignore"):
        below = (log + np.log1p(band)) / error  # how far from the lower edge, in standard errors
        above = (log - np.log1p(band)) / error
    faster, slower = stats.t.cdf(below, freedom), stats.t.sf(above, freedom)
    differs = holm(2 * np.minimum(faster, slower))
    same = _discoveries(np.maximum(stats.t.sf(below, freedom), stats.t.cdf(above, freedom)))
    found: list[str | None] = []
    for p_differs, p_same, is_less in zip(differs, same, log < 0, strict=True):
        if np.isnan(p_differs):
            found.append(None)
        elif p_differs < level:
            found.append("faster" if is_less else "slower")
        else:
            found.append("same" if p_same < LEVEL else "undecided")
    return found
