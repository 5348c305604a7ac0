"""The interleaved engine: one process's share of a measurement.

Each round times every candidate once, in random order, in one short block. A block starts with untimed warm-up calls.
Candidates of similar speed share one plan of calls, because unequal plans bias a ratio. Each segment builds the
callables again on a shifted heap. The baseline is in every round, several times if it is cheap, and ratios are paired
within rounds. Before each segment, the candidates furthest from their targets are allotted more of the coming rounds.
A candidate far slower than the baseline gets only a few calls, each between two blocks of the baseline.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from statistics import median
from time import perf_counter
from typing import Any

from gradiometer.machine import interference
from gradiometer.timing.allocation import FAR, BlockPlan, baseline_visits, plan_for, shared_plans, shares
from gradiometer.timing.candidate import Candidate, failed, nothing
from gradiometer.timing.clocks import Call, DeviceClock, WallClock
from gradiometer.timing.garbage_collection import garbage_kept
from gradiometer.timing.samples import Samples
from gradiometer.timing.variance_tracker import VarianceTracker

BLOCK_S = 400e-6
"""Length of a block on a CPU. For eleven candidates in half a second, ratios varied less than with 200 or 800 µs."""
DEVICE_BLOCK_S = 1e-3
"""Length of a block on a device, long compared with the synchronisation at its end."""
SEGMENTS = 5
"""Segments per process if no candidate is slow."""
STOP_SEGMENTS = 20
"""Least segments before a width may end the measurement. Intervals stopped after 5 segments cover only 92–94 %."""
STOP_SEGMENT_S = 0.05
"""Longest segment if a width may end the measurement, so that it can end early."""
SLOW_S = 1e-3
"""A candidate beyond FAR times the baseline is slow, that is timed apart from the rounds, if a call exceeds this."""
SLOW_SHARE = 0.3
"""Largest share of the budget for all slow candidates together."""
MOST_SLOW_VISITS = 4
"""Largest number of calls to a slow candidate, in addition to the call that found it slow."""
ONCE_S = 50e-3
"""A first call longer than this is accepted as a time estimate, because lazy loading is then negligible; the same holds
when the baseline is slow.
"""
DEVICE_EVERY = 4
"""The device clock is read in every fourth round."""
LONGEST_SPIN_S = 20e-3
"""A block that the host needs longer to queue is not read by the device clock, whose spin would last as long."""
OVERHEAD_CALLS, OVERHEAD_WARM_UP = 256, 32
"""Empty calls in a block and before it. With fewer, the clock's own time would weigh more than in fast blocks."""
ALONE = BlockPlan(1, 0)


