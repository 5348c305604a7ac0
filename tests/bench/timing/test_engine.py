import gc
import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradiometer.timing import allocation, engine
from gradiometer.timing.clocks import WallClock
from gradiometer.timing.engine import Engine
from gradiometer.timing.variance_tracker import VarianceTracker


@pytest.fixture(autouse=True, scope="module")
def collections_take_no_time():
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-7, 10), min_size=1, max_size=12))
def test_candidates_of_like_speed_share_one_plan(estimates):
    shared = allocation.shared_plans(estimates, engine.BLOCK_S)
    for one, slow in estimates.items():
        for other, fast in estimates.items():
            if fast <= slow <= allocation.ALIKE * fast:
                assert shared[one] == shared[other]


@pytest.mark.parametrize(
    ("estimate", "warm", "calls"),
    [(2e-6, 4, 256), (60e-6, 2, 8), (500e-6, 2, 4), (2e-3, 1, 4), (5e-3, 1, 1), (20e-3, 0, 1)],
)
def test_a_block_is_a_power_of_two_of_calls_after_untimed_ones(estimate, warm, calls):
    assert allocation.plan_for(estimate, engine.BLOCK_S) == allocation.Plan(calls, warm)


@given(
    st.lists(st.tuples(st.floats(1e-6, 1e-2), st.floats(0.1, 1e4), st.integers(0, 500)), min_size=1, max_size=12),
    st.floats(1e-3, 1.0),
)
def test_the_neediest_candidate_is_in_every_round_and_no_candidate_that_is_better_off_gets_more(candidates, seconds):
    names = [str(i) for i in range(len(candidates))]
    costs, needs, done = (dict(zip(names, values, strict=True)) for values in zip(*candidates, strict=True))
    share = allocation.shares(costs, needs, done, seconds)
    assert max(share.values()) == 1.0 and min(share.values()) >= 0
    for one in names:
        for other in names:
            if done[one] == done[other] and needs[one] >= needs[other]:
                assert share[one] >= share[other]


def test_a_far_ratio_is_measured_less_finely():
    assert allocation.target_of(1.0) == allocation.target_of(7.9) == allocation.target_of(1 / 7.9) == allocation.TARGET
    assert allocation.target_of(100) == pytest.approx(0.23, abs=0.01)


def test_what_disturbs_a_round_is_in_both_of_its_blocks_and_cancels():
    tracker, rng = VarianceTracker("autograd"), random.Random(0)
    for _ in range(5):
        for _ in range(20):
            slowness = rng.uniform(1, 10)
            for name, seconds in (("autograd", 40e-6), ("factored", 20e-6)):
                tracker.add(name, slowness * seconds)
            tracker.end_round()
        tracker.end_segment()
    assert tracker.blocks("factored") == 100
    assert tracker.is_on_target("factored", 0.5)
    assert tracker.need("factored", 0.5) < 1e-3 < VarianceTracker("autograd").need("factored", 0.5)


class FakeClock(WallClock):
    """Calls take the time that they say they take; nothing else takes any."""

    def block(self, call, calls):
        results = [call() for _ in range(calls)]
        seconds = sum(result[0] for result in results if result) / calls
        return seconds or 1e-9, results[-1]


def measured(candidates, seconds=0.05, baseline="autograd", **options):
    machine = Engine(candidates, baseline, (FakeClock(), None), random.Random(0), **options)
    machine.run(engine.perf_counter() + seconds)
    return machine


def taking(seconds):
    return lambda: lambda: (seconds, "result")


def test_every_segment_rebuilds_and_visits_every_candidate_in_changing_order():
    builds = count()

    def rebuilt():
        next(builds)
        return lambda: (30e-6, "factored")

    machine = measured({"autograd": taking(40e-6), "factored": rebuilt, "jacrev": taking(90e-6)})
    columns, segments = machine.samples.columns, len(machine.segments)
    assert segments >= 2
    assert next(builds) == segments + 1  # and once to find out how fast it is
    for segment in range(segments):
        seen = {a for a, s in zip(columns["candidate"], columns["segment"], strict=True) if s == segment}
        assert seen == {"autograd", "factored", "jacrev"}
    firsts = {a for a, p in zip(columns["candidate"], columns["position"], strict=True) if p == 0}
    assert len(firsts) > 1


