"""What an engine knows of its candidates while it measures: how far each ratio is from its target. Never a result."""

from __future__ import annotations

import math
from statistics import median

import numpy as np

from gradiometer.timing.allocation import target_of

FIRST_SPREAD = 0.05
"""Spread of the log of a paired block's time, before any is known."""
BORROWED = 100
"""Blocks that the spread of all candidates together counts for in each candidate's own: of ten blocks a spread is known to ±50 %,
and what is given to the unluckiest candidate is taken from all others."""
MOST_NEED = 4.0
"""An candidate may want so many times the blocks of the others: one that is noisy whatever is spent must not starve them."""
LEAST_TIME_S = 1e-10


class VarianceTracker:
    """Blocks' times by candidate, paired with the baseline's by round; their spread against the target of each ratio."""

    def __init__(self, baseline: str) -> None:
        self.baseline = baseline
        self._round: dict[str, list[float]] = {}
        self._segment: dict[str, list[float]] = {}
        self._logs: dict[str, list[float]] = {}
        self._centres: dict[str, list[float]] = {}
        self._spreads: dict[str, float] = {}
        self._common = FIRST_SPREAD

    def add(self, name: str, seconds: float) -> None:
        """One block of the round."""
        self._round.setdefault(name, []).append(math.log(max(seconds, LEAST_TIME_S)))

    def end_round(self) -> None:
        """Pair the round's blocks with the median of the baseline's."""
        beside = self._round.pop(self.baseline, None)
        if beside:
            for name, logs in self._round.items():
                pairs = [log - median(beside) for log in logs]
                self._logs.setdefault(name, []).extend(pairs)
                self._segment.setdefault(name, []).extend(pairs)
        self._round = {}

    def end_segment(self) -> None:
        """Keep the segment's medians, and every candidate's spread so far."""
        for name, logs in self._segment.items():
            self._centres.setdefault(name, []).append(median(logs))
        self._segment = {}
        self._spreads = {name: _spread(logs) for name, logs in self._logs.items() if len(logs) >= 4}
        self._common = median(self._spreads.values()) if self._spreads else FIRST_SPREAD

    def blocks(self, name: str) -> int:
        """How many of an candidate's blocks are paired."""
        return len(self._logs.get(name, []))

    def need(self, name: str, ratio: float) -> float:
        """(spread / target)², the spread partly that of all candidates; at most MOST_NEED times what theirs would be."""
        own = self._spreads.get(name, self._common)
        count = self.blocks(name)
        variance = (BORROWED * self._common**2 + count * own**2) / (BORROWED + count)
        return min(variance, MOST_NEED * self._common**2) / target_of(ratio) ** 2

    def is_on_target(self, name: str, ratio: float) -> bool:
        """Whether the half-width over this process's segments is below the target."""
        centres = self._centres.get(name, [])
        if len(centres) < 2:
            return False
        return 2 * float(np.std(centres, ddof=1)) / math.sqrt(len(centres)) <= target_of(ratio)


def _spread(logs: list[float]) -> float:
    """Standard deviation of paired blocks' logs, by their median absolute deviation."""
    return max(1e-4, 1.4826 * float(np.median(np.abs(np.asarray(logs) - np.median(logs)))))
