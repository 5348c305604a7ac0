import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradiometer.timing import allocation, engine
from gradiometer.timing.variance_tracker import VarianceTracker


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-7, 10), min_size=1, max_size=12))
def test_candidates_of_similar_speed_share_one_plan(estimates):
    shared = allocation.shared_plans(estimates, engine.BLOCK_S)
    for one, slow in estimates.items():
        for other, fast in estimates.items():
            if fast <= slow <= allocation.ALIKE * fast:
                assert shared[one] == shared[other]


@pytest.mark.parametrize(
    ("estimate", "warm", "calls"),
    [(2e-6, 4, 256), (60e-6, 2, 8), (500e-6, 2, 4), (2e-3, 1, 4), (5e-3, 1, 1), (20e-3, 0, 1)],
)
def test_a_block_is_a_power_of_two_of_calls_after_warm_up_calls(estimate, warm, calls):
    assert allocation.plan_for(estimate, engine.BLOCK_S) == allocation.BlockPlan(calls, warm)


@given(
    st.lists(st.tuples(st.floats(1e-6, 1e-2), st.floats(0.1, 1e4), st.integers(0, 500)), min_size=1, max_size=12),
    st.floats(1e-3, 1.0),
)
def test_the_neediest_candidate_is_in_every_round_and_less_need_never_gets_more(candidates, seconds):
    names = [str(i) for i in range(len(candidates))]
    costs, needs, done = (dict(zip(names, values, strict=True)) for values in zip(*candidates, strict=True))
    share = allocation.shares(costs, needs, done, seconds)
    assert max(share.values()) == 1.0 and min(share.values()) >= 0
    for one in names:
        for other in names:
            if done[one] == done[other] and needs[one] >= needs[other]:
                assert share[one] >= share[other]


def test_a_ratio_far_from_1_has_a_wider_target():
    assert allocation.target_of(1.0) == allocation.target_of(7.9) == allocation.target_of(1 / 7.9) == allocation.TARGET
    assert allocation.target_of(100) == pytest.approx(0.23, abs=0.01)


def test_interference_with_a_whole_round_cancels_in_its_pairs():
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