def test_the_baseline_is_in_every_round():
    machine = measured({name: taking(seconds) for name, seconds in (("autograd", 40e-6), ("a", 30e-6), ("b", 90e-6))})
    columns = machine.samples.columns
    rounds = set(columns["round"])
    assert rounds == {r for a, r in zip(columns["candidate"], columns["round"], strict=True) if a == "autograd"}


def test_a_far_slower_candidate_gets_few_calls_each_beside_blocks_of_the_baseline():
    machine = measured({"autograd": taking(40e-6), "central_difference": taking(30e-3)})
    columns = machine.samples.columns
    rows = list(zip(columns["candidate"], columns["segment"], columns["round"], strict=True))
    found, *later = (index for index, row in enumerate(rows) if row[0] == "central_difference")
    assert len(later) <= engine.MOST_SLOW_VISITS
    assert rows[found + 1] == ("autograd", *rows[found][1:])  # the call that found it slow: a block follows
    for index in later:
        assert rows[index - 1] == rows[index + 1] == ("autograd", *rows[index][1:])


def test_a_slow_candidate_takes_no_time_from_the_fast_ones():
    """What its own calls cost: once, in a round of every candidate's blocks, they left the fast candidates three blocks in all."""
    fast = {name: taking(40e-6) for name in ("autograd", "textbook", "factored")}
    columns = measured(fast | {"jacfwd": taking(4e-3)}, 0.2).samples.columns
    calls = {name: columns["candidate"].count(name) for name in (*fast, "jacfwd")}
    assert min(calls[name] for name in fast) > 5 * calls["jacfwd"]


def test_an_candidate_that_raises_half_way_is_left_out_and_the_rest_goes_on():
    calls = count()

    def sometimes():
        if next(calls) > 60:
            raise ArithmeticError("enough")
        return (40e-6, "odd")

    machine = measured({"autograd": taking(40e-6), "odd": lambda: sometimes})
    assert machine.candidates["odd"].failure == ("error", "ArithmeticError: enough")
    assert machine.candidates["autograd"].failure is None
    assert max(machine.samples.columns["segment"]) == len(machine.segments) - 1 >= 1


@pytest.mark.parametrize("candidates", [{"autograd": None}, {"autograd": None, "other": 40e-6}])
def test_a_baseline_that_raises_leaves_the_others_to_be_timed(candidates):
    def broken():
        raise ArithmeticError("no")

    machine = measured({name: taking(seconds) if seconds else lambda: broken for name, seconds in candidates.items()})
    assert machine.candidates["autograd"].failure
    assert ("other" in machine.samples.columns["candidate"]) == ("other" in candidates)


def test_the_watch_is_told_of_an_candidate_before_it_is_called():
    told = []

    def call():
        assert told[-1] == "only"
        return (40e-6, "only")

    machine = measured({"only": lambda: call}, 0.01, visiting=told.append)
    assert machine.candidates["only"].failure is None
    assert machine.samples.columns["candidate"]


def test_the_last_result_of_every_segment_is_observed():
    seen = []
    machine = measured({"autograd": taking(40e-6)}, observe=lambda name, result: seen.append((name, result)))
    assert seen == [("autograd", (40e-6, "result"))] * len(machine.segments)


def test_a_width_on_target_ends_a_measurement_early_but_not_before_enough_segments():
    machine = Engine(
        {"autograd": taking(40e-6), "other": taking(50e-6)}, "autograd", (FakeClock(), None), random.Random(0)
    )
    started = engine.perf_counter()
    machine.run(started + 60, stop_on_width=True)
    assert engine.STOP_SEGMENTS <= len(machine.segments) <= 2 * engine.STOP_SEGMENTS
