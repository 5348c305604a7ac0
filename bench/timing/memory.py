"""How much memory a call holds at its highest, on the CPU, from the events of torch's own allocator."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile


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
