"""Errors measured earlier, with other code and other random inputs, are reproduced through the public functions.

M = N/2, m = N, uniform data, median of five seeds of ‖e‖_F/‖G‖_F for ∂L/∂W1. An entry of the table is reproduced where
it differs from our median by at most the range of our five seeds and the rounding of its last digit.
"""

import dataclasses
from functools import cache
from statistics import median

import pytest
import torch

from gradiometer.accuracy import metrics
from gradiometer.accuracy.cache import Cache
from gradiometer.accuracy.gradients import as_tuple
from gradiometer.accuracy.reference import References
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import PROBLEMS
from gradiometer.problems.inputs import draw, rounded
from gradiometer.storage.schema import DTYPES

pytestmark = pytest.mark.slow

SIZES, SEEDS = (8, 32, 128, 256, 1024), range(5)
BATCH = PROBLEMS["linear_autoencoder_batch"]


def expanded(Y, W1, W2):
    return 2 * (W2.T @ W2 @ W1 @ Y @ Y.T - W2.T @ Y @ Y.T)


def loss_from_the_left(Y, W1, W2):
    residual = W2 @ W1 @ Y - Y
    return (residual * residual).sum()


# The one-sample `textbook` of the table multiplies from the left and expands the difference. Each entry then ends in a
# product with Yᵀ, of inner length 1, and a matrix times a vector, whose short sums keep the error at 7e-8. Our
# `textbook` forms Y Yᵀ and multiplies matrices, of inner length N: 1.7e-7 at 128. The `autograd` of the table
# differentiates (W2 W1) Y, which also multiplies matrices; ours, of W2 (W1 Y), equals `factored` bit for bit.
SINGLE = dataclasses.replace(PROBLEMS["linear_autoencoder"], loss=loss_from_the_left)
SINGLE = dataclasses.replace(
    SINGLE, gradients={"W1": {"textbook": expanded, "factored": SINGLE.forms("W1")["factored"]}}
)
OURS = PROBLEMS["linear_autoencoder"]


def scaled_product(X, W1, W2):
    gap = W2 @ W1 - torch.eye(len(W2), dtype=W2.dtype)
    return (2 / len(X)) * ((W2.T @ gap) @ (X.T @ X))


def scaled_residual(X, W1, W2):
    return (((2 / len(X)) * ((X @ W1.T) @ W2.T - X)) @ W2).T @ X


# The batch forms of the table overflow elsewhere in float16: they scale by 2/m, `textbook` last and `factored` first;
# ours double a product and divide it by m.
SCALED = dataclasses.replace(BATCH, gradients={"W1": {"textbook": scaled_product, "factored": scaled_residual}})

TABLE = {
    ("batch", "float64", "factored"): (9.4e-17, 1.5e-16, 3.0e-16, 4.1e-16, 3.2e-16),
    ("batch", "float32", "factored"): (4.8e-8, 8.6e-8, 1.6e-7, 2.2e-7, 1.7e-7),
    ("batch", "bfloat16", "factored"): (1.9e-3, 1.8e-3, 1.8e-3, 1.7e-3, 1.5e-3),
    ("batch", "float16", "factored"): (2.2e-4, 2.3e-4, None, None, None),
    ("single", "float32", "textbook"): (7.8e-8, 7.2e-8, 6.5e-8, 7.2e-8, 7.0e-8),
    ("single", "float32", "factored"): (5.6e-8, 5.7e-8, 1.2e-7, 1.6e-7, 3.1e-7),
    ("single", "float32", "autograd"): (4.9e-8, 8.2e-8, 1.6e-7, 2.3e-7, 1.7e-7),
    ("single", "bfloat16", "textbook"): (4.2e-3, 3.0e-3, 2.5e-3, 2.2e-3, 1.9e-3),
    ("single", "bfloat16", "factored"): (2.3e-3, 2.6e-3, 2.6e-3, 2.2e-3, 1.9e-3),
    ("single", "bfloat16", "autograd"): (2.0e-3, 1.7e-3, 1.6e-3, 1.6e-3, 1.5e-3),
}
"""Entries for the sizes in SIZES; None where the gradient is not finite."""

DIFFERENT = {("batch", "bfloat16", "factored", 1024): 1.8e-3}
"""Entries that we do not reproduce, with our values. The table drew inputs in bfloat16: k/256 with the mean 127.5/256.
Sums of 1024 products then stay below 256, a power of two. Ours lie on both sides of 256 and are rounded twice as
coarsely above. Inputs drawn in bfloat16 give 1.5e-3 here too.
"""
PROBLEM_OF = {"batch": BATCH, "single": SINGLE, "ours": OURS, "scaled": SCALED}
REFERENCES = References(Cache(None))


