"""Clocks on a pretended device, whose time passes only in the work it is given."""

from itertools import pairwise

import pytest
import torch

from gradiometer.timing import clocks
from gradiometer.timing.clocks import ColdDeviceClock, ColdWallClock, DeviceClock, WallClock


class Device:
    """A host and a device with a queue, in place of torch.cuda. `log` lists the device's work.

    An event takes `event_s`, which is part of what two events measure.
    """

    def __init__(self, cycles_per_s=1.4e9, event_s=0.0):
        self.cycles_per_s, self.event_s = cycles_per_s, event_s
        self.host_s = self.free_s = 0.0
        self.log = []

    def work(self, name, device_s, launch_s=0.0):
        self.host_s += launch_s
        self.free_s = max(self.host_s, self.free_s) + device_s
        self.log.append(name)
        return name

    def synchronize(self):
        self.host_s = max(self.host_s, self.free_s)

    def _sleep(self, cycles):
        self.work("spin", cycles / self.cycles_per_s)

    def Event(self, enable_timing):
        return Event(self)

    def clock(self):
        return int(self.host_s * 1e9)


class Event:
    def __init__(self, device):
        self.device, self.at_s = device, None

    def record(self):
        self.at_s = self.device.work("event", self.device.event_s) and self.device.free_s

    def synchronize(self):
        self.device.host_s = max(self.device.host_s, self.at_s)

    def elapsed_time(self, end):
        return (end.at_s - self.at_s) * 1e3


@pytest.mark.parametrize("cycles_per_s", [0.6e9, 2e9, 5e9])
def test_the_spin_is_as_long_as_asked_whatever_the_devices_clock(cycles_per_s):
    device = Device(cycles_per_s)
    clock = DeviceClock(device)
    clock.expected_s = 20 * 10e-6
    seconds, result = clock.block(lambda: device.work("kernel", 2e-6, launch_s=10e-6), 20)
    assert seconds == pytest.approx(2e-6)  # without the 8 µs that the device waits for each launch
    assert result == "kernel"


def test_the_spin_is_timed_once_per_process():
    device = Device()
    for _ in range(3):
        DeviceClock(device).block(lambda: device.work("kernel", 2e-6), 1)
    assert device.log.count("spin") == 3 + 7 + clocks.EMPTY_BLOCKS  # one in each block, seven to time the spin


@pytest.mark.parametrize("event_s", [0.0, 1e-6, 3e-6])
@pytest.mark.parametrize("calls", [1, 20])
def test_the_time_of_an_empty_block_is_subtracted_from_device_time(event_s, calls):
    device = Device(event_s=event_s)
    clock = DeviceClock(device)
    assert clock.block(lambda: device.work("kernel", 2e-6), calls)[0] == pytest.approx(2e-6)
    assert clock.block(lambda: None, calls)[0] == pytest.approx(0, abs=1e-12)


def test_the_time_of_an_empty_block_is_subtracted_from_each_cold_call():
    device = Device(event_s=2e-6)
    clock = ColdDeviceClock(lambda: device.work("flush", 5e-3), device)
    assert clock.block(lambda: device.work("kernel", 3e-6), 4)[0] == pytest.approx(3e-6)


def cold(device, monkeypatch, kind):
    monkeypatch.setattr(clocks, "perf_counter_ns", device.clock)
    flush = lambda: device.work("flush", 5e-3, launch_s=1e-6)  # noqa: E731
    if kind is ColdDeviceClock:
        return ColdDeviceClock(flush, device)
    return ColdWallClock(flush, device.synchronize)


@pytest.mark.parametrize("kind", [ColdWallClock, ColdDeviceClock])
def test_one_flush_precedes_each_cold_call_and_is_not_timed(kind, monkeypatch):
    device = Device()
    clock = cold(device, monkeypatch, kind)
    durations = iter([10e-6, 20e-6, 60e-6])
    device.log.clear()
    seconds, result = clock.block(lambda: device.work("kernel", next(durations)), 3)
    assert seconds == pytest.approx(30e-6, rel=1e-3)
    assert result == "kernel"
    mattering = [name for name in device.log if name in ("flush", "kernel")]
    assert mattering == ["flush", "kernel"] * 3


def test_a_cold_clock_knows_the_time_of_a_flush(monkeypatch):
    assert cold(Device(), monkeypatch, ColdWallClock).flush_s == pytest.approx(5e-3, rel=1e-2)
    assert WallClock().flush_s == 0


def test_each_cold_call_has_a_spin_of_its_own_length(monkeypatch):
    device = Device()
    clock = cold(device, monkeypatch, ColdDeviceClock)
    clock.expected_s = 4 * 10e-6
    clocks.spin_rate(device)
    ends = []
    clock.block(lambda: ends.append(device.work("kernel", 2e-6, launch_s=10e-6) and device.free_s), 4)
    assert max(after - before for before, after in pairwise(ends)) < 5e-3 + 40e-6
    assert clock.expected_s == 4 * 10e-6


@pytest.mark.parametrize(("told", "size"), [(2**20, 2**21), (None, 2 * 64 * 2**20), (2**40, 256 * 2**20)])
def test_the_flush_is_twice_the_last_level_within_bounds_and_writes_every_entry(told, size, monkeypatch):
    monkeypatch.setattr(clocks.hardware, "last_level_cache_bytes", lambda: told)
    flush = clocks.flush_of.__wrapped__("cpu")
    once, twice = flush().clone(), flush()
    assert once.nbytes == size
    assert torch.equal(once + 1, twice)


def test_hot_is_the_default_and_the_cpu_has_no_device_clock(monkeypatch):
    monkeypatch.setattr(clocks, "flush_of", lambda device: lambda: None)
    assert [type(clock) for clock in clocks.clocks_for("cpu")] == [WallClock, type(None)]
    assert [type(clock) for clock in clocks.clocks_for("cpu", "cold")] == [ColdWallClock, type(None)]
