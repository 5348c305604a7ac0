"""A pretended machine: time passes only where a call says so."""

import random

import pytest

from gradiometer.timing import clocks, engine, measuring


class Machine:
    """Time in seconds. Calls advance it; a call that follows another callable's is slower by what the caches lost."""

    def __init__(self):
        self.now_s = 0.0
        self.last = None
        self.cold_s = 0.0
        self.overhead_s = 0.0
        self.reads = 0

    def call(self, name, seconds):
        """A callable that takes so long."""

        def timed():
            self.now_s += seconds + self.overhead_s + (self.cold_s if self.last != name else 0.0)
            self.last = name
            return name

        return timed

    def taking(self, **times_s):
        """Factories by candidate, of callables that take so many seconds."""
        return {name: lambda n=name, s=seconds: self.call(n, s) for name, seconds in times_s.items()}

    def empty(self):
        self.now_s += self.overhead_s


@pytest.fixture
def machine(monkeypatch):
    """The engine's time is the pretended machine's; an empty call takes its overhead."""
    pretended = Machine()

    def read_ns():
        pretended.now_s += 1e-9  # so that no loop over an empty candidate lasts for ever
        return round(pretended.now_s * 1e9)

    monkeypatch.setattr(clocks, "perf_counter_ns", read_ns)
    monkeypatch.setattr(engine, "nothing", pretended.empty)
    for module in (engine, measuring):
        monkeypatch.setattr(module, "perf_counter", lambda: read_ns() * 1e-9)
    return pretended


@pytest.fixture
def measured(machine):
    """measured(factories, seconds=…, device=…, **options of Engine): the engine after its run."""

    def run(factories, seconds=0.5, baseline="autograd", device=None, stop_on_width=False, **options):
        made = engine.Engine(factories, baseline, (clocks.WallClock(), device), random.Random(0), **options)
        made.run(machine.now_s + seconds, stop_on_width)
        return made

    return run
