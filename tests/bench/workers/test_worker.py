"""What a worker does between requests, on a channel that holds the requests and collects the answers."""

import gc
import weakref

import pytest
import torch

from gradiometer.machine import numerics
from gradiometer.problems import Problem
from gradiometer.workers.channel import Watch
from gradiometer.workers.state import WorkerState
from gradiometer.workers.worker import serve


def asserts(x):
    raise RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA")


class Channel:
    """Gives `requests`; before each, calls `between`."""

    def __init__(self, requests, between):
        self.requests, self.between, self.answers = list(requests), between, []

    def receive(self):
        self.between()
        if not self.requests:
            raise EOFError
        return self.requests.pop(0), []

    def send(self, message, blobs=None):
        self.answers.append(message)


def request(*methods):
    case = {
        "problem": "square", "wrt": "x", "dims": {"n": 3}, "dtype": "float32", "device": "cpu", "threads": 1,
        "numerics": "ieee", "cache": "hot",
    }  # fmt: skip
    return {
        "do": "time", "case": case, "case_id": "c", "process": 0, "methods": list(methods), "budget_s": 0.01,
        "known": {},
    }  # fmt: skip


@pytest.fixture
def served():
    """served(*requests, between): the channel after a worker has answered these requests."""
    threads = torch.get_num_threads()

    def answered(*requests, between=lambda: None):
        state = WorkerState(Watch())
        state.problems["square"] = Problem(
            name="square", loss=lambda x: (x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
            gradients={"x": {"twice": lambda x: 2 * x, "asserts": asserts}},
        )  # fmt: skip
        channel = Channel(requests, between)
        serve(channel, state)
        return channel

    yield answered
    gc.unfreeze()
    torch.set_num_threads(threads)
    numerics.switch("ieee")


def test_nothing_of_a_case_lives_on_after_it(served, monkeypatch):
    inputs = []
    clone = torch.Tensor.clone

    def noted(tensor, *args, **options):
        inputs.append(weakref.ref(tensor))
        return clone(tensor, *args, **options)

    monkeypatch.setattr(torch.Tensor, "clone", noted)
    alive = []
    served(request("twice", "autograd"), between=lambda: alive.append(sum(ref() is not None for ref in inputs)))
    assert inputs and alive == [0, 0]
    assert gc.get_freeze_count() > 0


def test_the_memory_of_the_gpu_is_given_back_between_requests(served, monkeypatch):
    events, reserved = [], [4096]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: reserved[0])
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: (events.append("released"), reserved.__setitem__(0, 0)))
    channel = served(request("twice", "autograd"), {"do": "release"}, between=lambda: events.append("waits"))
    assert events == ["waits", "released", "waits", "released", "released", "waits"]
    assert channel.answers[-1] == {"released_bytes": 0}


def test_a_worker_whose_device_is_unusable_says_so_and_answers_nothing_more(served):
    channel = served(request("twice", "asserts", "autograd"), request("twice"))
    (answer,) = channel.answers
    assert answer == {"unusable": "RuntimeError: CUDA error: device-side assert triggered"}
    assert len(channel.requests) == 1


def test_a_request_that_fails_has_a_status_and_a_reason_without_control_characters(served):
    broken = request("twice") | {"do": "score", "data": "uniform", "seed": 0, "bounded": [], "exact_forms": []}
    broken["case"] = broken["case"] | {"problem": "no\x1b[31m"}
    (answer,) = served(broken).answers
    assert answer["failed"] == "error"
    assert "\x1b" not in answer["reason"] and "KeyError" in answer["reason"]
