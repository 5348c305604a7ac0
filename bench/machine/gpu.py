"""State of a GPU from its driver: clocks and what throttles them, temperature, power, other processes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

THROTTLES = {
    "applications_clocks_setting": 0x2,
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
    "display_clock_setting": 0x100,
}
"""NVML's bits for reasons of a low clock (nvmlClocksThrottleReason…, later renamed EventReason). The bit for an idle
device (0x1) is left out: between two segments a device is always idle."""


@dataclass(frozen=True)
class State:
    """A GPU at one instant. A value that the driver does not provide is None, with the reason in `unread`."""

    frequency_mhz: float | None
    most_frequency_mhz: float | None
    temperature_c: float | None
    power_w: float | None
    foreign_processes: int | None
    unread: dict[str, str] = field(default_factory=dict)


class Gpu:
    """One device through NVML (`nvml` is the module `pynvml`), which is initialised here. Reading never raises."""

    def __init__(self, nvml: Any, uuid: str, is_ours: Callable[[int], bool]) -> None:
        self._nvml, self._is_ours = nvml, is_ours
        self._handle, self._why = None, ""
        try:
            nvml.nvmlInit()
            self._handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        except nvml.NVMLError as error:
            self._why = str(error)

    def _ask(self, unread: dict[str, str], column: str, question: str, *arguments: Any) -> Any:
        if self._handle is None:
            unread[column] = self._why
            return None
        try:
            return getattr(self._nvml, question)(self._handle, *arguments)
        except self._nvml.NVMLError as error:
            unread[column] = str(error)
            return None

    def throttles(self, unread: dict[str, str]) -> int | None:
        """Bits of THROTTLES that are set now, possibly with others. One call takes some microseconds."""
        bits = self._ask(unread, "throttling", "nvmlDeviceGetCurrentClocksThrottleReasons")
        return None if bits is None else int(bits)

    def state(self) -> State:
        """Clock, temperature, power and processes."""
        unread: dict[str, str] = {}
        sm = self._nvml.NVML_CLOCK_SM
        power_mw = self._ask(unread, "power_w", "nvmlDeviceGetPowerUsage")
        return State(
            frequency_mhz=self._ask(unread, "frequency_mhz", "nvmlDeviceGetClockInfo", sm),
            most_frequency_mhz=self._ask({}, "", "nvmlDeviceGetMaxClockInfo", sm),
            temperature_c=self._ask(
                unread, "temperature_c", "nvmlDeviceGetTemperature", self._nvml.NVML_TEMPERATURE_GPU
            ),
            power_w=None if power_mw is None else power_mw / 1000,
            foreign_processes=self._foreign(unread),
            unread=unread,
        )

    def _foreign(self, unread: dict[str, str]) -> int | None:
        """Number of processes outside this run that compute on the device."""
        running = self._ask(unread, "foreign_processes", "nvmlDeviceGetComputeRunningProcesses")
        if running is None:
            return None
        found = {int(process.pid) for process in running}
        if os.getpid() not in found:  # in a container the driver may report the host's process numbers, or none
            unread["foreign_processes"] = "the driver does not know this process by its number"
            return None
        return sum(not self._is_ours(pid) for pid in found)


def is_of_this_run(pid: int) -> bool:
    """Whether a process is this one, its coordinator or another of its workers, or has ended."""
    run = os.getppid()
    try:
        return pid in (os.getpid(), run) or psutil.Process(pid).ppid() == run
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@functools.cache
def opened() -> Gpu:
    """The GPU that torch uses in this process."""
    import pynvml
    import torch

    # NVML numbers devices in its own order and ignores CUDA_VISIBLE_DEVICES, so the UUID identifies the device.
    return Gpu(pynvml, f"GPU-{torch.cuda.get_device_properties('cuda').uuid}", is_of_this_run)
