"""What marks a segment as interfered with, on a machine and a GPU whose answers are made up."""

import os
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from gradiometer.machine import gpu, interference
from gradiometer.machine.gpu import Gpu
from gradiometer.machine.interference import Reading
from gradiometer.storage import schema

STRANGER = 4_194_305  # above the largest number that Linux gives


class FakeNvml:
    """pynvml with one idle GPU; `answers` replaces what a question finds, an exception is raised."""

    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0

    class NVMLError(Exception):
        pass

    def __init__(self, **answers):
        self.asked = []
        self.answers = {
            "nvmlInit": None, "nvmlDeviceGetHandleByUUID": "handle", "nvmlDeviceGetClockInfo": 1900,
            "nvmlDeviceGetMaxClockInfo": 1980, "nvmlDeviceGetTemperature": 41, "nvmlDeviceGetPowerUsage": 350_500,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 0,
            "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=os.getpid())],
        } | answers  # fmt: skip

    def __getattr__(self, question):
        if question not in self.answers:
            raise AttributeError(question)

        def answer(*_):
            self.asked.append(question)
            found = self.answers[question]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


@pytest.fixture
def on_gpu(monkeypatch):
    """on_gpu(**answers): the interference that two readings around nothing find, on a case of such a GPU."""

    def measured(**answers):
        nvml = FakeNvml(**answers)
        device = Gpu(nvml, "GPU-1", lambda pid: pid != STRANGER)
        monkeypatch.setattr(gpu, "opened", lambda: device)
        before = replace(interference.read(), pressure_s=0.0)
        after = replace(interference.read(), pressure_s=0.0, at_ns=before.at_ns + 10**9)
        return interference.between(before, after), nvml

    interference.watch("cuda")
    yield measured
    interference.watch("cpu")


def test_an_undisturbed_gpu_is_read_and_not_marked(on_gpu):
    found, nvml = on_gpu()
    assert (found.frequency_mhz, found.temperature_c, found.power_w) == (1900, 41, 350.5)
    assert (found.throttling, found.foreign_processes) == ("none", 0)
    assert not found.interference and found.reason is None
    assert nvml.asked.count("nvmlInit") == 1
    assert len(nvml.asked) == 2 + 2 + 5  # opened once; one question before and after, five more at the end


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"nvmlDeviceGetCurrentClocksThrottleReasons": 0x4 | 0x1}, "the GPU's clocks were held down: sw_power_cap"),
        ({"nvmlDeviceGetCurrentClocksThrottleReasons": 0x48}, "held down: hw_slowdown, hw_thermal_slowdown"),
        ({"nvmlDeviceGetClockInfo": 1400}, "the GPU's clock was 1400 of 1980 MHz"),
        (
            {"nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=p) for p in (os.getpid(), 1, STRANGER)]},
            "1 other processes on the GPU",
        ),
    ],
)
def test_what_slows_a_gpu_marks_the_segment(on_gpu, answers, reason):
    found, _ = on_gpu(**answers)
    assert found.interference
    assert reason in found.reason


@pytest.mark.parametrize("bits", [0x1, 0x2, 0x100])
def test_an_idle_gpu_or_a_clock_that_someone_set_is_no_interference(on_gpu, bits):
    assert not on_gpu(nvmlDeviceGetCurrentClocksThrottleReasons=bits)[0].interference


def test_what_the_driver_does_not_provide_is_null_with_a_reason(on_gpu):
    refused = FakeNvml.NVMLError("Not Supported")
    found, _ = on_gpu(nvmlDeviceGetPowerUsage=refused, nvmlDeviceGetComputeRunningProcesses=[])
    assert found.power_w is None and found.foreign_processes is None
    assert "power_w: Not Supported" in found.unread
    assert "foreign_processes: the driver does not know this process by its number" in found.unread
    assert found.frequency_mhz == 1900 and not found.interference


def test_without_a_driver_everything_is_null_with_its_reason(on_gpu):
    found, _ = on_gpu(nvmlInit=FakeNvml.NVMLError("Driver Not Loaded"))
    columns = ("frequency_mhz", "temperature_c", "throttling", "power_w", "foreign_processes")
    assert [getattr(found, name) for name in columns] == [None] * 5
    assert all(f"{name}: Driver Not Loaded" in found.unread for name in columns)


def test_the_processes_of_a_run_are_its_worker_its_coordinator_and_the_other_workers():
    child = psutil.Popen(["sleep", "60"])
    try:
        assert gpu.is_of_this_run(os.getpid()) and gpu.is_of_this_run(os.getppid())
        assert not gpu.is_of_this_run(child.pid)  # its parent is this process, not this one's parent
    finally:
        child.kill()
        child.wait()
    assert gpu.is_of_this_run(child.pid)  # ended


def after(seconds=1.0, **counters):
    """The interference of a stretch in which these counters grew from 0."""
    before = Reading(0, 0, 0.0, 0.0)
    return interference.between(before, replace(before, at_ns=int(seconds * 1e9), **counters))


@pytest.mark.parametrize(
    ("counters", "reason"),
    [
        ({}, None),
        ({"involuntary_switches": 51}, "51 involuntary context switches in 1.00 s"),
        ({"steal_s": 0.02}, "0.02 s stolen by the hypervisor"),
        ({"pressure_s": 0.09}, None),
        ({"pressure_s": 0.11}, "tasks waited for a processor for 0.11 s in 1.00 s"),
    ],
)
def test_a_machine_with_other_work_marks_the_segment(counters, reason):
    found = after(**counters)
    assert found.interference is (reason is not None)
    assert found.reason is None if reason is None else reason in found.reason


@pytest.mark.parametrize(("load", "interference"), [(0.5, False), (10_000.0, True)])
def test_the_load_stands_in_where_pressure_is_not_reported(monkeypatch, load, interference):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0, 0))
    assert after(pressure_s=None).interference is interference
    assert after().interference is False


@pytest.mark.parametrize("content", [None, "", "some avg10=0.00 total=x\n"])
def test_pressure_that_cannot_be_read_is_null_with_a_reason(tmp_path, monkeypatch, content):
    path = tmp_path / "cpu"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(interference, "PRESSURE", path)
    reading = interference.read()
    assert reading.pressure_s is None
    assert reading.unread["pressure_s"]
    assert str(tmp_path) not in reading.unread["pressure_s"]
    path.write_text("some avg10=1.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 total=9\n")
    assert interference.read().pressure_s == 2.5


def test_every_field_of_interference_is_a_column():
    assert set(interference.Interference.__dataclass_fields__) <= set(schema.columns(schema.Segment))
