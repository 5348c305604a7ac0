"""A CUDA case through the worker on a machine without one: tensors stay on the CPU, torch.cuda's answers are made up.

It shows that clocks, flushes, peaks and interference of a CUDA case reach the answer, not that they are right on a GPU.
"""

from time import perf_counter, sleep
from types import SimpleNamespace

import pytest
import torch

from gradiometer.machine import gpu, interference
from gradiometer.problems import shipped
from gradiometer.timing import clocks
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import Watch
from gradiometer.workers.services.time import time_methods
from gradiometer.workers.state import WorkerState


class Event:
    def __init__(self, enable_timing):
        self.at_s = 0.0

    def record(self):
        self.at_s = perf_counter()

    def synchronize(self):
        pass

    def elapsed_time(self, end):
        return (end.at_s - self.at_s) * 1e3


@pytest.fixture
def answer_on_cuda(monkeypatch):
    """answer_on_cuda(cache): what the worker sends for a case of device cuda."""
    answers = {
        "synchronize": lambda: None, "Event": Event, "_sleep": lambda cycles: sleep(cycles / 2e9),
        "memory_allocated": lambda: 5000, "max_memory_allocated": lambda: 9000,
        "reset_peak_memory_stats": lambda: None,
        "get_device_properties": lambda _: SimpleNamespace(L2_cache_size=2**20, uuid="1"),
    }  # fmt: skip
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    state = gpu.State(1900.0, 1980.0, 41.0, 350.5, 0)
    monkeypatch.setattr(gpu, "opened", lambda: SimpleNamespace(throttles=lambda _: 0x4, state=lambda: state))
    zeros, init = torch.zeros, CaseInstance.__init__
    monkeypatch.setattr(torch, "zeros", lambda *shape, device, **options: zeros(*shape, **options))
    monkeypatch.setattr(CaseInstance, "__init__", lambda self, p, case, *draw: init(self, p, case | here, *draw))
    here = {"device": "cpu"}

    def ask(cache):
        case = {
            "problem": "linear_autoencoder", "wrt": "W1", "dims": {"n": 8, "p": 4}, "dtype": "float32",
            "device": "cuda", "threads": 1, "numerics": "ieee", "cache": cache,
        }  # fmt: skip
        state = WorkerState(Watch())
        state.problems["linear_autoencoder"] = shipped("linear_autoencoder").problem
        request = {"case": case, "case_id": "c", "process": 0, "methods": ["factored", "autograd"]}
        answer, _ = time_methods(state, request | {"budget_s": 0.1, "known": {}})
        return answer

    remembered = (clocks.flush_of, clocks.spin_rate)
    for cached in remembered:
        cached.cache_clear()
    yield ask
    interference.watch("cpu")
    for cached in remembered:
        cached.cache_clear()


@pytest.mark.parametrize("cache", ["hot", "cold"])
def test_a_cuda_case_has_both_clocks_peaks_and_the_gpus_disturbances(answer_on_cuda, cache):
    answer = answer_on_cuda(cache)
    assert answer["failures"] == {}
    samples = answer["samples"]
    assert set(zip(samples["candidate"], samples["clock"], strict=True)) == {
        (candidate, clock) for candidate in (0, 1) for clock in ("wall", "device")
    }
    assert min(samples["time_s"]) > 0
    assert answer["peak_memory_bytes"] == {"factored": 4000, "autograd": 4000}
    for segment in answer["segments"]:
        assert segment["power_w"] == 350.5
        assert segment["throttling"] == "sw_power_cap"
        assert "held down: sw_power_cap" in segment["reason"]
