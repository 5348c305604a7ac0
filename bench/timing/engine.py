"""The interleaved engine: one process's share of a case's measurement.

Every arm (a method on the case) is visited in every segment, in random order, round by round, in short blocks; each
block follows untimed calls that warm the caches the arm before it left cold; arms of like speed share one plan (calls
per block, untimed calls), since unequal plans bias a ratio; callables are rebuilt, on a shifted heap, at each segment.
An arm far slower than the baseline gets a few calls only, each between two blocks of the baseline.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

from bench.timing import disturbances
from bench.timing.clocks import Call, DeviceClock, WallClock

BLOCK_S = 200e-6
"""Length of a block on a CPU: the noise within a segment is no lower at 2 ms, so many short visits win."""
DEVICE_BLOCK_S = 1e-3
"""On a device each block ends in a synchronisation, which must weigh little."""
SEGMENTS = 5
"""Segments per process when nothing is slow."""
ALIKE = 1.5
"""Arms whose times lie within this factor share one plan."""
FAR = 8.0
"""An arm slower than the baseline by more than this may be bracketed instead of interleaved."""
MOST_SLOW_VISITS = 4
LONGEST_SPIN_S = 20e-3
"""A block that the host takes longer to queue than this is not read by the device clock: it would spin as long."""
DEVICE_EVERY = 4
"""The device clock is read in one round out of this many."""


def nothing() -> None:
    """The empty call, measured like an arm: the floor."""


@dataclass
class Arm:
    """A method being measured. `result` is what the last timed block returned; a failed arm is visited no more."""

    name: str
    make: Callable[[], Call]
    call: Call
    estimate_s: float
    failure: tuple[str, str] | None = None
    result: Any = None
    hashes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Plan:
    """Calls in a block, and untimed calls before it."""

    calls: int
    warm: int

    def cost_s(self, estimate_s: float) -> float:
        """What a visit costs."""
        return (self.calls + self.warm) * estimate_s


def plan_for(estimate_s: float, block_s: float) -> Plan:
    """A block of about `block_s`, a power of two of calls (one where a call exceeds 5 ms)."""
    warm = 4 if estimate_s < 150e-6 else 2 if estimate_s < 1e-3 else 1 if estimate_s < 4e-3 else 0
    if estimate_s > 5e-3:
        return Plan(1, warm)
    calls = 4
    while calls * estimate_s < block_s and calls < 4096:
        calls *= 2
    return Plan(calls, warm)


def shared_plans(estimates: Mapping[str, float], block_s: float) -> dict[str, Plan]:
    """One plan for all arms whose estimates a chain of steps below ALIKE connects: that of the fastest among them."""
    plans: dict[str, Plan] = {}
    previous, plan = 0.0, Plan(1, 0)
    for name, estimate in sorted(estimates.items(), key=lambda item: item[1]):
        if estimate > ALIKE * previous:
            plan = plan_for(estimate, block_s)
        plans[name], previous = plan, estimate
    return plans


class Samples:
    """Sample columns being filled; `arm` is a name, the rest are columns of `samples`."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {
            name: [] for name in ("arm", "segment", "round", "position", "calls", "time_s", "clock")
        }

    def add(self, arm: str, segment: int, round_: int, position: int, calls: int, time_s: float, clock: str) -> None:
        """One block."""
        for column, value in zip(
            self.columns.values(), (arm, segment, round_, position, calls, time_s, clock), strict=True
        ):
            column.append(value)


