"""Allocation of calls: calls per block, warm-up calls before it, and which candidates get more blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

ALIKE = 1.5
"""Candidates whose times lie within this factor share one plan, because unequal plans bias a ratio."""
TARGET = 0.02
"""Target for the half-width of the interval of a ratio between 1/FAR and FAR."""
FAR = 8.0
"""Beyond this ratio to the baseline the target is |log ratio| / 20: nobody needs to distinguish 40 from 41."""
SINGLE_S = 2.5e-3
"""A longer call is a block of its own: more rounds give more information than longer blocks."""
MOST_BASELINE_VISITS = 4


@dataclass(frozen=True)
class BlockPlan:
    """Timed calls per block, and the warm-up calls before it.

    Warm-up is needed because the previous candidate left its own data in the caches.
    """

    calls: int
    warm: int

    def cost_s(self, estimate_s: float) -> float:
        """Time of one block with its warm-up, for calls of `estimate_s` seconds."""
        return (self.calls + self.warm) * estimate_s


def plan_for(estimate_s: float, block_s: float) -> BlockPlan:
    """Plan of a block of about `block_s`: a power of two of calls, at least four; one for calls above SINGLE_S."""
    warm = 4 if estimate_s < 50e-6 else 2 if estimate_s < 1e-3 else 1 if estimate_s < 10e-3 else 0
    if estimate_s > SINGLE_S:
        return BlockPlan(1, warm)
    calls = 4
    while calls * estimate_s < block_s and calls < 4096:
        calls *= 2
    return BlockPlan(calls, warm)


def shared_plans(estimates: Mapping[str, float], block_s: float) -> dict[str, BlockPlan]:
    """Plans by candidate. Candidates connected by steps below ALIKE share the plan of the fastest of them."""
    plans: dict[str, BlockPlan] = {}
    previous, plan = 0.0, BlockPlan(1, 0)
    for name, estimate in sorted(estimates.items(), key=lambda item: item[1]):
        if estimate > ALIKE * previous:
            plan = plan_for(estimate, block_s)
        plans[name], previous = plan, estimate
    return plans


def target_of(ratio: float) -> float:
    """Target for the half-width of a ratio's interval, in logs."""
    log = abs(math.log(ratio))
    return TARGET if log <= math.log(FAR) else log / 20


def baseline_visits(others_s: float, baseline_s: float) -> int:
    """Number of baseline blocks per round.

    Minimises variance × cost, (1 + 1/m)(C_others + m·C_baseline), assuming equal block variances; at most
    MOST_BASELINE_VISITS.
    """
    if baseline_s <= 0:
        return 1
    return min(MOST_BASELINE_VISITS, max(1, round(math.sqrt(others_s / baseline_s))))


def shares(
    costs_s: Mapping[str, float], needs: Mapping[str, float], done: Mapping[str, int], seconds: float
) -> dict[str, float]:
    """Candidate → share of the coming rounds in which it is visited, so that those furthest from their target catch up.

    `needs` is (spread of one paired block / target)², `done` the number of blocks so far. All candidates are equally
    far when their numbers of blocks are one multiple λ of their needs, and λ is chosen so that the new blocks cost
    `seconds`. The candidate that needs most blocks is visited in every round.
    """
    names = list(costs_s)
    cost, need, had = (np.array([values[name] for name in names], dtype=float) for values in (costs_s, needs, done))

    def blocks(multiple: float) -> Any:
        return np.maximum(multiple * need - had, 0.0)

    low, high = 0.0, 1.0
    while blocks(high) @ cost < seconds and high < 1e12:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if blocks(middle) @ cost < seconds else (low, middle)
    wanted = blocks(high)
    most = float(wanted.max(initial=0.0))
    return dict(zip(names, (wanted / most if most > 0 else np.ones_like(wanted)).tolist(), strict=True))
