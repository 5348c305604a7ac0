"""Peak memory of a call: on the CPU from the events of torch's allocator, on CUDA from its counters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gradiometer.methods import Call


def peak_bytes(action: Callable[[], Any]) -> int:
    """Largest number of bytes that torch's CPU allocator held at one time during `action`, above its start.

    Includes the result and what autograd saves. Excludes the inputs, scratch memory that libraries (BLAS, oneDNN) and
    other threads take from the system, and Python objects. Recording costs microseconds per operation, so nothing is
    timed meanwhile. Raises what `action` raises.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        held = action()  # alive until recording ends
    events: Any = recorded.profiler.kineto_results.events()
    on_cpu = torch.profiler.DeviceType.CPU
    memory = [event for event in events if event.name() == "[memory]" and event.device_type() == on_cpu]
    del held
    return max(accumulate(event.nbytes() for event in sorted(memory, key=lambda e: e.start_ns())), default=0)


def allocated(cuda: Any = torch.cuda) -> int:
    """Bytes of live tensors once the device's queue is empty."""
    cuda.synchronize()
    return int(cuda.memory_allocated())


def peak_of(call: Call, kept: int, cuda: Any = torch.cuda) -> int | None:
    """Peak memory of one call in bytes, result included, plus `kept`: the bytes that its preparation holds.

    Call it once before: a first call also allocates the libraries' workspaces, which stay. None where the call
    allocates nothing, as a captured CUDA graph does: its memory comes from a pool that the allocator does not count.
    """
    resident = allocated(cuda)
    cuda.reset_peak_memory_stats()
    result = call()
    cuda.synchronize()
    peak = int(cuda.max_memory_allocated()) - resident
    del result
    return peak + kept if peak else None
