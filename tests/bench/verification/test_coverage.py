"""Gradients that are wrong at some dimensions, on some branches, in some dtypes or in some calls are refused."""

from __future__ import annotations

import math

import pytest
import torch

from gradiometer.graph.trace import UnknownOperationError
from gradiometer.verification import TORCH, instance, verify
from gradiometer.verification.coverage.branches import Branches
from gradiometer.verification.coverage.dimensions import extra_tuples, prime_tuples
from gradiometer.verification.instance import Instance
from tests.bench.verification.small_problems import first_verdict, make

F = torch.nn.functional


def least_squares(A, b, x):
    return ((A @ x - b) ** 2).sum() / 2


def right(A, b, x):
    return A.T @ (A @ x - b)


def ones(x):
    return torch.ones_like(x)


def stored(key):
    """A gradient that returns what it computed for the same key before."""
    kept = {}

    def gradient(A, b, x):
        return kept.setdefault(key(x), right(A, b, x))

    return gradient


def alternating():
    """A gradient that is wrong in float64 by another factor for every new x, so that its values jump."""
    seen = {}

    def gradient(A, b, x):
        count = seen.setdefault(x.numpy().tobytes(), len(seen))
        return right(A, b, x) * ((3, 1000)[count % 2] if x.dtype == torch.float64 else 1)

    return gradient


def counting(last):
    """A gradient that is wrong after `last` calls."""
    calls = []

    def gradient(A, b, x):
        calls.append(None)
        return right(A, b, x) * (1 if len(calls) <= last else 2)

    return gradient


def inside(dtype):
    """A gradient that computes in another dtype."""
    return lambda A, b, x: right(A.to(dtype), b.to(dtype), x.to(dtype)).to(x.dtype)


def only_in(dtype, factor):
    """A gradient that is wrong in one dtype."""
    return lambda A, b, x: right(A, b, x) * (factor if x.dtype == dtype else 1)


