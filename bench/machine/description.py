"""Description of this machine for `run.json`: what explains a result, without host name or paths."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Any

import psutil

from gradiometer.machine import hardware, limits, numerics, software

FACTS: dict[str, Callable[[], Any]] = {
    "cpu": lambda: hardware.cpuinfo().get("model name") or platform.processor() or platform.machine(),
    "architecture": platform.machine,
    "cpu_flags": hardware.cpu_flags,
    "cpu_caches": hardware.caches,
    "cores": lambda: psutil.cpu_count(logical=False),
    "logical_cores": lambda: psutil.cpu_count(logical=True),
    "usable_cores": lambda: len(os.sched_getaffinity(0)),
    "cpu_quota": limits.cpu_quota,
    "governor": hardware.governor,
    "memory_bytes": limits.total_memory_bytes,
    "kernel": platform.release,
    "system": platform.system,
    "libc": lambda: " ".join(platform.libc_ver()),
    "load_1min": lambda: os.getloadavg()[0],
    "gpus": hardware.gpus,
    "numerics": numerics.switches,
    "torch_build": software.torch_build,
    "thread_pools": software.thread_pools,
    "environment": software.environment,
    "source": software.source,
}


def describe() -> dict[str, Any]:
    """Name → fact. A fact that cannot be read is None, and `unread` gives the reason by the fact's name."""
    found: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for name, fact in FACTS.items():
        try:
            found[name] = fact()
        except Exception as error:
            found[name] = None
            cause = getattr(error, "strerror", None)  # the whole message may hold a path
            unread[name] = f"{type(error).__name__}: {cause}" if cause else type(error).__name__
    return found | {"unread": unread}
