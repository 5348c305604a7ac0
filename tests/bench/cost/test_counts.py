"""What calls do, counted, against what one counts by hand."""

import pytest
import torch

from gradiometer.cost.counts import Counts
from gradiometer.graph.flops import flops
from gradiometer.graph.modes import ShapesAlone
from gradiometer.graph.trace import UnknownOperationError
from gradiometer.methods import METHODS
from gradiometer.problems import PROBLEMS, Form, Problem

ONE, BATCH, MSE = "linear_autoencoder", "linear_autoencoder_batch", "linear_autoencoder_batch_mse"
M, N, P = 3000, 800, 400
LEADING = {
    (ONE, "W1", "factored"): 8 * N * P,
    (ONE, "W2", "factored"): 6 * N * P,
    (ONE, "W1+W2", "factored"): 10 * N * P,
    (ONE, "W1", "textbook"): 6 * N**2 * P,
    (ONE, "W2", "textbook"): 4 * N**2 * P + 2 * N**3,
    (ONE, "W1", "autograd"): 8 * N * P,
    (ONE, "W2", "func_grad"): 6 * N * P,
    (ONE, "W1", "jacfwd"): 4 * N * P * (N * P),
    (ONE, "W1", "central_difference"): 2 * 4 * N * P * (N * P),
    **{
        key: formula
        for problem in (BATCH, MSE)
        for key, formula in {
            (problem, "W1", "factored"): 8 * M * N * P,
            (problem, "W2", "factored"): 6 * M * N * P,
            (problem, "W1+W2", "factored"): 10 * M * N * P,
            (problem, "W1", "textbook"): 6 * N**2 * P + 2 * M * N**2,
            (problem, "W1", "gram"): 2 * M * N**2 + 2 * N**2 * P + 4 * N * P**2,
            (problem, "W1", "gram_prepared"): 2 * N**2 * P + 4 * N * P**2,
            (problem, "W1", "autograd"): 8 * M * N * P,
            (problem, "W2", "jacobian"): 6 * M * N * P,
            (problem, "W1+W2", "jacrev"): 10 * M * N * P,
        }.items()
    },
}


@pytest.fixture(scope="module")
def counts():
    return Counts()


@pytest.mark.parametrize(("problem", "wrt", "method"), LEADING)
def test_counts_are_those_made_by_hand_in_their_leading_terms(counts, problem, wrt, method):
    dims = {"m": M, "n": N, "p": P} if problem != ONE else {"n": N, "p": P}
    assert counts.of(PROBLEMS[problem], wrt, dims, method) == pytest.approx(LEADING[problem, wrt, method], rel=0.02)


def test_every_method_of_every_shipped_problem_is_counted(counts):
    for problem in PROBLEMS.values():
        for wrt in problem.wrts:
            for method in [*problem.forms(wrt), *METHODS]:
                assert counts.of(problem, wrt, problem.dims_at(4), method) > 0, (problem.name, wrt, method)


def test_every_multiplication_and_addition_counts_one_and_moves_count_none():
    with ShapesAlone():
        x, y = torch.empty(3, 5), torch.empty(5, 7)
        assert flops(lambda: x @ y) == 2 * 3 * 5 * 7
        assert flops(lambda: x.T.contiguous().reshape(-1).clone().to(torch.float64)) == 0
        assert flops(lambda: torch.cat([x, x]).tril()) == 0
        assert flops(lambda: x * x + x) == 2 * 15
        assert flops(lambda: torch.exp(x)) == 15
        assert flops(lambda: x.sum()) == 15
        assert flops(lambda: x[0] @ x[1]) == 2 * 5


def test_what_is_not_known_is_no_number():
    with ShapesAlone():
        square = torch.empty(4, 4)
        with pytest.raises(UnknownOperationError, match="eig"):
            flops(lambda: torch.linalg.eigvals(square))
    branches = Problem(
        name="branches", loss=lambda x: (x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
        gradients={"x": {
            "branch": lambda x: 2 * x if x.sum() > 0 else x + x, "modes": lambda x: torch.linalg.eigvals(x),
        }},
    )  # fmt: skip
    found = {method: Counts().of(branches, "x", {"n": 4}, method) for method in ("branch", "modes", "autograd")}
    assert found["branch"] is None and found["modes"] is None
    assert found["autograd"] > 0


def test_what_a_form_prepares_is_not_counted_and_constants_may_join():
    weights = torch.arange(4.0)
    problem = Problem(
        name="weighted", loss=lambda x, A: (A @ x * weights).sum(), shapes={"x": "4", "A": "4 4"},
        gradients={"x": {"once": Form(prepare=lambda A: {"g": A.T @ weights}, call=lambda g: 1 * g)}},
    )  # fmt: skip
    assert Counts().of(problem, "x", {}, "once") == 4
    assert Counts().read(problem, "x", {}, "once") == 4


def test_a_form_reads_what_its_call_is_handed(counts):
    dims = {"m": M, "n": N, "p": P}
    weights = 2 * N * P
    assert counts.read(PROBLEMS[BATCH], "W1", dims, "factored") == M * N + weights
    assert counts.read(PROBLEMS[BATCH], "W1", dims, "gram_prepared") == N * N + weights  # the moment for the samples


def test_counting_takes_no_memory(counts):
    dims = {"n": 100_000, "p": 50_000}  # 40 GB of weights
    assert counts.of(PROBLEMS[ONE], "W1", dims, "factored") == pytest.approx(8 * 100_000 * 50_000, rel=0.02)