WRONG_SOMEWHERE = {
    "for even n": lambda A, b, x: right(A, b, x) * (1 if len(x) % 2 else 2),
    "for n = 1": lambda A, b, x: right(A, b, x) * (1 if len(x) > 1 else 2),
    "for m < n": lambda A, b, x: right(A, b, x) * (1 if len(b) >= len(x) else 2),
    "for n > 64": lambda A, b, x: torch.cat([right(A, b, x)[:64], 0 * x[64:]]),
    "for m other than two primes": lambda A, b, x: right(A, b, x) + (len(b) - 13) * (len(b) - 11) * x,
    "unless float64": lambda A, b, x: right(A, b, x) * (1 if x.dtype == torch.float64 else 2),
    "in float16": only_in(torch.float16, -1),
    "in bfloat16": only_in(torch.bfloat16, 3),
    "computed in float32": inside(torch.float32),
    "from call 5 on": counting(4),
    "by another factor for every x": alternating(),
    "stored by identity": stored(id),
    "stored by address": stored(lambda x: x.data_ptr()),
    "random": lambda A, b, x: right(A, b, x) * (1 + 1e-9 * torch.rand((), dtype=x.dtype)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_SOMEWHERE)
def test_a_gradient_that_is_wrong_somewhere_is_refused(name):
    problem = make(least_squares, {"x": {"form": WRONG_SOMEWHERE[name]}}, {"A": "m n", "b": "m", "x": "n"})
    verdict = verify(problem, "x", "form")[0]
    assert verdict.verdict == "wrong", verdict.text


BRANCHES = {
    "clamp": (lambda x: (torch.clamp(x, -6, 6) ** 2).sum(), lambda x: 2 * x),
    "relu6": (lambda x: (F.relu6(x) ** 2).sum(), lambda x: 2 * F.relu(x)),
    "relu of x - 30": (lambda x: F.relu(x - 30).pow(2).sum() + x.pow(2).sum(), lambda x: 2 * x),
    "huber": (
        lambda x: F.huber_loss(x, torch.zeros_like(x), delta=10.0, reduction="sum"),
        lambda x: torch.where(x.abs() <= 10, x, 5 * x.sign()),
    ),
    "norm": (lambda x: torch.where(x.norm() > 50, 50 * x.norm(), x.norm() ** 2 / 2), lambda x: x),
    "small x of the form": (lambda x: (x**2).sum(), lambda x: torch.where(x.abs() < 1e-2, x, 2 * x)),
    "if in the form": (lambda x: torch.exp(x).sum(), lambda x: torch.exp(x) * (1 if x.abs().max() < 8 else 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", BRANCHES)
def test_both_sides_of_a_branch_are_visited(name):
    loss, form = BRANCHES[name]
    verdict = verify(make(loss, {"x": {"form": form}}, {"x": "n"}), "x", "form")[0]
    assert verdict.verdict == "wrong", verdict.text


def test_a_side_that_no_point_visits_is_named():
    loss = lambda x: torch.clamp(x, max=1e9).sum()  # noqa: E731
    verdict = first_verdict(make(loss, {"x": {"form": ones}}, {"x": "n"}))
    assert verdict.is_right
    assert "x > 1e+09" in verdict.remarks


def test_branches_note_the_sides_that_points_visit():
    place = Instance(make(lambda x: torch.relu(x).sum(), {"x": {"form": ones}}, {"x": "n"}), {"n": 7})
    branches = Branches([place.loss], place.names)
    uniform, normal = place.points[:2]
    branches.visit(uniform)
    assert branches.is_open() and branches.adds(normal)
    branches.visit(normal)
    assert branches.remark() is None


ACCEPTED = {
    "a tie by construction": (
        lambda x: torch.minimum(2 * x, 2 * torch.clamp(x, -5, 5)).sum(),
        lambda x: torch.where(2 * x <= 2 * torch.clamp(x, -5, 5), 2.0, 2.0 * (x.abs() < 5)).to(x.dtype),
        ("exact", "agrees"),
    ),
    "softplus beyond its threshold": (lambda x: F.softplus(x).sum(), lambda x: torch.sigmoid(x), ("exact",)),
    "not defined for n = 1": (lambda x: x.std(), lambda x: (x - x.mean()) / (x.std() * (len(x) - 1)), ("exact",)),
    "numbers read from tensors": (
        lambda x: (x * x).sum(), lambda x: torch.tensor([2 * v.item() for v in x], dtype=x.dtype), ("agrees_float64",),
    ),
}  # fmt: skip


def test_an_error_whose_share_underflows_has_digits():
    """With this seed, an error is so small beside 1000 that their quotient is zero."""
    form = lambda x: (x.numpy(), 1e3 * torch.softmax(1e3 * x, 0))[1]  # noqa: E731
    verdict = verify(make(lambda x: torch.logsumexp(1e3 * x, 0), {"x": {"form": form}}, {"x": "n"}), "x", "form", 2)[0]
    assert verdict.verdict == "agrees_float64" and verdict.is_right, verdict.text


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.filterwarnings("ignore:std")
def test_a_right_gradient_is_accepted_at_the_level_of_its_evidence(name):
    loss, form, expected = ACCEPTED[name]
    verdict = verify(make(loss, {"x": {"form": form}}, {"x": "n"}), "x", "form")[0]
    assert verdict.verdict in expected and verdict.is_right, verdict.text


def test_dimensions_that_are_tied_together_are_named():
    problem = make(lambda A: torch.trace(A @ A), {"A": {"form": lambda A: 2 * A.T}}, {"A": "m n"})
    verdict = first_verdict(problem)
    assert verdict.is_right
    assert "only where m = n" in verdict.remarks


def test_data_that_meet_a_constraint_to_rounding_are_no_mistake():
    """Entries that sum to 3: no constraint of the table, so that no balls meet it."""

    def drawn(data, dims, generator):
        t = torch.rand(dims["n"], generator=generator, dtype=torch.float64)
        return {"t": 3 * t / t.sum()}

    loss = lambda t, x: -(t * torch.log_softmax(x, 0)).sum()  # noqa: E731
    right = lambda t, x: 3 * torch.softmax(x, 0) - t  # noqa: E731
    forms = {"form": right, "off": lambda t, x: right(t, x) * (1 + 2**-44)}
    problem = make(loss, {"x": forms}, {"t": "n", "x": "n"}, sample=drawn)
    form, off, _ = verify(problem, seed=0)
    assert form.verdict == "agrees" and form.is_right and "sampled data" in form.remarks
    assert off.verdict == "wrong"


@pytest.mark.parametrize("seed", range(5))
def test_tuples_of_dimensions_cover_orders_even_one_and_large_numbers(seed):
    problem = make(
        lambda a, b, c: a.sum() * b.sum() * c.sum(), {"a": {"form": lambda a: a}}, {"a": "k", "b": "m", "c": "n"}
    )
    one, other, _ = prime_tuples(problem, seed)
    values = [*one.values(), *other.values()]
    assert len(set(values)) == 6 and all(n > 2 and all(n % d for d in range(2, n)) for n in values)
    for first in problem.dims:
        for second in problem.dims:
            assert first == second or (one[first] < one[second]) != (other[first] < other[second])
    extra = [tuple_.dims for tuple_ in extra_tuples(problem, seed, "", one)]
    for name in problem.dims:
        assert {1} < {dims[name] for dims in extra}
        assert any(dims[name] > 256 for dims in extra)
        assert any(dims[name] % 2 == 0 for dims in extra)


@pytest.mark.parametrize("condition", ["k = m", "the order of the dimensions", "the dimensions follow from one size"])
def test_tied_dimensions_are_tried_at_one_and_at_large_numbers(condition):
    problem = make(lambda a, b: a.sum() * b.sum(), {"a": {"form": lambda a: a}}, {"a": "k", "b": "m"})
    found = [extra.dims for extra in extra_tuples(problem, 1, condition, {"k": 5, "m": 7})]
    assert {1} < {dims["k"] for dims in found} and max(dims["m"] for dims in found) > 64
    assert all(
        dims["k"] == dims["m"] or (condition.startswith("the order") and dims["k"] < dims["m"]) for dims in found
    )


def test_torchs_own_row_needs_no_agreement_of_a_form():
    problem = make(lambda x: math.pi * (x * x).sum(), {"x": {"form": lambda x: math.pi * x}}, {"x": "n"})
    form, by_torch = verify(problem, seed=0)
    assert (form.verdict, by_torch.form, by_torch.is_right) == ("wrong", TORCH, True)


def test_without_a_derivative_rule_pytorchs_graph_serves_if_difference_quotients_confirm_it(monkeypatch):
    def no_rule(*_):
        raise UnknownOperationError("no rule")

    monkeypatch.setattr(instance, "derivative", no_rule)
    forms = {"form": lambda x: torch.exp(x) * x.sum() + torch.exp(x).sum(), "part": lambda x: torch.exp(x) * x.sum()}
    form, part, _ = verify(make(lambda x: torch.exp(x).sum() * x.sum(), {"x": forms}, {"x": "n"}), seed=0)
    assert form.verdict == "agrees" and form.digits > 100, form.text
    assert part.verdict == "wrong"
