"""Methods that change what all methods share fail alone, with the reason; the others and the reference are unharmed."""

import pytest
import torch

from gradiometer.problems import Form, Problem
from gradiometer.problems.inputs import bits, digest
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import Watch
from gradiometer.workers.services.score import score_draw
from gradiometer.workers.services.time import time_methods
from gradiometer.workers.state import WorkerState
from gradiometer.workers.state_guard import StateGuard


def _replaces(x):
    x.data = torch.ones(2)


CHANGES = {
    "in_place": (lambda x: x.mul_(2), "writes into its input x"),
    "data": (lambda x: x.data.mul_(2), "writes into its input x"),
    "numpy": (lambda x: x.numpy().fill(0), "writes into its input x"),
    "signed_zero": (lambda x: x.data.neg_(), "writes into its input x"),
    "view": (lambda x: x[0].data.fill_(3), "writes into its input x"),
    "transposed": (lambda x: x.t_(), "writes into its input x"),
    "resized": (lambda x: x.resize_(3), "writes into its input x"),
    "freed": (lambda x: x.untyped_storage().resize_(0), "writes into its input x"),
    "replaced": (_replaces, "writes into its input x"),
    "leaf": (lambda x: x.requires_grad_(), "changes requires_grad or .grad of its input x"),
    "grad": (lambda x: x.requires_grad_().sum().backward(), "changes requires_grad or .grad of its input x"),
    "joins_graph": (lambda x: x.mul_(torch.ones(1, requires_grad=True)), "writes into its input x"),
    "no_grad": (lambda x: torch.set_grad_enabled(False), "changes torch's global grad mode"),
    "dtype": (lambda x: torch.set_default_dtype(torch.float64), "changes torch's global default dtype"),
    "device": (lambda x: torch.set_default_device("meta"), "changes torch's global default device"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_kind_of_change_is_found_and_undone(name):
    x = torch.tensor([[1.5, torch.nan], [0.0, -2.0]])
    leaf, before = x.detach(), bits(x.clone())
    guard = StateGuard({"x": x})
    change, reason = CHANGES[name]
    assert guard.change(everything=True) is None
    change(x)
    assert guard.change(everything=True) == reason
    assert bits(x) == bits(leaf) == before  # methods that hold aliases see them restored
    assert x.shape == (2, 2) and x.is_leaf and not x.requires_grad and x.grad is None
    assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32
    assert guard.change(everything=True) is None


def right(A, x):
    return A.T @ (A @ x)


def in_place(A, x):
    x.mul_(2)
    return right(A, x)


def by_data(A, x):
    x.data.add_(1)
    return right(A, x)


def by_numpy(A, x):
    A.numpy()[0] = 0
    return right(A, x)


class Sometimes:
    """A form that writes at every 15th call, by `write`: not yet while its time is estimated."""

    def __init__(self, write):
        self.calls, self.write = 0, write

    def __call__(self, A, x):
        self.calls += 1
        if self.calls % 15 == 0:
            self.write(x)
        return right(A, x)


def prepares(A):
    A.data.mul_(3)
    return {}


def turns_off_gradients(A, x):
    torch.set_grad_enabled(False)
    return right(A, x)


def _problem():
    later = Sometimes(lambda x: x.add_(1))
    hidden = Sometimes(lambda x: x.data.add_(1))
    forms = {
        "right": right, "in_place": in_place, "by_data": by_data, "by_numpy": by_numpy,
        "later": lambda A, x: later(A, x), "hidden": lambda A, x: hidden(A, x),
        "prepares": Form(call=right, prepare=prepares), "turns_off_gradients": turns_off_gradients,
    }  # fmt: skip
    return Problem(
        name="guarded", loss=lambda A, x: ((A @ x) ** 2).sum() / 2, shapes={"A": "m n", "x": "n"},
        dims={"m": 2.0, "n": 1.0}, gradients={"x": forms},
    )  # fmt: skip


@pytest.fixture
def ask():
    """ask(service, methods, **more): the answer and blobs of a worker's service, in this process."""
    state = WorkerState(Watch())
    state.problems["guarded"] = _problem()
    case = {
        "problem": "guarded", "wrt": "x", "dims": {"m": 8, "n": 4}, "dtype": "float32", "device": "cpu", "threads": 1,
        "numerics": "ieee", "cache": "hot",
    }  # fmt: skip
    threads = torch.get_num_threads()
    yield lambda service, methods, **more: service(state, {"case": case, "methods": methods, **more})
    torch.set_num_threads(threads)


def test_references_are_computed_from_inputs_that_no_method_can_reach():
    case = {"wrt": "x", "dims": {"m": 8, "n": 4}, "dtype": "float64", "device": "cpu"}
    instance = CaseInstance(_problem(), case, "uniform", 0)
    before = digest(instance.rounded)
    for tensor in instance.inputs.values():
        tensor.zero_()
    assert digest(instance.rounded) == before


WRITERS = {
    "in_place": "x", "by_data": "x", "by_numpy": "A", "later": "x", "hidden": "x", "prepares": "A",
}  # fmt: skip
SOUND = ["right", "autograd", "jacrev"]


def test_a_method_that_changes_shared_state_while_it_is_timed_fails_alone(ask):
    names = [*WRITERS, "turns_off_gradients", *SOUND]
    options = {"case_id": "c", "process": 0, "budget_s": 0.4, "known": {}}
    answer, _ = ask(time_methods, names, **options)
    assert answer["failures"] == {
        **{name: ("error", f"writes into its input {target}") for name, target in WRITERS.items()},
        "turns_off_gradients": ("error", "changes torch's global grad mode"),
    }
    assert sorted(answer["gradients"]) == sorted(SOUND)
    exact, _ = ask(score_draw, ["right"], data="uniform", seed=0, bounded=[], exact_forms=[])
    assert all(len(answer["gradients"][name]) == 1 for name in SOUND)
    assert answer["gradients"]["right"][0]["hash"] == exact["gradients"]["right"]["hash"]


def test_a_method_that_changes_shared_state_while_it_is_scored_fails_alone(ask):
    alone, alone_blobs = ask(score_draw, ["right"], data="normal", seed=1, bounded=[], exact_forms=[])
    answer, blobs = ask(
        score_draw, ["in_place", "by_data", "by_numpy", "prepares", "right"],
        data="normal", seed=1, bounded=[], exact_forms=[],
    )  # fmt: skip
    assert set(answer["failures"]) == {"in_place", "by_data", "by_numpy", "prepares"}
    assert answer["gradients"] == alone["gradients"]
    assert blobs == alone_blobs  # the gradient, and the reference
    assert answer["input_hash"] == alone["input_hash"] and answer["loss_finite"]
