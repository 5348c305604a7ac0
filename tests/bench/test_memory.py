"""Memory that calls hold: measured, and as the plan predicts it."""

import pytest
import torch

from bench.cases import Case
from bench.methods import METHODS
from bench.problems import PROBLEMS
from bench.timing.memory import peak_bytes
from bench.timing.setting import CaseSetting


def test_the_peak_is_what_is_held_at_one_time():
    before = torch.ones(1000)

    def two_of_three():
        first = before + before
        second = first + before
        del first
        return second * second

    assert peak_bytes(two_of_three) == 2 * 4000
    assert peak_bytes(lambda: before) == 0


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_model_of_memory_is_above_what_is_measured_and_near_it_where_it_grows_with_the_square(problem, dtype):
    for wrt in PROBLEMS[problem].wrts:
        for size in (4, 16):
            case = Case(PROBLEMS[problem], wrt, size, (), dtype, "cpu", 1, "ieee", "hot", (), (), 1)
            setting = CaseSetting(case.problem, case.request(), "uniform", 0)
            for method in [*setting.forms, *METHODS]:
                if setting.losses(method) <= 64:
                    measured = peak_bytes(lambda s=setting, name=method: s.gradient(name))
                    most = 3.5 if method in METHODS and METHODS[method].batched else 32
                    assert measured <= case.memory_bytes(method) <= most * measured, (wrt, size, method)
