"""Memory and processors that this process may use: what the machine has, within the limits of its control groups.

In a container psutil reports the host's memory. The limits of cgroup versions 1 and 2 apply at every level, so the
smallest limit from the process's own group up to the root counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

UNLIMITED_BYTES = 2**60
"""Version 1 states the absence of a limit as a number above this."""


def total_memory_bytes(root: Path = Path("/")) -> int:
    """Memory of the machine, or the control groups' limit if that is smaller."""
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _memory_groups(root))])


def available_memory_bytes(root: Path = Path("/")) -> int:
    """Memory that can still be allocated on the host, within the control groups' limits."""
    left = (max(0, limit - used) for limit, used in _memory_groups(root))
    return min([psutil.virtual_memory().available, *left])


def free_memory_bytes() -> dict[str, int]:
    """Device → free memory; `cuda` only where there is one."""
    import torch

    found = {"cpu": available_memory_bytes()}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.mem_get_info()[0]
    return found


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Processors' worth of time that the control groups allow; None without a quota."""
    quotas = []
    for group in _groups("cpu", root):
        both = _words(group / "cpu.max") or [*_words(group / "cpu.cfs_quota_us"), *_words(group / "cpu.cfs_period_us")]
        if len(both) == 2 and both[0] not in ("max", "-1"):
            quotas.append(int(both[0]) / int(both[1]))
    return min(quotas, default=None)


def _memory_groups(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use in bytes, of every group that has a limit. Cached files are not counted as used: they can go."""
    for group in _groups("memory", root):
        limit = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
        used = _words(group / "memory.current") or _words(group / "memory.usage_in_bytes")
        if limit and used and limit[0] != "max" and int(limit[0]) < UNLIMITED_BYTES:
            stat = _words(group / "memory.stat")
            entries = dict(zip(stat[::2], stat[1::2], strict=False))
            cached = entries.get("total_inactive_file") or entries.get("inactive_file") or "0"
            yield int(limit[0]), max(0, int(used[0]) - int(cached))


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of this process's control groups for one controller, from the innermost to the root of the mount."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mounts = dict.fromkeys((controllers, controller) if controllers else ("", "unified"))
        for mount in (root / "sys/fs/cgroup" / name for name in mounts):
            # Inside a container the path may be the host's, which does not exist here: the mount itself then counts.
            inner = mount / path.lstrip("/")
            yield from (group for group in (inner, *inner.parents) if group.is_relative_to(mount))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
