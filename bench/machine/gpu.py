"""What a GPU's driver tells of its state: clocks, what holds them down, temperature, power, who else is on it."""

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
"""NVML's bits for what holds the clocks down (nvmlClocksThrottleReason…; renamed EventReason, same bits). Being idle
(0x1) is left out: between two segments a device always is."""


@dataclass(frozen=True)
class State:
    """A GPU at one instant; what it does not tell is None, with the reason under the same key in `unread`."""

    frequency_mhz: float | None
    most_frequency_mhz: float | None
    temperature_c: float | None
    power_w: float | None
    foreign_processes: int | None
    unread: dict[str, str] = field(default_factory=dict)


class Gpu:
    """One device through NVML (`nvml` is the module `pynvml`), initialised here once. Reading it never raises."""

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
        """The bits of THROTTLES that are set now, others among them: one call, some microseconds."""
        bits = self._ask(unread, "throttling", "nvmlDeviceGetCurrentClocksThrottleReasons")
        return None if bits is None else int(bits)

    def state(self) -> State:
        """Everything else."""
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
        """Processes that compute on the device and are none of this run's."""
        running = self._ask(unread, "foreign_processes", "nvmlDeviceGetComputeRunningProcesses")
        if running is None:
            return None
        found = {int(process.pid) for process in running}
        if os.getpid() not in found:  # in a container the driver may tell the host's numbers, or none
            unread["foreign_processes"] = "the driver does not know this process by its number"
            return None
        return sum(not self._is_ours(pid) for pid in found)


def is_of_this_run(pid: int) -> bool:
    """Whether a process is this one, its coordinator or another worker of it; one that has ended disturbs nobody."""
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

    # NVML counts devices by its own order, whatever CUDA_VISIBLE_DEVICES says
    return Gpu(pynvml, f"GPU-{torch.cuda.get_device_properties('cuda').uuid}", is_of_this_run)
