"""What a worker does to its own process before it serves: warms it up, quiets its collector, bounds its damage."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import signal
import sys
from pathlib import Path

import psutil
import torch

from gradiometer.methods import METHODS, Objective

MEMORY_SHARE = 0.8
"""A worker may take this share of the memory that was free when it began; past it an allocation fails: `oom`."""


def warm_up(devices: list[str]) -> None:
    """Run every method once on a small problem: first calls import and compile for seconds."""
    torch.set_num_threads(1)
    for device in devices:
        point = torch.linspace(0.1, 1.0, 64, device=device).reshape(8, 8)
        small = Objective(lambda x: ((x @ x) ** 2).sum(), (point,))
        for method in (method for method in METHODS.values() if method.exists_on(device)):
            with contextlib.suppress(Exception):
                call = method.prepare(small)()
                for _ in range(2):
                    call()
    freeze_gc()


def freeze_gc() -> None:
    """Collect garbage now and look at what is left no more: a collection while timing then takes microseconds."""
    gc.collect()
    gc.freeze()


def limit_resources() -> None:
    """See that this process ends with its parent, and takes the fall where memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        if not torch.cuda.is_available():  # a CUDA context reserves far more addresses than it uses
            limit = psutil.Process().memory_info().vms + int(MEMORY_SHARE * psutil.virtual_memory().available)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
