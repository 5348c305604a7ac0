"""Timing modes: cells whose processes fall into two groups, and what they say about the other cells of a table.

A process may time a method in one of two modes, for example by where its memory lies. With few processes all may share
one mode: the variance between them is then small, and the estimate is off by half a step. Such a cell cannot be found;
but where other cells of its kind are split, it must be expected.
"""

from __future__ import annotations

import numpy as np

from gradiometer.statistics.estimates import Floats

FEWEST_PROCESSES = 3
"""With two processes every cell consists of two groups."""
GAPS = {3: 8.0}
USUAL_GAP = 5.0
"""Number of processes → least gap between two groups, in standard deviations within a group or of a usual cell of the
table, at which a cell counts as split. Three processes leave one degree of freedom within the groups.
"""


def split(medians: Floats) -> tuple[Floats, Floats]:
    """Largest gap between the sorted medians of each cell's processes, and whether it separates two timing modes.

    `medians` are logarithms, one row per cell and one column per process, of cells of one kind.
    """
    ordered = np.sort(medians, axis=1)
    cells, processes = ordered.shape
    if processes < FEWEST_PROCESSES:
        return np.zeros(cells), np.zeros(cells, dtype=bool)
    gaps = np.diff(ordered, axis=1)
    place = gaps.argmax(axis=1)
    is_low = np.arange(processes) <= place[:, None]
    squares = np.zeros(cells)
    for group in (is_low, ~is_low):
        mean = (ordered * group).sum(axis=1) / group.sum(axis=1)
        squares += ((ordered - mean[:, None]) ** 2 * group).sum(axis=1)
    own = np.sqrt(squares / (processes - 2))
    usual = np.sqrt(np.median(ordered.var(axis=1, ddof=1)) * _median_share(processes - 1))
    largest = gaps.max(axis=1)
    return largest, largest > GAPS.get(processes, USUAL_GAP) * np.maximum(own, usual)


def _median_share(df: int) -> float:
    """The mean over the median of a sample variance with `df` degrees of freedom."""
    from scipy import stats

    return float(df / stats.chi2.median(df))


def hidden_variance(gaps: Floats, is_split: Floats) -> float:
    """Variance to add to the estimate of a cell that is not split: it is off by half a step, with the probability that
    is the share of split cells. More processes do not lessen it.
    """
    if not is_split.any():
        return 0.0
    return float(is_split.mean() * np.mean((gaps[is_split] / 2) ** 2))
