"""Peak memory of calls: measured, and as the plan predicts it."""

import pytest
import torch

from gradiometer.cost import memory
from gradiometer.cost.memory import peak_bytes
from gradiometer.methods import METHODS
from gradiometer.problems import PROBLEMS
from gradiometer.study.plan import Case
from gradiometer.workers.case_instance import CaseInstance


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
            setting = CaseInstance(case.problem, case.request(), "uniform", 0)
            for method in [*setting.forms, *(name for name in METHODS if METHODS[name].exists_on("cpu"))]:
                if setting.losses(method) <= 64:
                    measured = peak_bytes(lambda s=setting, name=method: s.gradient(name))
                    most = 3.5 if method in METHODS and METHODS[method].batched else 32
                    assert measured <= case.memory_bytes(method) <= most * measured, (wrt, size, method)


class Allocator:
    """Counts as torch.cuda's does; a block is freed when what was handed out for it is dropped."""

    def __init__(self):
        self.live = self.peak = 0

    def take(self, size):
        self.live += size
        self.peak = max(self.peak, self.live)
        return Block(self, size)

    def synchronize(self):
        pass

    def memory_allocated(self):
        return self.live

    def max_memory_allocated(self):
        return self.peak

    def reset_peak_memory_stats(self):
        self.peak = self.live


class Block:
    def __init__(self, allocator, size):
        self.allocator, self.size = allocator, size

    def __del__(self):
        self.allocator.live -= self.size


def test_the_peak_is_that_of_one_call_and_of_what_preparing_keeps():
    cuda, workspace = Allocator(), []
    inputs = cuda.take(1000)
    before = memory.allocated(cuda)
    prepared = cuda.take(70)
    kept = memory.allocated(cuda) - before

    def call():
        if not workspace:
            workspace.append(cuda.take(8_000_000))  # a library's, at the first call, for good
        tangent = cuda.take(300)
        result = cuda.take(100)
        del tangent
        return result

    held = call()  # the warm call, whose result is still judged later
    assert memory.peak_of(call, kept, cuda) == 300 + 100 + 70
    assert memory.allocated(cuda) == 8_000_000 + 1000 + 70 + 100  # nothing of it is left
    del held, inputs, prepared


def test_a_call_from_a_pool_of_its_own_has_no_peak_that_could_be_told():
    cuda = Allocator()
    output = cuda.take(100)
    assert memory.peak_of(lambda: output, 100, cuda) is None
