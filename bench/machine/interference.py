"""Interference: what else ran on the machine during a segment.

Counters are read before and after a segment. Segments with interference are marked and kept. A value that the machine
does not provide is None, with the reason in `unread`.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns
from typing import Any

import psutil

from gradiometer.machine import gpu

STEAL_SHARE = 0.01
"""Largest share of a segment that the hypervisor may take without interference."""
SWITCHES_PER_S = 50.0
"""Largest rate of involuntary context switches without interference."""
PRESSURE_SHARE = 0.1
"""Largest share of a segment in which some task of the machine may wait for a processor. Short waits are the kernel's
own; a tenth means more work than processors. If the kernel does not report it, the load average decides: above the
number of processors, something waited within the last minute."""
CLOCK_SHARE = 0.75
"""Smallest share of its highest clock at which a GPU may end a segment. Below it nvbench discards a measurement."""
HELD_DOWN = ("sw_power_cap", "hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")
"""Reasons for a low GPU clock that are interference. A clock that a user has set is not."""
FOREIGN_PROCESSES = 0
"""Largest number of processes outside this run that may compute on the GPU."""

PRESSURE = Path("/proc/pressure/cpu")

_device: ContextVar[str] = ContextVar("device", default="cpu")


@dataclass(frozen=True)
class Reading:
    """Counters of this process and machine at one instant. `throttles` are the bits of `gpu.THROTTLES` that are set."""

    at_ns: int
    involuntary_switches: int
    steal_s: float | None
    pressure_s: float | None = None
    throttles: int | None = None
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Interference:
    """Interference between two readings. The fields are columns of `segments`."""

    started_ns: int
    ended_ns: int
    interference: bool
    reason: str | None
    involuntary_switches: int
    steal_s: float | None
    frequency_mhz: float | None
    temperature_c: float | None
    throttling: str | None
    power_w: float | None
    foreign_processes: int | None
    pressure_s: float | None
    load_1min: float
    unread: str | None


def watch(device: str) -> None:
    """Set the device to read from now on. The host is always read, because it launches the work."""
    _device.set(device)


def _gpu() -> gpu.Gpu | None:
    return gpu.opened() if _device.get() == "cuda" else None


def read() -> Reading:
    """Read the counters."""
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    unread: dict[str, str] = {}
    steal = _read_or_note(unread, "steal_s", lambda: psutil.cpu_times().steal)
    pressure = _read_or_note(unread, "pressure_s", _pressure)
    device = _gpu()
    return Reading(time_ns(), switches, steal, pressure, device.throttles(unread) if device else None, unread)


def between(before: Reading, after: Reading) -> Interference:
    """Compare two readings with the thresholds above. Call it right after the second reading."""
    seconds = max((after.at_ns - before.at_ns) * 1e-9, 1e-9)
    switches = after.involuntary_switches - before.involuntary_switches
    steal, pressure = (_gained(before, after, name) for name in ("steal_s", "pressure_s"))
    load, processors = os.getloadavg()[0], psutil.cpu_count() or 1
    causes = []
    if switches > max(2.0, SWITCHES_PER_S * seconds):
        causes.append(f"{switches} involuntary context switches in {seconds:.2f} s")
    if steal is not None and steal > STEAL_SHARE * seconds:
        causes.append(f"{steal:.2f} s stolen by the hypervisor in {seconds:.2f} s")
    if pressure is not None and pressure > PRESSURE_SHARE * seconds:
        causes.append(f"tasks waited for a processor for {pressure:.2f} s in {seconds:.2f} s")
    if pressure is None and load > processors:
        causes.append(f"load {load:.1f} on {processors} processors")
    unread = dict(after.unread)
    device = _gpu()
    if device is None:
        frequency = _read_or_note(unread, "frequency_mhz", lambda: float(psutil.cpu_freq().current))
        temperature = _read_or_note(unread, "temperature_c", _temperature)
        throttling = power_w = foreign = None
    else:
        state = device.state()
        unread |= state.unread
        frequency, temperature, power_w = state.frequency_mhz, state.temperature_c, state.power_w
        foreign, throttling = state.foreign_processes, _names(before.throttles, after.throttles)
        causes += _causes(state, throttling)
    why_unread = "; ".join(f"{name}: {why}" for name, why in sorted(unread.items())) or None
    return Interference(
        started_ns=before.at_ns, ended_ns=after.at_ns, interference=bool(causes), reason="; ".join(causes) or None,
        involuntary_switches=switches, steal_s=steal, frequency_mhz=frequency, temperature_c=temperature,
        throttling=throttling, power_w=power_w, foreign_processes=foreign, pressure_s=pressure, load_1min=load,
        unread=why_unread,
    )  # fmt: skip


def _gained(before: Reading, after: Reading, counter: str) -> float | None:
    first, last = getattr(before, counter), getattr(after, counter)
    return None if first is None or last is None else last - first


def _names(*readings: int | None) -> str | None:
    """Names of the bits set in any reading: `sw_power_cap, hw_slowdown` or `none`; None without readings."""
    known = [bits for bits in readings if bits is not None]
    if not known:
        return None
    names = [name for name, bit in gpu.THROTTLES.items() if any(bits & bit for bits in known)]
    return ", ".join(names) or "none"


def _causes(state: gpu.State, throttling: str | None) -> list[str]:
    causes = []
    holding = [name for name in (throttling or "").split(", ") if name in HELD_DOWN]
    if holding:
        causes.append(f"the GPU's clocks were held down: {', '.join(holding)}")
    frequency, most = state.frequency_mhz, state.most_frequency_mhz
    if frequency is not None and most is not None and frequency < CLOCK_SHARE * most:
        causes.append(f"the GPU's clock was {frequency:.0f} of {most:.0f} MHz")
    if state.foreign_processes is not None and state.foreign_processes > FOREIGN_PROCESSES:
        causes.append(f"{state.foreign_processes} other processes on the GPU")
    return causes


def _read_or_note(unread: dict[str, str], column: str, question: Callable[[], Any]) -> Any:
    """The answer; None, with the reason in `unread`, if the machine does not provide it."""
    try:
        return question()
    except (AttributeError, NotImplementedError, OSError, ValueError, IndexError) as error:
        # The whole message may contain a path.
        unread[column] = getattr(error, "strerror", None) or "not provided by this system"
        return None


def _pressure() -> float:
    """Seconds since the system started in which some task waited for a processor."""
    some = PRESSURE.read_text().splitlines()[0]
    return int(some.partition("total=")[2]) * 1e-6


def _temperature() -> float:
    return int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
