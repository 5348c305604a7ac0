"""The peak memory of a call: on the CPU from the events of torch's allocator, on CUDA from its counters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gradiometer.methods import Call


def peak_bytes(action: Callable[[], Any]) -> int:
    """The most bytes that torch's CPU allocator had handed out at one time in `action`, over what it held before.

    The result and all that autograd saves are counted. Not counted: what was there before (the inputs), the scratch
    that libraries (BLAS, oneDNN) and kernels' other threads take from the system, and Python's own objects. Recording
    costs microseconds per operation, so nothing is timed meanwhile. Raises what `action` raises.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        held = action()  # until recording ends
    events: Any = recorded.profiler.kineto_results.events()
    on_cpu = torch.profiler.DeviceType.CPU
    memory = [event for event in events if event.name() == "[memory]" and event.device_type() == on_cpu]
    del held
    return max(accumulate(event.nbytes() for event in sorted(memory, key=lambda e: e.start_ns())), default=0)


def allocated(cuda: Any = torch.cuda) -> int:
    """Bytes of live tensors, when everything queued has run."""
    cuda.synchronize()
    return int(cuda.memory_allocated())


def peak_of(call: Call, kept: int, cuda: Any = torch.cuda) -> int | None:
    """Bytes that one call takes at its peak, its result included, and `kept`: what preparing it holds on to.

    The call must have run before: a first one allocates the libraries' workspaces too, which stay. None where it
    allocates nothing: every gradient needs memory, so it is then taken from a pool that the allocator does not count
    again, as a captured graph's.
    """
    resident = allocated(cuda)
    cuda.reset_peak_memory_stats()
    result = call()
    cuda.synchronize()
    peak = int(cuda.max_memory_allocated()) - resident
    del result
    return peak + kept if peak else None
