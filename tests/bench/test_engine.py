import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.timing import engine
from bench.timing.clocks import WallClock
from bench.timing.engine import Arm, Engine


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-7, 10), min_size=1, max_size=12))
def test_arms_of_like_speed_share_one_plan(estimates):
    plans = engine.shared_plans(estimates, engine.BLOCK_S)
    for one, slow in estimates.items():
        for other, fast in estimates.items():
            if fast <= slow <= engine.ALIKE * fast:
                assert plans[one] == plans[other]


@pytest.mark.parametrize(
    ("estimate", "warm", "calls"),
    [(2e-6, 4, 128), (50e-6, 4, 4), (500e-6, 2, 4), (2e-3, 1, 4), (20e-3, 0, 1)],
)
def test_a_block_is_a_power_of_two_of_calls_after_untimed_ones(estimate, warm, calls):
    assert engine.plan_for(estimate, engine.BLOCK_S) == engine.Plan(calls, warm)


class FakeClock(WallClock):
    """Calls take the time that they say they take; nothing else takes any."""

    def block(self, call, calls):
        results = [call() for _ in range(calls)]
        seconds = sum(result[0] for result in results if result) / calls
        return seconds or 1e-9, results[-1]


def measured(arms, seconds=0.05, baseline="autograd"):
    visited = []
    machine = Engine(
        arms, baseline, (FakeClock(), None), random.Random(0), visited.append,
        lambda error: ("error", str(error)), lambda result: str(result[0]),
    )  # fmt: skip
    machine.run(engine.perf_counter() + seconds, seconds)
    return machine, visited


def arm(name, estimate_s):
    return Arm(name, lambda: lambda: (estimate_s, name), lambda: (estimate_s, name), estimate_s)


def test_every_segment_rebuilds_and_visits_every_arm_in_changing_order():
    builds = count()
    rebuilt = arm("factored", 30e-6)
    rebuilt.make = lambda: (next(builds), lambda: (30e-6, "factored"))[1]
    machine, _ = measured([arm("autograd", 40e-6), rebuilt, arm("jacrev", 90e-6)])
    columns = machine.samples.columns
    segments = len(machine.segments)
    assert segments >= 2
    assert next(builds) == segments
    for segment in range(segments):
        seen = {a for a, s in zip(columns["arm"], columns["segment"], strict=True) if s == segment}
        assert seen == {"autograd", "factored", "jacrev"}
    firsts = {a for a, p in zip(columns["arm"], columns["position"], strict=True) if p == 0}
    assert len(firsts) > 1


def test_a_far_slower_arm_gets_few_calls_each_between_two_blocks_of_the_baseline():
    machine, _ = measured([arm("autograd", 40e-6), arm("central_difference", 30e-3)])
    columns = machine.samples.columns
    rows = list(zip(columns["arm"], columns["segment"], columns["round"], strict=True))
    slow = [index for index, row in enumerate(rows) if row[0] == "central_difference"]
    assert 1 <= len(slow) <= engine.MOST_SLOW_VISITS
    for index in slow:
        around = [rows[index - 1], rows[index + 1]]
        assert [row[0] for row in around] == ["autograd", "autograd"]
        assert {row[1:] for row in around} == {rows[index][1:]}


def test_an_arm_that_raises_half_way_is_left_out_and_the_rest_goes_on():
    calls = count()

    def sometimes():
        if next(calls) > 10:
            raise ArithmeticError("enough")
        return (40e-6, "odd")

    odd = Arm("odd", lambda: sometimes, sometimes, 40e-6)
    machine, _ = measured([arm("autograd", 40e-6), odd])
    assert machine.arms["odd"].failure == ("error", "enough")
    assert machine.arms["autograd"].failure is None
    assert max(machine.samples.columns["segment"]) == len(machine.segments) - 1 >= 1


def test_the_watch_is_told_of_an_arm_before_it_is_called():
    told = []

    def call():
        assert told[-1] == "only"
        return (40e-6, "only")

    machine = Engine(
        [Arm("only", lambda: call, call, 40e-6)], "autograd", (FakeClock(), None), random.Random(0), told.append,
        lambda error: ("error", repr(error)), str,
    )  # fmt: skip
    machine.run(engine.perf_counter(), 0.01)
    assert machine.arms["only"].failure is None
    assert machine.samples.columns["arm"]


def test_different_results_are_told_apart():
    flips = count()
    flaky = Arm("flaky", lambda: lambda: (40e-6 + next(flips) * 1e-9, "f"), lambda: (40e-6, "f"), 40e-6)
    machine, _ = measured([arm("autograd", 40e-6), flaky])
    assert len(machine.arms["autograd"].hashes) == 1
    assert len(machine.arms["flaky"].hashes) > 1
