"""What an engine knows of its arms while it measures: how far each ratio is from its target. Never a result."""

from __future__ import annotations

import math
from statistics import median

import numpy as np

from bench.timing.plans import target_of

FIRST_SPREAD = 0.05
"""Spread of the log of a paired block's time, before any is known."""
LEAST_TIME_S = 1e-10


class Ledger:
    """Blocks' times by arm, paired with the baseline's by round; their spread against the target of each ratio."""

    def __init__(self, baseline: str) -> None:
        self.baseline = baseline
        self._round: dict[str, list[float]] = {}
        self._segment: dict[str, list[float]] = {}
        self._logs: dict[str, list[float]] = {}
        self._centres: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """One block of the round."""
        self._round.setdefault(name, []).append(math.log(max(seconds, LEAST_TIME_S)))

    def end_round(self) -> None:
        """Pair the round's blocks with the mean of the baseline's."""
        beside = self._round.pop(self.baseline, None)
        if beside:
            for name, logs in self._round.items():
                pairs = [log - sum(beside) / len(beside) for log in logs]
                self._logs.setdefault(name, []).extend(pairs)
                self._segment.setdefault(name, []).extend(pairs)
        self._round = {}

    def end_segment(self) -> None:
        """Keep the segment's medians."""
        for name, logs in self._segment.items():
            self._centres.setdefault(name, []).append(median(logs))
        self._segment = {}

    def blocks(self, name: str) -> int:
        """How many of an arm's blocks are paired."""
        return len(self._logs.get(name, []))

    def need(self, name: str, ratio: float) -> float:
        """(spread / target)²: the spread is the standard deviation of a paired block's log, by its median deviation."""
        logs = np.asarray(self._logs.get(name, []))
        known = len(logs) >= 4
        spread = 1.4826 * float(np.median(np.abs(logs - np.median(logs)))) if known else FIRST_SPREAD
        return (max(1e-4, spread) / target_of(ratio)) ** 2

    def is_on_target(self, name: str, ratio: float) -> bool:
        """Whether the half-width over this process's segments is below the target."""
        centres = self._centres.get(name, [])
        if len(centres) < 2:
            return False
        return 2 * float(np.std(centres, ddof=1)) / math.sqrt(len(centres)) <= target_of(ratio)
