"""Running estimate of the spread of each ratio against its target. It allocates calls and is never a result."""

from __future__ import annotations

import math
from statistics import median

import numpy as np

from gradiometer.timing.allocation import target_of

FIRST_SPREAD = 0.05
"""Spread of the log of a paired block's time that is assumed before any is measured."""
PRIOR_BLOCKS = 100
"""Prior weight, in blocks, of the pooled spread when estimating one candidate's spread.

Ten blocks determine a spread only to ±50 %; without shrinkage one unlucky candidate would absorb the budget.
"""
MOST_NEED = 4.0
"""Largest need of a candidate relative to the pooled one: a candidate that stays noisy must not starve the others."""
LEAST_TIME_S = 1e-10


class VarianceTracker:
    """Block times by candidate, paired by round with the baseline's."""

    def __init__(self, baseline: str) -> None:
        self.baseline = baseline
        self._round: dict[str, list[float]] = {}
        self._segment: dict[str, list[float]] = {}
        self._logs: dict[str, list[float]] = {}
        self._centres: dict[str, list[float]] = {}
        self._spreads: dict[str, float] = {}
        self._pooled = FIRST_SPREAD

    def add(self, name: str, seconds: float) -> None:
        """Add one block of the current round."""
        self._round.setdefault(name, []).append(math.log(max(seconds, LEAST_TIME_S)))

    def end_round(self) -> None:
        """Pair the round's blocks with the median of the baseline's."""
        baseline = self._round.pop(self.baseline, None)
        if baseline:
            for name, logs in self._round.items():
                pairs = [log - median(baseline) for log in logs]
                self._logs.setdefault(name, []).extend(pairs)
                self._segment.setdefault(name, []).extend(pairs)
        self._round = {}

    def end_segment(self) -> None:
        """Store the segment's medians and update every candidate's spread."""
        for name, logs in self._segment.items():
            self._centres.setdefault(name, []).append(median(logs))
        self._segment = {}
        self._spreads = {name: _spread(logs) for name, logs in self._logs.items() if len(logs) >= 4}
        self._pooled = median(self._spreads.values()) if self._spreads else FIRST_SPREAD

    def blocks(self, name: str) -> int:
        """Number of paired blocks of a candidate."""
        return len(self._logs.get(name, []))

    def need(self, name: str, ratio: float) -> float:
        """(spread / target)² of a candidate, its spread shrunk towards the pooled one; limited by MOST_NEED."""
        own = self._spreads.get(name, self._pooled)
        count = self.blocks(name)
        variance = (PRIOR_BLOCKS * self._pooled**2 + count * own**2) / (PRIOR_BLOCKS + count)
        return min(variance, MOST_NEED * self._pooled**2) / target_of(ratio) ** 2

    def is_on_target(self, name: str, ratio: float) -> bool:
        """Whether the half-width over this process's segments is below the target."""
        centres = self._centres.get(name, [])
        if len(centres) < 2:
            return False
        return 2 * float(np.std(centres, ddof=1)) / math.sqrt(len(centres)) <= target_of(ratio)


def _spread(logs: list[float]) -> float:
    """Standard deviation of the logs of paired blocks, estimated by their median absolute deviation."""
    return max(1e-4, 1.4826 * float(np.median(np.abs(np.asarray(logs) - np.median(logs)))))
