"""Clocks: what times a block of calls. A block's last result comes back, so that what was timed can be judged."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Protocol

import torch

from gradiometer.machine import hardware

Call = Callable[[], Any]
Flush = Callable[[], Any]

ASSUMED_CACHE_BYTES = 64 * 2**20
"""The last level of a machine that does not tell its caches."""
LARGEST_FLUSH_BYTES = 256 * 2**20
"""A flush of more takes 30 ms and up a call. A virtual machine may tell the cache of the whole socket, 260 MB, of
which it has a share: its own L2 is flushed for certain then, the last level as far as this reaches."""

SPIN_CYCLES = 20_000_000
"""A spin of about 10 ms, long beside what an event resolves (0.5 µs), with which the spin itself is timed."""


class Clock(Protocol):
    """Times `calls` calls in a row: seconds per call, and the last result."""

    name: str

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds per call, and what the last call returned."""
        ...


class WallClock:
    """The host's clock around a block. With `synchronize`, the device's queue is empty before and after it."""

    name = "wall"
    flush_s = 0.0
    """What a call costs beside its own time, to make it cold."""

    def __init__(self, synchronize: Callable[[], None] | None = None) -> None:
        self._synchronize = synchronize

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds per call, and what the last call returned."""
        result = None
        synchronize = self._synchronize
        if synchronize is None:
            started = perf_counter_ns()
            for _ in repeat(None, calls):
                result = call()
            return (perf_counter_ns() - started) / calls * 1e-9, result
        synchronize()
        started = perf_counter_ns()
        for _ in repeat(None, calls):
            result = call()
        synchronize()
        return (perf_counter_ns() - started) / calls * 1e-9, result


class DeviceClock:
    """CUDA events around a block that is queued behind a spin, so that no gap of a launch-bound block counts.

    `expected_s`, set before a block, is about how long the host takes to queue it; the spin lasts as long.
    """

    name = "device"
    expected_s = 1e-3

    def __init__(self, cuda: Any = torch.cuda) -> None:
        self._cuda = cuda

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds of device time per call, and what the last call returned."""
        cuda, cycles_per_s = self._cuda, spin_rate(self._cuda)
        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        cuda.synchronize()
        cuda._sleep(int(self.expected_s * 1.5 * cycles_per_s))
        start.record()
        result = None
        for _ in repeat(None, calls):
            result = call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / calls * 1e-3, result


@functools.cache
def spin_rate(cuda: Any) -> float:
    """Cycles a second of `cuda._sleep`, timed once per process: the fastest of three spins, after one that wakes it.

    Too long a spin costs time, too short a one counts idle gaps.
    """
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    cuda._sleep(SPIN_CYCLES)
    spins_ms: list[float] = []
    for _ in range(3):
        start.record()
        cuda._sleep(SPIN_CYCLES)
        end.record()
        end.synchronize()
        spins_ms.append(start.elapsed_time(end))
    return SPIN_CYCLES / (min(spins_ms) * 1e-3)


class ColdWallClock(WallClock):
    """The host's clock around every single call, after a flush that is not timed; a block's time is the calls' sum."""

    def __init__(self, flush: Flush, synchronize: Callable[[], None] | None = None) -> None:
        super().__init__(synchronize)
        self._flush = flush
        self.flush_s = seconds_of(flush, synchronize)

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds per call, and what the last call returned."""
        return _each_cold(super().block, self._flush, call, calls)


class ColdDeviceClock(DeviceClock):
    """CUDA events around every single call, after a flush that is not timed; a block's time is the calls' sum."""

    def __init__(self, flush: Flush, cuda: Any = torch.cuda) -> None:
        super().__init__(cuda)
        self._flush = flush

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds of device time per call, and what the last call returned."""
        of_block, self.expected_s = self.expected_s, self.expected_s / calls  # each call has a spin of its own
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
    """How long a flush takes: the second, since the first one allocates."""
    clock = WallClock(synchronize)
    clock.block(flush, 1)
    return clock.block(flush, 1)[0]


@functools.cache
def flush_of(device: str) -> Flush:
    """What leaves none of a case's tensors in the device's caches: a buffer of its own, made once per process.

    Twice the last level, since replacement is not strictly by age; the CPU's at most LARGEST_FLUSH_BYTES. Every entry
    is read and written: a plain fill may be stored past the caches, and would leave them as they are.
    """
    if device == "cuda":
        size = 2 * torch.cuda.get_device_properties("cuda").L2_cache_size
    else:
        size = min(2 * (hardware.last_level_cache_bytes() or ASSUMED_CACHE_BYTES), LARGEST_FLUSH_BYTES)
    buffer = torch.zeros(size // 8, dtype=torch.int64, device=device)
    return partial(buffer.add_, 1)


def clocks_for(device: str, cache: str = "hot") -> tuple[WallClock, DeviceClock | None]:
    """The wall clock of a device, and its own clock where it has one; `cold`: caches are flushed before every call."""
    is_cuda = device == "cuda"
    synchronize = torch.cuda.synchronize if is_cuda else None
    if cache == "cold":
        flush = flush_of(device)
        return ColdWallClock(flush, synchronize), ColdDeviceClock(flush) if is_cuda else None
    return WallClock(synchronize), DeviceClock() if is_cuda else None
