"""The peak of a call, from an allocator whose counters are known."""

from bench.timing import memory


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
