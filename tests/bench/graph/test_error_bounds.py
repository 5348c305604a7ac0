"""Bounds on rounding errors hold for every method, operation, dtype and size tried."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from gradiometer.accuracy.bounds import FORWARD, Bounds, forward_function, graph_name
from gradiometer.accuracy.gradients import as_tuple
from gradiometer.accuracy.reference import References
from gradiometer.graph.arithmetic.error_bounds import bound_share, worst_case
from gradiometer.graph.trace import trace
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import PROBLEMS
from gradiometer.problems.inputs import draw, rounded
from gradiometer.storage.schema import DATA, DTYPES
from gradiometer.verification.functions import form_function, torch_function

SHARING = ("autograd", "backward", "jacobian", "func_grad", "func_vjp")  # one graph and one bound
FORWARD_MODE = ("jacfwd", "jacobian_forward")
AUTOGRAD = "autograd"


def flat(parts):
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])


def shares_of(problem, wrt, dtype, size, seeds, methods=(AUTOGRAD,), references=None):
    """Yield (method, kind of data, error / bound) for every finite gradient; None where there is no bound."""
    references = references or References()
    dims, names = problem.dims_at(size), problem.wrts[wrt]
    forms, graphs = problem.forms(wrt), {}
    for data in (*DATA, *problem.data):
        for seed in range(seeds):
            inputs = rounded(draw(problem, dims, data, seed), getattr(torch, dtype))
            tensors = list(inputs.values())
            if not graphs:
                graphs = {name: trace(form_function(problem, form), tensors) for name, form in forms.items()}
                graphs[AUTOGRAD] = trace(torch_function(problem, names), tensors)
                if set(methods) & set(FORWARD_MODE):
                    graphs[FORWARD] = trace(forward_function(problem, names), tensors)
            bounds = {name: worst_case(graph, tensors, dtype) for name, graph in graphs.items()}
            reference = references.of(problem, names, dims, inputs, dtype)
            for method in [*forms, *methods]:
                made = forms.get(method)
                call = (
                    prepare_form(made, inputs) if made else METHODS[method].prepare(objective(problem, names, inputs))
                )
                computed = flat(part.double() for part in as_tuple(call()()))
                if np.isfinite(computed).all():
                    bound = bounds[method if made else FORWARD if method in FORWARD_MODE else AUTOGRAD]
                    error = (computed - reference.hi) - reference.lo
                    yield method, data, None if bound is None else bound_share(error, flat(bound))


WRTS = [(name, wrt) for name, problem in PROBLEMS.items() for wrt in problem.wrts]


@pytest.mark.parametrize(
    "dtype", [pytest.param(dtype, marks=[pytest.mark.slow] * (dtype in ("float16", "float64"))) for dtype in DTYPES]
)
def test_no_method_exceeds_its_bound(dtype):
    """Half of the dtypes are marked slow."""
    found = []
    for name, wrt in WRTS:
        shares = shares_of(PROBLEMS[name], wrt, dtype, 8, 1, (AUTOGRAD, *FORWARD_MODE))
        found += [part for _, _, part in shares]
    assert len(found) == 3 * 57
    assert max(found) <= 1
    assert np.median(found) > 0.01  # the bounds are not needlessly wide


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_method_exceeds_its_bound_at_any_size_or_seed(dtype):
    found = []
    for name, wrt in WRTS:
        references = References()
        for size in (3, 8, 17, 33, 64):
            methods = (*SHARING, *FORWARD_MODE) if size < 20 else SHARING
            found += shares_of(PROBLEMS[name], wrt, dtype, size, 5, methods, references)
    known = [part for _, _, part in found if part is not None]
    print(f"{dtype}: {len(known)} of {len(found)} bounded, largest {max(known):.3f}, median {np.median(known):.4f}")
    assert len(known) >= 4000
    assert max(known) <= 1
    # the last sum of forward mode is over two dimensions, where bfloat16 may store partial sums: Ku ≥ 1 from 256 terms
    without = {method for method, _, part in found if part is None}
    assert without <= (set(FORWARD_MODE) if dtype == "bfloat16" else set())


def test_every_method_but_finite_differences_has_a_bound():
    problem, dims = PROBLEMS["linear_autoencoder_batch"], PROBLEMS["linear_autoencoder_batch"].dims_at(6)
    inputs = draw(problem, dims, "normal", 0)
    methods = [*problem.forms("W1"), *METHODS]
    found = Bounds().of(problem, "W1", dims, inputs, "float64", methods)
    without = [method for method in methods if graph_name(problem, "W1", method) not in found]
    assert without == ["central_difference"]
    large = problem.dims_at(100)
    assert not Bounds().of(problem, "W1", large, draw(problem, large, "normal", 0), "float64", FORWARD_MODE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 64, 1), (8, 200, 1), (1, 200, 8), (33, 70, 40)])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-19])
def test_a_product_is_within_its_bound_even_with_underflow(dtype, shape, scale):
    rows, inner, columns = shape
    generator = torch.Generator().manual_seed(0)
    kind = getattr(torch, dtype)
    a = (torch.randn(rows, inner, generator=generator, dtype=torch.float64) * scale).to(kind)
    b = (torch.rand(inner, columns, generator=generator, dtype=torch.float64) * scale).to(kind)
    (bound,) = worst_case(trace(torch.mm, [a, b]), [a, b], dtype)
    computed = (a @ b).double().tolist()
    for i in range(0, rows, 7):
        for j in range(0, columns, 7):
            terms = zip(a[i].tolist(), b[:, j].tolist(), strict=True)
            truth = sum(Fraction(x) * Fraction(y) for x, y in terms)
            assert abs(Fraction(computed[i][j]) - truth) <= Fraction(float(bound[i, j]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: torch.tanh(x) * torch.exp(-y),
        lambda x, y: (x / y - 0.3) * x.sum(0),
        lambda x, y: torch.addmm(100 * x, x, y),
        lambda x, y: torch.nn.functional.mse_loss(x, y).reshape(1) * x.mean(1, keepdim=True) + 1 / 3,
        lambda x, y: torch.func.grad(torch.nn.functional.mse_loss)(x, y),
        lambda x, y: torch.add(x, y, alpha=0.7) / 7,
        lambda x, y: torch.stack([x**2, y.T]).reshape(9, -1),
    ],
)
def test_an_operation_is_within_its_bound_of_float64(function, dtype):
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        x, y = (torch.rand(9, 9, generator=generator, dtype=torch.float64).to(getattr(torch, dtype)) for _ in range(2))
        y = y + 0.25
        (bound,) = worst_case(trace(function, [x, y]), [x, y], dtype)
        error = function(x, y).double() - function(x.double(), y.double())
        assert bound_share(error.numpy(), bound) <= 1


def test_exact_operations_have_no_error_but_underflow():
    x = torch.rand(5, 5)
    (bound,) = worst_case(trace(lambda x: (-4 * x.T) / 8, [x]), [x], "float32")
    assert bound.max() < 2.0**-140
    (bound,) = worst_case(trace(lambda x: x.T.reshape(25), [x]), [x], "float32")
    assert bound.shape == (25,)
    assert not bound.any()


def test_rounding_a_constant_to_the_dtype_counts():
    x = torch.full((3,), 3.0, dtype=torch.bfloat16)
    (whole,) = worst_case(trace(lambda x: x * 256, [x]), [x], "bfloat16")
    (odd,) = worst_case(trace(lambda x: x * 257, [x]), [x], "bfloat16")
    assert whole.max() < 2.0**-130
    assert odd.min() >= 2 * 3 * 257 * 2.0**-8  # the constant, and the product


@pytest.mark.parametrize(
    "function",
    [
        torch.relu,
        torch.erf,
        lambda x: x.clamp(0),
        lambda x: torch.where(x > 0, x, 2 * x),
        lambda x: x.to(torch.cfloat).real,
    ],
)
def test_an_operation_without_a_rule_has_no_bound(function):
    x = torch.randn(4)
    assert worst_case(trace(function, [x]), [x], "float32") is None


def test_overflow_has_no_bound_unless_nothing_depends_on_it():
    x = torch.full((4, 4), 200.0, dtype=torch.float16)
    assert worst_case(trace(torch.mm, [x, x]), [x, x], "float16") is None
    assert worst_case(trace(torch.mm, [x, x]), [x / 4, x / 4], "float16") is not None
    graph = trace(torch.func.grad(lambda x: (x * x).sum()), [x])  # the loss is 640000, its gradient 400
    assert worst_case(graph, [x], "float16") is not None
    wide = torch.full((2, 2), 3e38)
    assert worst_case(trace(lambda x: x - 2 * x, [wide]), [wide], "float32") is None
    tall = torch.tensor([[1e200], [-1e200]], dtype=torch.float64)
    assert worst_case(trace(lambda x: x @ x.T, [tall]), [tall], "float64") is None


def test_a_sum_with_too_many_terms_has_no_bound():
    def spread(x):
        return x * x.sum()

    short, long = torch.rand(10, 10, dtype=torch.bfloat16), torch.rand(20, 20, dtype=torch.bfloat16)
    assert worst_case(trace(spread, [short]), [short], "bfloat16") is not None
    assert worst_case(trace(spread, [long]), [long], "bfloat16") is None  # 400 partial sums at most, 400 · 2⁻⁸ ≥ 1


def test_the_share_of_an_error_in_its_bound():
    assert bound_share(np.zeros(2), np.array([0.0, 1.0])) == 0
    assert bound_share(np.array([0.5, -1.0]), np.array([1.0, 4.0])) == 0.5
    assert bound_share(np.ones(1), np.zeros(1)) == np.inf
