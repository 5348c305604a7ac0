"""How often an candidate is called: calls in a block, untimed calls before it, and which candidates need more blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

ALIKE = 1.5
"""Candidates whose times lie within this factor share one plan: unequal plans bias a ratio."""
TARGET = 0.02
"""Half-width of the interval that a ratio within 1/8 to 8 is measured to."""
SINGLE_S = 2.5e-3
"""A longer call is a block of its own, after one that warms it: more rounds say more than longer blocks."""
FAR = 8.0
"""Beyond this factor from the baseline an candidate's target is |log ratio| / 20: nobody asks whether 40 is 41."""


@dataclass(frozen=True)
class Plan:
    """Calls in a block, and untimed calls before it, as the first after another candidate's find that candidate's data cached."""

    calls: int
    warm: int

    def cost_s(self, estimate_s: float) -> float:
        """What a visit costs."""
        return (self.calls + self.warm) * estimate_s


def plan_for(estimate_s: float, block_s: float) -> Plan:
    """A block of about `block_s`, a power of two of calls, four at least (one where a call exceeds SINGLE_S)."""
    warm = 4 if estimate_s < 50e-6 else 2 if estimate_s < 1e-3 else 1 if estimate_s < 10e-3 else 0
    if estimate_s > SINGLE_S:
        return Plan(1, warm)
    calls = 4
    while calls * estimate_s < block_s and calls < 4096:
        calls *= 2
    return Plan(calls, warm)


def shared_plans(estimates: Mapping[str, float], block_s: float) -> dict[str, Plan]:
    """One plan for all candidates whose estimates a chain of steps below ALIKE connects: that of the fastest among them."""
    plans: dict[str, Plan] = {}
    previous, plan = 0.0, Plan(1, 0)
    for name, estimate in sorted(estimates.items(), key=lambda item: item[1]):
        if estimate > ALIKE * previous:
            plan = plan_for(estimate, block_s)
        plans[name], previous = plan, estimate
    return plans


def target_of(ratio: float) -> float:
    """The half-width, in logs, that a ratio is measured to."""
    log = abs(math.log(ratio))
    return TARGET if log <= math.log(FAR) else log / 20


def baseline_visits(others_s: float, baseline_s: float) -> int:
    """How often a round visits the baseline, whose noise is in every ratio: m that makes (1 + 1/m)(others + m·baseline)
    least, a block's variance being what any other's is; 4 at most.
    """
    return min(4, max(1, round(math.sqrt(others_s / baseline_s)))) if baseline_s > 0 else 1


def shares(
    costs_s: Mapping[str, float], needs: Mapping[str, float], done: Mapping[str, int], seconds: float
) -> dict[str, float]:
    """Candidate → the share of the coming rounds that it is visited in, so that those furthest from their targets catch up.

    `needs` is (spread of one paired block / target)²: every candidate is as far as any other when its blocks, `done` ones
    counted, are one multiple λ of it, and λ is what `seconds` pay for. The candidate that wants most is in every round.
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
