"""What disturbed a segment: read before and after it, marked and kept, never discarded. Null where unreadable."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

import psutil

STEAL_SHARE = 0.01
"""A segment is disturbed when the hypervisor took more than this share of its time…"""
SWITCHES_PER_S = 50.0
"""…or when the scheduler took the processor away more often than this."""


@dataclass(frozen=True)
class Reading:
    """Counters of this process and machine at one instant."""

    at_ns: int
    involuntary_switches: int
    steal_s: float | None


@dataclass(frozen=True)
class Disturbance:
    """What happened between two readings; the fields are columns of `segments`."""

    started_ns: int
    ended_ns: int
    disturbed: bool
    reason: str | None
    involuntary_switches: int
    steal_s: float | None
    frequency_mhz: float | None
    temperature_c: float | None
    throttling: str | None


def read() -> Reading:
    """The counters now."""
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    return Reading(time_ns(), switches, getattr(psutil.cpu_times(), "steal", None))


def between(before: Reading, after: Reading) -> Disturbance:
    """What disturbed the stretch, against the thresholds above."""
    seconds = max((after.at_ns - before.at_ns) * 1e-9, 1e-9)
    switches = after.involuntary_switches - before.involuntary_switches
    steal = None if before.steal_s is None or after.steal_s is None else after.steal_s - before.steal_s
    causes = []
    if switches > max(2.0, SWITCHES_PER_S * seconds):
        causes.append(f"{switches} involuntary context switches in {seconds:.2f} s")
    if steal is not None and steal > STEAL_SHARE * seconds:
        causes.append(f"{steal:.2f} s stolen by the hypervisor in {seconds:.2f} s")
    return Disturbance(
        before.at_ns,
        after.at_ns,
        bool(causes),
        "; ".join(causes) or None,
        switches,
        steal,
        _frequency(),
        _temperature(),
        None,
    )


def _frequency() -> float | None:
    try:
        return float(psutil.cpu_freq().current)
    except (AttributeError, NotImplementedError, OSError):
        return None


def _temperature() -> float | None:
    try:
        return int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
    except (OSError, ValueError):
        return None