@pytest.fixture(autouse=True)
def one_thread():
    """One thread, as for the table. Two threads split a product with a vector, which changes 1.5e-7 at 256 to 8e-8."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def gradient(problem, method, inputs):
    make = (
        METHODS[method].prepare(objective(problem, ("W1",), inputs))
        if method in METHODS
        else prepare_form(problem.forms("W1")[method], inputs)
    )
    (part,) = as_tuple(make()())
    return part.double().numpy().ravel()


def directly(problem, dims, dtype, seed):
    """Inputs drawn in the dtype instead of being rounded to it."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: problem.shape_of(name, dims) for name in problem.shapes}
    return {name: torch.rand(shape, generator=generator, dtype=dtype) for name, shape in shapes.items()}


@cache
def errors(which, dtype, size, direct=False):
    """`rel_fro` of each seed, by method."""
    problem, kind = PROBLEM_OF[which], getattr(torch, dtype)
    dims, found = problem.dims_at(size), {}
    for seed in SEEDS:
        inputs = directly(problem, dims, kind, seed) if direct else rounded(draw(problem, dims, "uniform", seed), kind)
        exact_forms = ["factored", *(["gram"] if problem is BATCH else [])]
        reference = REFERENCES.of(problem, ("W1",), dims, inputs, dtype, exact_forms)
        assert reference.kind == "integer"
        for method in ("textbook", "factored", "autograd"):
            computed = gradient(problem, method, inputs)
            row = metrics.score(computed, reference.hi, DTYPES[dtype], reference.lo, reference.terms)
            found.setdefault(method, []).append(row.get("rel_fro"))
    return found


def rounding(entry):
    """Half a unit of the second digit of an entry."""
    return 0.5 * 10.0 ** (int(f"{entry:e}".split("e")[1]) - 1)


ENTRIES = [(*row, size, entry) for row, entries in TABLE.items() for size, entry in zip(SIZES, entries, strict=True)]


@pytest.mark.parametrize(("which", "dtype", "method", "size", "entry"), ENTRIES)
def test_an_entry_is_reproduced(which, dtype, method, size, entry):
    values = errors(which, dtype, size)[method]
    if entry is None:
        assert values == [None] * len(SEEDS)
        return
    middle, spread = median(values), max(values) - min(values)
    print(f"{which} {dtype} {method} {size}: {middle:.2e} [{min(values):.2e}, {max(values):.2e}], table {entry:.1e}")
    expected = DIFFERENT.get((which, dtype, method, size), entry)
    assert abs(middle - expected) <= spread + rounding(expected)
    assert (abs(middle - entry) > spread + rounding(entry)) == ((which, dtype, method, size) in DIFFERENT)


def test_the_entry_that_differs_is_reproduced_with_inputs_drawn_in_bfloat16():
    ((which, dtype, method, size),) = DIFFERENT
    entry = TABLE[which, dtype, method][SIZES.index(size)]
    assert abs(median(errors(which, dtype, size, direct=True)[method]) - entry) < rounding(entry)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("which", "dtypes"), [("batch", ("float64", "float32", "bfloat16")), ("ours", ("float32",))])
def test_factored_equals_autograd_bit_for_bit(which, dtypes, size):
    for dtype in dtypes:
        found = errors(which, dtype, size)
        assert found["factored"] == found["autograd"]


@pytest.mark.parametrize("size", SIZES)
def test_our_one_sample_textbook_has_the_error_of_matrix_products(size):
    ours, theirs = errors("ours", "float32", size)["textbook"], errors("single", "float32", size)["autograd"]
    spread = max(ours) - min(ours) + max(theirs) - min(theirs)
    assert abs(median(ours) - median(theirs)) <= spread


FIRST_NOT_FINITE = {
    ("ours", "loss"): 28, ("batch", "loss"): 16, ("ours", "textbook"): 96, ("ours", "factored"): 96,
    ("ours", "autograd"): 96, ("scaled", "textbook"): 44, ("scaled", "factored"): 116, ("batch", "autograd"): 116,
    ("batch", "textbook"): 36, ("batch", "factored"): 36,
}  # fmt: skip
"""Last two: our forms, which double before they divide. They overflow early, as the table's `textbook` does at 44."""


@pytest.mark.parametrize(("which", "what"), FIRST_NOT_FINITE)
def test_float16_overflows_at_the_same_size(which, what):
    """Sizes in steps of 4, seed 0. A neighbouring size counts too, because the inputs differ from the table's."""
    problem = PROBLEM_OF[which]

    def is_finite(size):
        inputs = rounded(draw(problem, problem.dims_at(size), "uniform", 0), torch.float16)
        found = problem.loss(**inputs) if what == "loss" else torch.from_numpy(gradient(problem, what, inputs))
        return bool(torch.isfinite(found).all())

    first = next(size for size in range(4, 200, 4) if not is_finite(size))
    print(f"{which} {what}: {first}, table {FIRST_NOT_FINITE[which, what]}")
    assert abs(first - FIRST_NOT_FINITE[which, what]) <= 4
