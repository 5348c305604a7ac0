"""The decision rule of the project: is a time ratio faster, slower, the same, or undecided?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradiometer.statistics.estimates import Floats

BAND = 0.01
"""Ratios between 1/(1 + BAND) and 1 + BAND count as equal times."""
LEVEL = 0.05
BETWEEN_PROCESSES = 0.027
"""Standard deviation between processes of the log of a ratio, for ratios that were measured in one process only.

The largest that was measured for two distinct operations of 4 µs, `x + x` and `2 * x`; `gradiometer selftest` measures
it on this machine.
"""
ONE_PROCESS_FACTOR = 3
"""Standard deviations between processes by which a ratio from one process has to clear the band."""


def decide(
    ratios: npt.ArrayLike,
    log_ses: npt.ArrayLike,
    dfs: npt.ArrayLike,
    processes: npt.ArrayLike | None = None,
    *,
    band: float = BAND,
    level: float = LEVEL,
) -> list[str | None]:
    """Verdict on each ratio of a table: faster, slower, same or undecided; None where a ratio or its error is unknown.

    `log_ses` are the standard errors of the log ratios and `dfs` their degrees of freedom. A single ratio is a table of
    one. Pass all ratios of a page at once, so that every part of the page says the same.

    - faster, slower: the ratio lies outside the band, by a t test against the nearer edge, two-sided. Holm's correction
      keeps the probability of any such false verdict in the table at `level`.
    - same: the ratio lies inside the band, by two one-sided t tests (D. J. Schuirmann, J. Pharmacokinetics and
      Biopharmaceutics 15, 1987). The correction of Y. Benjamini and Y. Hochberg (J. Royal Statistical Society B 57,
      1995) keeps the share of false ones among them at LEVEL.
    - undecided: neither.

    Where `processes` is 1, the error holds within that process only. The ratio then has to clear the band by
    ONE_PROCESS_FACTOR × BETWEEN_PROCESSES in addition, and is never called the same.
    """
    from scipy.special import stdtr  # the function behind stats.t.cdf, without its 0.1 ms of argument checks

    with np.errstate(divide="ignore", invalid="ignore"):
        log, error, df = (np.asarray(values, dtype=np.float64) for values in (np.log(ratios), log_ses, dfs))
        one_process = np.zeros(log.shape, dtype=bool) if processes is None else np.asarray(processes) == 1
        edge = np.log1p(band) + np.where(one_process, ONE_PROCESS_FACTOR * BETWEEN_PROCESSES, 0.0)
        above_lower, above_upper = (log + edge) / error, (log - edge) / error
    p_differs = 2 * np.minimum(stdtr(df, above_lower), stdtr(df, -above_upper))
    p_same = np.maximum(stdtr(df, -above_lower), stdtr(df, above_upper))
    p_same[one_process & np.isfinite(p_same)] = 1.0
    p_differs, p_same = holm(p_differs), benjamini_hochberg(p_same)
    found: list[str | None] = []
    for differs, same, is_less in zip(p_differs, p_same, log < 0, strict=True):
        if np.isnan(differs):
            found.append(None)
        elif differs < level:
            found.append("faster" if is_less else "slower")
        else:
            found.append("same" if same < LEVEL else "undecided")
    return found


def holm(p_values: npt.ArrayLike) -> Floats:
    """p-values adjusted to control the family-wise error over the finite ones; NaN stays NaN.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    finite = np.flatnonzero(np.isfinite(p))
    order = finite[np.argsort(p[finite], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def benjamini_hochberg(p_values: Floats) -> Floats:
    """p-values adjusted to control the false discovery rate over the finite ones; NaN stays NaN."""
    from scipy import stats

    finite = np.isfinite(p_values)
    adjusted = np.full(p_values.shape, np.nan)
    adjusted[finite] = stats.false_discovery_control(p_values[finite]) if finite.any() else []
    return adjusted
