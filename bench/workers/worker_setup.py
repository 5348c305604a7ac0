"""Worker start-up: warm-up, garbage-collector settings, memory limit, termination with the parent."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from pathlib import Path

import psutil
import torch

from gradiometer.machine.limits import available_memory_bytes
from gradiometer.methods import METHODS, Objective

MEMORY_SHARE = 0.8
"""Share of the memory available at the start that a worker may use. Beyond it an allocation fails: `oom`."""
PR_SET_PDEATHSIG = 1


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
    """Collect garbage now and exclude what is left from later collections, which then take microseconds.

    Call it while no case is alive: frozen objects that refer to each other in a cycle are never freed.
    """
    gc.collect()
    gc.freeze()


def limit_resources(parent: int) -> None:
    """Limit this process's memory, and end it with its parent; exit at once if the parent has ended already."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        end_with_parent()
        os.register_at_fork(after_in_child=end_with_parent)
        if os.getppid() != parent:
            os._exit(1)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        if not torch.cuda.is_available():  # a CUDA context reserves far more addresses than it uses
            limit = psutil.Process().memory_info().vms + int(MEMORY_SHARE * available_memory_bytes())
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def end_with_parent() -> None:
    """Have Linux kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
