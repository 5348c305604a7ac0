"""The switch of float32 products. A build without CUDA shows its state, not its effect."""

import pytest
import torch

from gradiometer.machine import numerics
from gradiometer.problems import Problem
from gradiometer.workers.channel import Watch
from gradiometer.workers.failures import failure_of
from gradiometer.workers.state import WorkerState
from gradiometer.workers.worker import serve


def in_force():
    return torch.backends.cuda.matmul.fp32_precision, torch.get_float32_matmul_precision()


@pytest.fixture(autouse=True)
def standard():
    yield
    numerics.switch("ieee")


class Requests:
    """A channel that sends these requests and records the precision in force at each message."""

    def __init__(self, *requests):
        self.requests = list(requests)
        self.between, self.during, self.answers = [], [], []

    def receive(self):
        self.between.append(in_force()[0])
        if not self.requests:
            raise EOFError
        return self.requests.pop(0), []

    def send(self, message, blobs=None):
        self.during.append(in_force()[0])
        self.answers.append(message)


def ask(name, methods=("autograd",)):
    case = {
        "problem": "square", "wrt": "x", "dims": {"n": 3}, "dtype": "float32", "device": "cpu", "threads": 1,
        "numerics": name, "cache": "hot",
    }  # fmt: skip
    return {
        "do": "time", "case": case, "case_id": "c", "process": 0, "methods": list(methods), "budget_s": 0.01,
        "known": {},
    }  # fmt: skip


def test_every_case_runs_with_its_own_numerics():
    channel = Requests(ask("ieee"), ask("tf32"), ask("tf32", ["nosuch"]), ask("ieee"))
    state = WorkerState(Watch())
    state.problems["square"] = Problem(
        name="square", loss=lambda x: (x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
        gradients={"x": {"twice": lambda x: 2 * x}},
    )  # fmt: skip
    serve(channel, state)
    assert channel.during == ["ieee", "tf32", "tf32", "ieee"]
    assert channel.between[1:] == ["ieee"] * 4  # restored after every request, whatever came of it
    reported = [answer["numerics"]["cuda_matmul_fp32_precision"] for answer in channel.answers]
    assert reported == channel.during


def test_both_interfaces_of_torch_report_the_same():
    numerics.switch("tf32")
    assert in_force() == ("tf32", "high")
    numerics.switch("ieee")
    assert in_force() == ("ieee", "highest")
    torch.backends.cuda.matmul.fp32_precision = "tf32"  # as a problem's file might
    numerics.switch("ieee")
    assert in_force() == ("ieee", "highest")


def test_numerics_that_would_not_be_in_force_are_unsupported(monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    numerics.switch("ieee")
    with pytest.raises(NotImplementedError, match="NVIDIA_TF32_OVERRIDE=0 forbids them; unset it") as caught:
        numerics.switch("tf32")
    assert failure_of(caught.value)[0] == "unsupported"
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    numerics.switch("ieee")
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)
    with pytest.raises(NotImplementedError, match="expected tf32 products, torch .* has 'ieee' in force"):
        numerics.switch("tf32")


@pytest.mark.parametrize(("capability", "supported"), [((7, 5), False), ((8, 0), True), ((10, 0), True)])
def test_a_device_without_tf32_says_so(monkeypatch, capability, supported):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    if supported:
        numerics.switch("tf32")
    else:
        with pytest.raises(NotImplementedError, match="tf32 needs compute capability 8.0, this device has 7.5"):
            numerics.switch("tf32")
