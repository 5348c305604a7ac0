"""Clocks, which time a block of calls and return its last result, so that the timed gradient can be scored."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from itertools import repeat
from statistics import median
from time import perf_counter_ns
from typing import Any

import torch

from gradiometer.machine import hardware

Call = Callable[[], Any]
Flush = Callable[[], Any]

ASSUMED_CACHE_BYTES = 64 * 2**20
"""Size of the last-level cache where the machine does not report it."""
LARGEST_FLUSH_BYTES = 256 * 2**20
"""Largest buffer of a flush, which takes 30 ms or more per call.

A virtual machine may report the cache of the whole socket, such as 260 MB, of which it has only a share. The buffer
certainly flushes the machine's own L2 cache; it flushes the last level up to this size.
"""
SPIN_CYCLES = 20_000_000
"""A spin of about 10 ms, long compared with the resolution of an event (0.5 µs). Used to time the spin itself."""
EMPTY_BLOCKS = 11
EMPTY_SPIN_CYCLES = 200_000
"""A spin of about 0.1 ms, long enough for the host to queue the two events behind it."""


class WallClock:
    """The host's clock around a block. With `synchronize`, the device's queue is empty before and after the block.

    `name` is a value of the column `clock`.
    """

    name = "wall"
    flush_s = 0.0
    """Time that flushing the caches adds to each call."""

    def __init__(self, synchronize: Callable[[], None] | None = None) -> None:
        self._synchronize = synchronize

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds per call, and what the last call returned."""
        result, synchronize = None, self._synchronize
        if synchronize is not None:
            synchronize()
        started = perf_counter_ns()
        for _ in repeat(None, calls):
            result = call()
        if synchronize is not None:
            synchronize()
        return (perf_counter_ns() - started) / calls * 1e-9, result


class DeviceClock:
    """CUDA events around a block that is queued behind a spin, so that the gaps of a launch-bound block do not count.

    The time between the events of an empty block is subtracted. Set `expected_s` before a block to the time that the
    host needs to queue it; the spin lasts somewhat longer.
    """

    name = "device"
    expected_s = 1e-3

    def __init__(self, cuda: Any = torch.cuda) -> None:
        self._cuda = cuda

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds of device time per call, and what the last call returned."""
        cuda, overhead_s = self._cuda, empty_block_s(self._cuda)
        spin_cycles = int(self.expected_s * 1.5 * spin_rate(cuda))
        seconds, result = _between_events(cuda, spin_cycles, call, calls)
        return max(0.0, seconds - overhead_s) / calls, result


def _between_events(cuda: Any, spin_cycles: int, call: Call, calls: int) -> tuple[float, Any]:
    """Seconds between an event before and one after the calls, all queued behind a spin; the last result."""
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    cuda.synchronize()
    cuda._sleep(spin_cycles)
    start.record()
    result = None
    for _ in repeat(None, calls):
        result = call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) * 1e-3, result


@functools.cache
def empty_block_s(cuda: Any) -> float:
    """Seconds that the device clock measures for no call at all: the median of some blocks, once per process."""
    return median(_between_events(cuda, EMPTY_SPIN_CYCLES, int, 0)[0] for _ in range(EMPTY_BLOCKS))


@functools.cache
def spin_rate(cuda: Any) -> float:
    """Cycles per second of `cuda._sleep`, measured once per process: the fastest of three spins after a warm-up.

    Too long a spin wastes time; during too short a spin idle gaps count.
    """
    cuda._sleep(SPIN_CYCLES)
    return SPIN_CYCLES / min(_between_events(cuda, 1, partial(cuda._sleep, SPIN_CYCLES), 1)[0] for _ in range(3))


class ColdWallClock(WallClock):
    """The host's clock around every single call, after an untimed flush of the caches."""

    def __init__(self, flush: Flush, synchronize: Callable[[], None] | None = None) -> None:
        super().__init__(synchronize)
        self._flush = flush
        self.flush_s = seconds_of(flush, synchronize)

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds per call, and what the last call returned."""
        return _each_cold(super().block, self._flush, call, calls)


class ColdDeviceClock(DeviceClock):
    """CUDA events around every single call, after an untimed flush of the caches."""

    def __init__(self, flush: Flush, cuda: Any = torch.cuda) -> None:
        super().__init__(cuda)
        self._flush = flush

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds of device time per call, and what the last call returned."""
        of_block, self.expected_s = self.expected_s, self.expected_s / calls  # each call has its own spin
        timed = _each_cold(super().block, self._flush, call, calls)
        self.expected_s = of_block
        return timed


def _each_cold(
    block: Callable[[Call, int], tuple[float, Any]], flush: Flush, call: Call, calls: int
) -> tuple[float, Any]:
    total_s, result = 0.0, None
    for _ in repeat(None, calls):
        flush()
        seconds, result = block(call, 1)
        total_s += seconds
    return total_s / calls, result


def seconds_of(flush: Flush, synchronize: Callable[[], None] | None) -> float:
    """Time of a flush: that of the second one, because the first allocates memory."""
    clock = WallClock(synchronize)
    clock.block(flush, 1)
    return clock.block(flush, 1)[0]


@functools.cache
def flush_of(device: str) -> Flush:
    """A function that empties the device's caches by writing a buffer, which is made once per process.

    The buffer has twice the size of the last level, because replacement is not strictly by age; on the CPU at most
    LARGEST_FLUSH_BYTES. Every entry is read and written: a plain fill may bypass the caches and leave them unchanged.
    """
    if device == "cuda":
        size = 2 * torch.cuda.get_device_properties("cuda").L2_cache_size
    else:
        size = min(2 * (hardware.last_level_cache_bytes() or ASSUMED_CACHE_BYTES), LARGEST_FLUSH_BYTES)
    buffer = torch.zeros(size // 8, dtype=torch.int64, device=device)
    return partial(buffer.add_, 1)


def clocks_for(device: str, cache: str = "hot") -> tuple[WallClock, DeviceClock | None]:
    """The wall clock for a device, and the device's own clock if it has one.

    With `cache="cold"` both empty the caches before every call.
    """
    is_cuda = device == "cuda"
    synchronize = torch.cuda.synchronize if is_cuda else None
    if cache == "cold":
        flush = flush_of(device)
        return ColdWallClock(flush, synchronize), ColdDeviceClock(flush) if is_cuda else None
    return WallClock(synchronize), DeviceClock() if is_cuda else None
