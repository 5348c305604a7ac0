"""Peak rates against what calls reach, with the kernels that many CPUs have: fast float32, slow half precision."""

import json
import os
import subprocess
import sys

import pytest

from gradiometer.machine import peak_rates

NOISE = 1.25
"""A measured rate may exceed another by this factor where both are limited by the same hardware."""
MEASURE = """
import json, sys
import torch
from gradiometer.cost.counts import Counts
from gradiometer.machine.peak_rates import peak_rates
from gradiometer.problems import PROBLEMS
from gradiometer.timing import measure
from gradiometer.workers.case_instance import CaseInstance

torch.set_num_threads(1)
problem, dtypes, rates = PROBLEMS["linear_autoencoder_batch"], ("float16", "bfloat16"), {}
for dtype in dtypes:
    dims = problem.dims_at(128)
    case = dict(problem=problem.name, wrt="W1", dims=dims, dtype=dtype, device="cpu", cache="hot")
    instance = CaseInstance(problem, case, "uniform", 0)
    methods = [*instance.forms, "autograd"]
    samples = measure({name: instance.prepare(name) for name in methods}, 0.05, processes=1)
    times_s = samples["time_s"].groupby(samples["cell_id"]).median()
    rates[dtype] = {name: Counts().of(problem, "W1", dims, name) / times_s[name] for name in methods}
json.dump({"peaks": peak_rates("cpu", dtypes)["flops_per_s"], "rates": rates}, sys.stdout)
"""


def test_no_call_exceeds_the_peak_rate():
    slow_half = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}  # without effect on other processors
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env=os.environ | slow_half,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    for dtype, rates in found["rates"].items():
        assert max(rates.values()) <= NOISE * found["peaks"][dtype], dtype


class Clock:
    """Every call takes as long as its kernel is said to; a kernel that is not named does not run."""

    def __init__(self, times_s):
        self.times_s = times_s

    def block(self, call, calls):
        kernel = call.func.__name__
        if kernel not in self.times_s:
            raise RuntimeError("not implemented")
        return self.times_s[kernel], None


@pytest.fixture
def peaks(monkeypatch):
    """peaks(seconds by kernel): the peak rates of float32, with matrices of one size and no time to spend."""

    def found(**times_s):
        monkeypatch.setattr(peak_rates, "clocks_for", lambda device: (Clock(times_s), None))
        monkeypatch.setattr(peak_rates, "SIZES", {"cpu": (64,)})
        monkeypatch.setattr(peak_rates, "TOUCHED_BYTES", (2**12,))
        for name in ("TRIED_S", "SPENT_S"):
            monkeypatch.setattr(peak_rates, name, 0.0)
        return peak_rates.peak_rates("cpu", ["float32"])

    return found


@pytest.mark.parametrize(
    ("times_s", "flops_per_s"),
    [
        ({"mm": 1e-3, "dot": 1e-3, "mul": 1e-3}, 2 * 64**3 / 1e-3),
        ({"mm": 1e-3, "dot": 1e-6, "mul": 1e-3}, 2 * 64**2 / 1e-6),
        ({"mul": 1e-6}, 64**2 / 1e-6),
        ({}, None),
    ],
)
def test_the_peak_is_that_of_the_fastest_kernel_that_runs(peaks, times_s, flops_per_s):
    expected = None if flops_per_s is None else pytest.approx(flops_per_s, rel=5e-3)
    assert peaks(**times_s)["flops_per_s"] == {"float32": expected}


def test_the_bandwidth_is_that_of_the_fastest_transfer(peaks):
    assert peaks(copy_=2e-6, dot=1e-6)["bytes_per_s"] == {"4096": pytest.approx(4096e6, rel=5e-3)}