class Engine:
    """Measures candidates until a deadline.

    `visiting(name)` is called before each visit to a candidate. `failure_of` turns an exception into a status and a
    reason. `observe(name, result)` is called after every block with the result of its last call, `ended()` after every
    segment.
    """

    def __init__(
        self,
        candidates: Mapping[str, Callable[[], Call]],
        baseline: str,
        clocks: tuple[WallClock, DeviceClock | None],
        rng: random.Random,
        visiting: Callable[[str], None] = lambda name: None,
        failure_of: Callable[[Exception], tuple[str, str]] = failed,
        observe: Callable[[str, Any], None] = lambda name, result: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.candidates = {name: Candidate(name, make) for name, make in candidates.items()}
        self.baseline = self.candidates.get(baseline) or Candidate(
            baseline, lambda: nothing, failure=("error", "not measured")
        )
        self.wall, self.device = clocks
        self.rng, self.visiting, self.failure_of = rng, visiting, failure_of
        self.observe, self.ended = observe, ended
        self.block_s = BLOCK_S if self.device is None else DEVICE_BLOCK_S
        self.samples = Samples()
        self.segments: list[dict[str, Any]] = []
        self._plans: dict[str, BlockPlan] = {}
        self._variances = VarianceTracker(baseline)
        self._round = 0

    def run(self, deadline: float, stop_on_width: bool = False) -> None:
        """Measure segments until `deadline` (a value of perf_counter), at least two.

        With `stop_on_width`, end earlier once every half-width is on target.
        """
        slow = self._calibrate()
        visits = self._slow_visits(slow, SLOW_SHARE * (deadline - perf_counter()))
        wanted = STOP_SEGMENTS if stop_on_width else SEGMENTS
        while self._alive(self.candidates):
            left = max(1, wanted - len(self.segments))
            slow_s = sum(self._call_s(self.candidates[name]) for name in visits)
            segment_s = max(0.0, deadline - perf_counter() - slow_s) / left
            if stop_on_width:
                segment_s = min(segment_s, STOP_SEGMENT_S)
            self._segment(segment_s, [visits.pop() for _ in range(-(-len(visits) // left))])
            done = len(self.segments)
            over = perf_counter() + segment_s / 2 > deadline or (done >= wanted and not stop_on_width)
            if (done >= 2 and over) or (stop_on_width and done >= wanted and self._is_on_target()):
                return

    def _alive(self, names: Mapping[str, Any]) -> list[str]:
        return [name for name in names if self.candidates[name].failure is None]

    def _ratio(self, name: str) -> float:
        return max(1e-9, self.candidates[name].estimate_s) / max(1e-9, self.baseline.estimate_s)

    def _call_s(self, candidate: Candidate) -> float:
        """Time that a call takes from the budget: its own, and that of the flush before it."""
        return candidate.estimate_s + self.wall.flush_s

    def _is_on_target(self) -> bool:
        others = [name for name in self._alive(self._plans) if name != self.baseline.name]
        return all(self._variances.is_on_target(name, self._ratio(name)) for name in others)

    def _calibrate(self) -> list[str]:
        """Estimate every candidate's time and plan the blocks. Returns the candidates that are too slow for the rounds.

        The last call that found a candidate slow is a sample, paired with a block of the baseline after it.
        """
        slow = []
        self._estimate(self.baseline)
        self._plans = {self.baseline.name: plan_for(self._call_s(self.baseline), self.block_s)}
        for candidate in self.candidates.values():
            if candidate is self.baseline:
                continue
            last_s = self._estimate(candidate)
            if candidate.failure is None and self.baseline.failure is None and self._is_slow(candidate.estimate_s):
                slow.append(candidate.name)
                self._record(candidate, 1, last_s, 0)
                self._visit(self.baseline, self._plans[self.baseline.name], 1)
                self._end_round()
        fast = {name: self._call_s(self.candidates[name]) for name in self._alive(self.candidates) if name not in slow}
        self._plans = shared_plans(fast, self.block_s)
        return slow

    def _is_slow(self, seconds: float) -> bool:
        return seconds > max(SLOW_S, FAR * self.baseline.estimate_s)

    def _estimate(self, candidate: Candidate) -> float:
        """Estimate a candidate's time by the fastest of a few calls, fewer if slow. Returns the last one's time.

        A first call may load kernels, so it is seldom enough.
        """
        self._rebuild(candidate)
        last_s = 0.0
        for number, calls in enumerate((1, 1, 2, 3, 3)):
            seconds = self._timed(candidate, BlockPlan(calls, 0), self.wall)
            if seconds is None:
                break
            last_s = seconds
            candidate.estimate_s = min(seconds, candidate.estimate_s or seconds)
            baseline_is_slow = self.baseline.estimate_s > SLOW_S and not self._is_slow(seconds)
            if number == 0 and (self.device is not None or not (baseline_is_slow or seconds > ONCE_S)):
                continue
            if self._call_s(candidate) > SLOW_S:
                break
        return last_s

    def _slow_visits(self, slow: list[str], seconds: float) -> list[str]:
        """Slow candidates' names in random order, each as often as it will be called."""
        share = seconds / max(1, len(slow))
        counts = {name: min(MOST_SLOW_VISITS, int(share / self._call_s(self.candidates[name]))) for name in slow}
        visits = [name for name, count in counts.items() for _ in range(count)]
        self.rng.shuffle(visits)
        return visits

    def _segment(self, seconds: float, due: list[str]) -> None:
        padding = [bytearray(self.rng.randrange(1, 4096)) for _ in range(self.rng.randrange(1, 64))]
        overheads: list[float] = []
        with garbage_kept():
            until = perf_counter() + seconds
            before = interference.read()
            for name in self._plans:
                self._rebuild(self.candidates[name])
            share_of, round_s = self._shares(seconds)
            turn = 0
            while turn == 0 or perf_counter() + round_s / 2 < until:
                overheads.append(self._overhead_s())
                due_now = [
                    n for n, share in share_of.items() if turn == 0 or int((turn + 1) * share) > int(turn * share)
                ]
                self._visit_round(due_now)
                turn += 1
            for name in due:
                self._bracket(self.candidates[name])
            happened = interference.between(before, interference.read())
        del padding
        self._variances.end_segment()
        self.segments.append({"segment": len(self.segments), "overhead_s": median(overheads), **asdict(happened)})
        self.ended()

    def _overhead_s(self) -> float:
        """Seconds of an empty call by the clock that times the candidates."""
        if self.wall.flush_s:  # a cold clock reads the time around every call
            return self.wall.block(nothing, 1)[0]
        self.wall.block(nothing, OVERHEAD_WARM_UP)
        return self.wall.block(nothing, max([OVERHEAD_CALLS, *(plan.calls for plan in self._plans.values())]))[0]

    def _shares(self, seconds: float) -> tuple[dict[str, float], float]:
        """Share of the segment's rounds for each candidate but the baseline, and the average seconds per round."""
        costs = {name: self._cost_s(name) for name in self._alive(self._plans) if name != self.baseline.name}
        base_s = self._cost_s(self.baseline.name)
        base_s *= baseline_visits(sum(costs.values()), base_s)
        needs = {name: self._variances.need(name, self._ratio(name)) for name in costs}
        done = {name: self._variances.blocks(name) for name in costs}
        neediest = max(needs, key=lambda name: needs[name] / (1 + done[name]), default=None)
        # The neediest candidate is in every round, so it is charged for the baseline as well.
        charged = {name: cost + base_s * (name == neediest) for name, cost in costs.items()}
        found = shares(charged, needs, done, seconds)
        return found, base_s + sum(found[name] * costs[name] for name in found)

    def _cost_s(self, name: str) -> float:
        """Seconds of a visit; 0 for a candidate that is not in the rounds."""
        alive = name in self._plans and self.candidates[name].failure is None
        return self._plans[name].cost_s(self._call_s(self.candidates[name])) if alive else 0.0

    def _visit_round(self, names: list[str]) -> None:
        """Visit the candidates in random order, with the baseline's blocks among them at even distances."""
        self.rng.shuffle(names)
        order = list(names)
        if self.baseline.failure is None:
            often = baseline_visits(sum(map(self._cost_s, names)), self._cost_s(self.baseline.name))
            stretch = len(names) / often
            shift = self.rng.uniform(0, stretch)
            for k in reversed(range(often)):
                order.insert(round(shift + k * stretch), self.baseline.name)
        reads_device = self._round % DEVICE_EVERY == 0
        for position, name in enumerate(order):
            self._visit(self.candidates[name], self._plans[name], position, reads_device)
        self._end_round()

    def _bracket(self, candidate: Candidate) -> None:
        """Time one call of a slow candidate between two blocks of the baseline."""
        self._rebuild(candidate)
        around = self._plans.get(self.baseline.name, ALONE)
        visits = ((self.baseline, around), (candidate, ALONE), (self.baseline, around))
        for position, (which, plan) in enumerate(visits):
            self._visit(which, plan, position, which is candidate)
        self._end_round()

    def _end_round(self) -> None:
        self._variances.end_round()
        self._round += 1

    def _visit(self, candidate: Candidate, plan: BlockPlan, position: int, reads_device: bool = False) -> None:
        seconds = self._timed(candidate, plan, self.wall)
        if seconds is None:
            return
        self._record(candidate, plan.calls, seconds, position)
        calls = min(plan.calls, 4)
        if self.device is not None and reads_device and seconds * calls < LONGEST_SPIN_S:
            self.device.expected_s = seconds * calls
            on_device = self._timed(candidate, BlockPlan(calls, 0), self.device)
            if on_device is not None:
                where = (candidate.name, len(self.segments), self._round, position)
                self.samples.add(*where, calls, on_device, "device")

    def _record(self, candidate: Candidate, calls: int, seconds: float, position: int) -> None:
        where = (candidate.name, len(self.segments), self._round, position)
        self.samples.add(*where, calls, seconds, "wall")
        self._variances.add(candidate.name, seconds)

    def _timed(self, candidate: Candidate, plan: BlockPlan, clock: WallClock | DeviceClock) -> float | None:
        """Seconds per call of one block after its warm-up. None if a call raises; the candidate has then failed."""

        def visit() -> tuple[float, Any]:
            for _ in range(plan.warm):
                candidate.call()
            return clock.block(candidate.call, plan.calls)

        found = self._attempt(candidate, visit)
        if found is None:
            return None
        seconds, candidate.result = found
        self.observe(candidate.name, candidate.result)
        return float(seconds)

    def _rebuild(self, candidate: Candidate) -> None:
        candidate.call = self._attempt(candidate, candidate.make) or candidate.call

    def _attempt(self, candidate: Candidate, action: Callable[[], Any]) -> Any:
        """The value of an action on a candidate; None if the candidate has failed or fails now."""
        if candidate.failure is not None:
            return None
        self.visiting(candidate.name)
        try:
            return action()
        except Exception as error:
            candidate.failure = self.failure_of(error)
            return None