class Engine:
    """Measures prepared arms until a deadline. `visiting(name)` is told of every arm before it is called.

    `failure_of` turns an exception into a status and a reason; `digest_of` names a result's bits.
    """

    def __init__(
        self,
        arms: list[Arm],
        baseline: str,
        clocks: tuple[WallClock, DeviceClock | None],
        rng: random.Random,
        visiting: Callable[[str], None],
        failure_of: Callable[[Exception], tuple[str, str]],
        digest_of: Callable[[Any], str],
    ) -> None:
        self.arms = {arm.name: arm for arm in arms}
        self.wall, self.device = clocks
        self.rng, self.visiting, self.failure_of, self.digest_of = rng, visiting, failure_of, digest_of
        self.baseline = self.arms.get(baseline)
        self.block_s = BLOCK_S if self.device is None else DEVICE_BLOCK_S
        self.samples = Samples()
        self.segments: list[dict[str, Any]] = []

    def run(self, deadline: float, budget_s: float) -> None:
        """Segments until `deadline` (of perf_counter), two at least; slow arms are spread over the segments."""
        remaining = max(deadline - perf_counter(), budget_s / 4)
        slow = self._slow_arms(remaining)
        fast = [name for name in self.arms if name not in slow]
        plans = shared_plans({name: self.arms[name].estimate_s for name in fast}, self.block_s)
        costs = {name: plan.cost_s(self.arms[name].estimate_s) for name, plan in plans.items()}
        share = remaining / max(1, len(self.arms))
        visits = {name: min(MOST_SLOW_VISITS, max(1, int(share / self.arms[name].estimate_s))) for name in slow}
        slow_s = sum(visits[name] * self.arms[name].estimate_s for name in slow)
        segment_s = max(0.0, remaining - slow_s) / SEGMENTS
        schedule = [name for name in slow for _ in range(visits[name])]
        self.rng.shuffle(schedule)
        segment = 0
        while segment < 2 or perf_counter() + segment_s / 2 < deadline or schedule:
            left = max(1, SEGMENTS - segment)
            due = [schedule.pop() for _ in range(-(-len(schedule) // left))]
            self._segment(segment, plans, costs, due, perf_counter() + segment_s)
            segment += 1
            if not any(arm.failure is None for arm in self.arms.values()):
                return

    def _slow_arms(self, remaining_s: float) -> set[str]:
        if self.baseline is None or self.baseline.failure:
            return set()
        affordable = remaining_s / SEGMENTS / max(1, len(self.arms))
        least = max(affordable, FAR * self.baseline.estimate_s)
        return {name for name, arm in self.arms.items() if arm.estimate_s > least}

    def _segment(
        self, segment: int, plans: Mapping[str, Plan], costs: Mapping[str, float], due: list[str], until: float
    ) -> None:
        padding = [bytearray(self.rng.randrange(1, 4096)) for _ in range(self.rng.randrange(1, 64))]
        floor_plan = min(plans.values(), key=lambda plan: -plan.calls, default=Plan(64, 4))
        floors: list[float] = []
        before = disturbances.read()
        gc.collect()
        gc.disable()
        try:
            for name in plans:
                self._rebuild(self.arms[name])
            typical = median(costs.values()) if costs else 0.0
            credit = dict.fromkeys(plans, 1.0)
            round_ = 0
            while round_ == 0 or perf_counter() < until:
                floors.append(self.wall.block(nothing, floor_plan.calls)[0])
                order = [name for name in plans if credit[name] >= 1 and not self.arms[name].failure]
                self.rng.shuffle(order)
                for position, name in enumerate(order):
                    self._visit(self.arms[name], plans[name], segment, round_, position, round_ % DEVICE_EVERY == 0)
                    credit[name] -= 1
                for name, cost in costs.items():
                    credit[name] += 1.0 if name == getattr(self.baseline, "name", "") else min(1.0, typical / cost)
                round_ += 1
            for name in due:
                self._bracket(self.arms[name], plans, segment, round_)
                round_ += 1
        finally:
            gc.enable()
        happened = disturbances.between(before, disturbances.read())
        for arm in self.arms.values():
            if arm.failure is None and arm.result is not None:
                arm.hashes.add(self.digest_of(arm.result))
        del padding
        facts = {name: getattr(happened, name) for name in happened.__dataclass_fields__}
        self.segments.append({"segment": segment, "floor_s": median(floors), **facts})

    def _attempt(self, arm: Arm, action: Callable[[], Any]) -> Any:
        """The action's value; None, and a failed arm, where it raises."""
        self.visiting(arm.name)
        try:
            return action()
        except Exception as error:
            arm.failure = self.failure_of(error)
            return None

    def _rebuild(self, arm: Arm) -> None:
        if arm.failure is None:
            arm.call = self._attempt(arm, arm.make) or arm.call

    def _timed(self, arm: Arm, plan: Plan, clock: WallClock | DeviceClock) -> float | None:
        def visit() -> tuple[float, Any]:
            for _ in range(plan.warm):
                arm.call()
            return clock.block(arm.call, plan.calls)

        found = self._attempt(arm, visit)
        if found is None:
            return None
        seconds, arm.result = found
        return float(seconds)

    def _visit(
        self, arm: Arm, plan: Plan, segment: int, round_: int, position: int, reads_device: bool = False
    ) -> None:
        seconds = self._timed(arm, plan, self.wall)
        if seconds is None:
            return
        self.samples.add(arm.name, segment, round_, position, plan.calls, seconds, "wall")
        calls = min(plan.calls, 4)
        if self.device is not None and reads_device and seconds * calls < LONGEST_SPIN_S:
            self.device.expected_s = seconds * calls
            on_device = self._timed(arm, Plan(calls, 0), self.device)
            if on_device is not None:
                self.samples.add(arm.name, segment, round_, position, calls, on_device, "device")

    def _bracket(self, arm: Arm, plans: Mapping[str, Plan], segment: int, round_: int) -> None:
        """One call of a slow arm between two blocks of the baseline."""
        baseline = self.baseline
        if baseline is None or arm.failure:
            return
        self._rebuild(arm)
        for position, (which, plan) in enumerate(
            ((baseline, plans[baseline.name]), (arm, Plan(1, 0)), (baseline, plans[baseline.name]))
        ):
            if which.failure is None:
                self._visit(which, plan, segment, round_, position, which is arm)
