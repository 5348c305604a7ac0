"""Clocks: what times a block of calls. A block's last result comes back, so that what was timed can be judged."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Protocol

import torch

Call = Callable[[], Any]

SPIN_CYCLES_PER_S = 2e9
"""Clock rate assumed for torch.cuda._sleep: a little too long a spin costs time, too short a one counts idle gaps."""


class Clock(Protocol):
    """Times `calls` calls in a row: seconds per call, and the last result."""

    name: str

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds per call, and what the last call returned."""
        ...


class WallClock:
    """The host's clock around a block. With `synchronize`, the device's queue is empty before and after it."""

    name = "wall"

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

    def block(self, call: Call, calls: int) -> tuple[float, Any]:
        """Seconds of device time per call, and what the last call returned."""
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        torch.cuda._sleep(int(self.expected_s * 1.5 * SPIN_CYCLES_PER_S))
        start.record()
        result = None
        for _ in repeat(None, calls):
            result = call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / calls * 1e-3, result


def clocks_for(device: str) -> tuple[WallClock, DeviceClock | None]:
    """The wall clock of a device, and its own clock where it has one."""
    if device == "cuda":
        return WallClock(torch.cuda.synchronize), DeviceClock()
    return WallClock(), None
