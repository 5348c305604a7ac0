"""Ten facts about this machine in words, for `gradiometer machine`, and what interferes with timing on it now."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from gradiometer.machine import hardware

BUSY_LOAD = 0.5
"""Load average above which other work is reported as a source of interference."""
UNKNOWN = "unknown"


def interference_sources() -> list[str]:
    """Conditions on this machine that make timing less reliable now, each with advice."""
    found = []
    load = os.getloadavg()[0]
    if load > BUSY_LOAD:
        found.append(f"load average {load:.1f} on {psutil.cpu_count(logical=True) or 1} processors; stop other work")
    if hardware.GOVERNOR.is_file() and hardware.governor() != "performance":
        found.append(f"frequency governor {hardware.governor()!r}; set it to performance")
    battery = psutil.sensors_battery()
    if battery is not None and not battery.power_plugged:
        found.append("running on battery; plug the machine in")
    if hardware.is_virtual():
        found.append("a virtual machine: its host may take time away (column steal_s says how much)")
    return found


def summary(machine: Mapping[str, Any], selftests: Path = Path("results")) -> list[tuple[str, str]]:
    """Ten (label, value) pairs from `description.describe()`.

    `selftests` is a folder in which `gradiometer selftest` wrote. Its newest result for this processor gives the
    smallest detectable difference.
    """
    numerics, build = machine["numerics"] or {}, machine["torch_build"] or {}
    quota = machine["cpu_quota"]
    return [
        ("CPU", str(machine["cpu"] or UNKNOWN)),
        ("Cores", f"{machine['cores']} ({machine['usable_cores']} usable threads), quota {quota or 'none'}"),
        ("Memory", f"{machine['memory_bytes'] / 2**30:.1f} GiB" if machine["memory_bytes"] else UNKNOWN),
        ("Caches", ", ".join(f"{k} {size}" for k, size in (machine["cpu_caches"] or {}).items()) or UNKNOWN),
        ("GPU", ", ".join(f"{gpu['name']}, driver {gpu['driver']}" for gpu in machine["gpus"] or []) or "none"),
        (
            "torch",
            f"{torch.__version__}, {torch.get_num_threads()} threads, CUDA {build.get('cuda') or 'not built in'}",
        ),
        ("Numerics", ", ".join(f"{name} {value}" for name, value in numerics.items() if name in SHOWN) or UNKNOWN),
        ("Load now", f"{machine['load_1min']:.2f}" if machine["load_1min"] is not None else UNKNOWN),
        ("Interference", "; ".join(interference_sources()) or "no source found"),
        ("Smallest detectable difference", _smallest_difference(machine, selftests)),
    ]


SHOWN = ("float32_matmul_precision", "cpu_capability", "mkldnn", "deterministic")
"""Numeric switches in the summary; the JSON output has all."""


def _smallest_difference(machine: Mapping[str, Any], folder: Path) -> str:
    for path in sorted(folder.glob("**/selftest.json"), reverse=True):
        try:
            found = json.loads(path.read_text("utf-8"))
            same = all(found["machine"][name] == machine[name] for name in ("cpu", "logical_cores"))
            if same and found["smallest_difference"]:
                return ", ".join(f"{share:.1%} at {call}" for call, share in found["smallest_difference"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return f"{UNKNOWN}; run gradiometer selftest"
