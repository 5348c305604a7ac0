"""The engine on a pretended machine, whose time passes only in calls."""

import gc
from collections import Counter
from itertools import count

import pytest

from gradiometer.timing import engine


@pytest.fixture(autouse=True, scope="module")
def short_collections():
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def rows_of(run, *columns):
    return list(zip(*(run.samples.columns[name] for name in columns), strict=True))


def orders(run):
    """The candidates of each round, by position, without the baseline."""
    rounds = {}
    for round_, _position, name in sorted(rows_of(run, "round", "position", "candidate")):
        if name != "autograd":
            rounds.setdefault(round_, []).append(name)
    return [tuple(names) for names in rounds.values()]


def test_the_order_of_the_candidates_in_a_round_is_random(machine, measured):
    run = measured(machine.taking(autograd=40e-6, a=30e-6, b=35e-6, c=90e-6))
    full = Counter(order for order in orders(run) if len(order) == 3)
    assert len(full) == 6  # every order of three occurs
    assert max(full.values()) < 0.5 * full.total()


def test_the_calls_that_find_cold_caches_are_not_timed(machine, measured):
    machine.cold_s = 200e-6
    run = measured(machine.taking(autograd=40e-6, factored=20e-6, jacrev=400e-6))
    assert {name for name, time_s in rows_of(run, "candidate", "time_s")} == {"autograd", "factored", "jacrev"}
    for name, time_s in rows_of(run, "candidate", "time_s"):
        assert time_s == pytest.approx({"autograd": 40e-6, "factored": 20e-6, "jacrev": 400e-6}[name], rel=1e-3)


def test_every_segment_tells_the_overhead_of_an_empty_call(machine, measured):
    machine.overhead_s = 3e-6
    run = measured(machine.taking(autograd=40e-6, factored=20e-6))
    assert [segment["overhead_s"] for segment in run.segments] == pytest.approx([3e-6] * len(run.segments), rel=0.01)


class DeviceClock:
    """A device on which calls take a tenth of their wall time."""

    name = "device"
    expected_s = 0.0

    def __init__(self, machine):
        self.machine = machine

    def block(self, call, calls):
        started = self.machine.now_s
        results = [call() for _ in range(calls)]
        return (self.machine.now_s - started) / calls / 10, results[-1]


def test_wall_and_device_time_are_apart(machine, measured):
    run = measured(machine.taking(autograd=400e-6, factored=200e-6), device=DeviceClock(machine))
    for clock, factor in (("wall", 1), ("device", 0.1)):
        times = [(n, t) for n, t, c in rows_of(run, "candidate", "time_s", "clock") if c == clock]
        assert {name for name, _ in times} == {"autograd", "factored"}
        for name, time_s in times:
            assert time_s == pytest.approx(factor * {"autograd": 400e-6, "factored": 200e-6}[name], rel=1e-2)


def test_every_segment_builds_and_times_every_candidate(machine, measured):
    builds = count()

    def built():
        next(builds)
        return machine.call("factored", 30e-6)

    run = measured(machine.taking(autograd=40e-6, jacrev=90e-6) | {"factored": built})
    segments = len(run.segments)
    assert segments >= 2
    assert next(builds) == segments + 1  # and once to estimate its time
    for segment in range(segments):
        seen = {name for name, s in rows_of(run, "candidate", "segment") if s == segment}
        assert seen == {"autograd", "factored", "jacrev"}


def test_the_baseline_is_in_every_round(machine, measured):
    rows = rows_of(measured(machine.taking(autograd=40e-6, a=30e-6, b=90e-6)), "candidate", "round")
    assert {r for _, r in rows} == {r for name, r in rows if name == "autograd"}


def test_a_much_slower_candidate_gets_few_calls_each_between_blocks_of_the_baseline(machine, measured):
    rows = rows_of(measured(machine.taking(autograd=40e-6, central_difference=30e-3)), "candidate", "segment", "round")
    found, *later = (index for index, row in enumerate(rows) if row[0] == "central_difference")
    assert 1 <= len(later) <= engine.MOST_SLOW_VISITS
    assert rows[found + 1] == ("autograd", *rows[found][1:])  # a block follows the call that found it slow
    for index in later:
        assert rows[index - 1] == rows[index + 1] == ("autograd", *rows[index][1:])


def test_a_slow_candidate_leaves_the_fast_ones_their_blocks(machine, measured):
    """Its own calls may take a share of the budget, not a place in every round."""
    fast = ("autograd", "textbook", "factored")
    blocks = Counter(measured(machine.taking(**dict.fromkeys(fast, 40e-6), jacfwd=4e-3)).samples.columns["candidate"])
    assert min(blocks[name] for name in fast) > 5 * blocks["jacfwd"]


def test_a_candidate_that_raises_half_way_is_left_out_and_the_others_go_on(machine, measured):
    calls = count()

    def sometimes():
        if next(calls) > 60:
            raise ArithmeticError("enough")
        machine.now_s += 40e-6

    run = measured(machine.taking(autograd=40e-6) | {"odd": lambda: sometimes})
    assert run.candidates["odd"].failure == ("error", "ArithmeticError: enough")
    assert run.candidates["autograd"].failure is None
    assert max(run.samples.columns["segment"]) == len(run.segments) - 1 >= 1


@pytest.mark.parametrize("others", [{}, {"other": 40e-6}])
def test_a_baseline_that_raises_leaves_the_others_to_be_timed(machine, measured, others):
    def broken():
        raise ArithmeticError("no")

    run = measured({"autograd": lambda: broken} | machine.taking(**others))
    assert run.candidates["autograd"].failure
    assert set(run.samples.columns["candidate"]) == set(others)


def test_visiting_is_called_before_a_candidate(machine, measured):
    visited = []

    def call():
        assert visited[-1] == "autograd"
        machine.now_s += 40e-6

    run = measured({"autograd": lambda: call}, visiting=visited.append)
    assert run.candidates["autograd"].failure is None
    assert run.samples.columns["candidate"]


def test_the_last_result_of_every_block_is_observed_before_anything_else_runs(machine, measured):
    seen, ends = [], []

    def observe(name, result):
        assert machine.last == name == result
        seen.append(name)

    run = measured(machine.taking(autograd=40e-6, other=50e-6), observe=observe, ended=lambda: ends.append(len(seen)))
    assert len(seen) >= len(run.samples.columns["candidate"])
    assert set(seen) == {"autograd", "other"}
    assert len(ends) == len(run.segments)


def test_a_width_on_target_ends_a_measurement_early_but_not_before_enough_segments(machine, measured):
    run = measured(machine.taking(autograd=40e-6, other=50e-6), seconds=60, stop_on_width=True)
    assert engine.STOP_SEGMENTS <= len(run.segments) <= 2 * engine.STOP_SEGMENTS


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_not_collected_while_timing_and_collection_is_restored(machine, measured, enabled):
    during = set()

    def call():
        during.add(gc.isenabled())
        machine.now_s += 40e-6

    (gc.enable if enabled else gc.disable)()
    try:
        run = measured({"autograd": lambda: machine.call("autograd", 40e-6), "other": lambda: call})
        timed_in_segments = len(run.samples.columns["candidate"])
        assert timed_in_segments and False in during
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
