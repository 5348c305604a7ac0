"""The peak memory of one call on CUDA, from the caching allocator's own counters."""

from __future__ import annotations

from typing import Any

import torch

from bench.methods import Call


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
