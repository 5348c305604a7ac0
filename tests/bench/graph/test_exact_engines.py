"""Limbs, integers and balls are independent arithmetics and give the same numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradiometer.graph.arithmetic.enclosure import PrecisionError, exact, in_balls, in_limbs, of_limbs
from gradiometer.graph.arithmetic.limbs import EXACT, LIMBS, WIDTH, Limbs, RangeError, largest_limb, lift, mm
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import trace
from gradiometer.methods import prepare_form
from gradiometer.problems import PROBLEMS, inputs
from gradiometer.storage.schema import DATA, DTYPES
from tests.bench.graph.integer_arithmetic import INTEGERS, Integers


def tight(i, hi):
    """A tolerance of 2⁻⁷⁰ of each entry."""
    return np.abs(hi) * 2.0**-70


def graphs(problem, wrt, tensors):
    """Names and graphs of the exact derivative of the loss and of every form."""
    names = tuple(problem.shapes)
    places = [names.index(name) for name in problem.wrts[wrt]]
    loss = trace(lambda *x: problem.loss(**dict(zip(names, x, strict=True))), tensors)
    yield "derivative", derivative(loss, tensors, places)
    for form, value in problem.forms(wrt).items():
        yield form, trace(lambda *x, v=value: prepare_form(v, dict(zip(names, x, strict=True)))()(), tensors)


def fractions(value: Limbs):
    """The exact values of limbs, computed in Python integers."""
    below = Fraction(1, value.denominator)
    total = [Fraction(0)] * value.limbs[0].size
    for place, limb in enumerate(value.limbs, start=value.low):
        unit = below * Fraction(2) ** (WIDTH * place)
        total = [one + int(entry) * unit for one, entry in zip(total, limb.ravel().tolist(), strict=True)]
    return total


def is_equal(limbs: Limbs, integers: Integers) -> bool:
    """Whether limbs and integers represent the same values; compared in integers."""
    numerators = sum(
        np.asarray(np.vectorize(int, otypes=[object])(limb)) * (1 << (WIDTH * j)) for j, limb in enumerate(limbs.limbs)
    )
    shift = WIDTH * limbs.low + integers.shift
    left = numerators * (integers.denominator << max(shift, 0))
    right = integers.numerators * (limbs.denominator << max(-shift, 0))
    return bool(np.all(left == right))


def drawn_tensors(problem, size, data, dtype):
    drawn = inputs.draw(problem, problem.dims_at(size), data, 0)
    return tuple(inputs.rounded(drawn, getattr(torch, dtype)).values())


def balls_agree(graph, tensors):
    """Assert that balls and limbs agree within their radii, and that the radii are small."""
    found, reference = in_limbs(graph, tensors), in_balls(graph, tensors, tight)
    for one, other in zip(found.results, reference.results, strict=True):
        distance = np.abs((one.hi - other.hi) + (one.lo - other.lo))
        assert (distance <= (one.radius + other.radius) * (1 + 2.0**-20)).all()
        assert (one.radius <= tight(0, one.hi)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", (*DATA, "near_optimum"))
@pytest.mark.parametrize("name", ["linear_autoencoder", "linear_autoencoder_batch"])
def test_engines_agree_on_every_entry_of_every_form(name, data, dtype):
    problem = PROBLEMS[name]
    tensors = drawn_tensors(problem, 7, data, dtype)
    for wrt in problem.wrts:
        for form, graph in graphs(problem, wrt, tensors):
            both = zip(evaluate(graph, tensors, LIMBS), evaluate(graph, tensors, INTEGERS), strict=True)
            assert all(is_equal(limbs, integers) for limbs, integers in both), (wrt, form)
            if form == "derivative":
                balls_agree(graph, tensors)


def engines_agree(name, size, data, dtype):
    """Assert that limbs and integers agree on the joint derivative of the loss; return its graph and inputs."""
    problem = PROBLEMS[name]
    tensors = drawn_tensors(problem, size, data, dtype)
    (_, graph), *_ = graphs(problem, "W1+W2", tensors)
    both = zip(evaluate(graph, tensors, LIMBS), evaluate(graph, tensors, INTEGERS), strict=True)
    assert all(is_equal(limbs, integers) for limbs, integers in both)
    return graph, tensors


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", (*DATA, "near_optimum"))
@pytest.mark.parametrize(("name", "size"), [("linear_autoencoder_batch_mse", 33), ("linear_autoencoder_batch", 128)])
def test_engines_agree_on_every_entry(name, size, data, dtype):
    graph, tensors = engines_agree(name, size, data, dtype)
    if size < 64:
        balls_agree(graph, tensors)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", (*DATA, "near_optimum"))
@pytest.mark.parametrize("size", [128, 512])
def test_engines_agree_at_large_sizes(size, data, dtype):
    balls_agree(*engines_agree("linear_autoencoder_batch", size, data, dtype))


doubles = st.floats(min_value=-(2.0**60), max_value=2.0**60, allow_nan=False, width=64).filter(
    lambda value: value == 0 or abs(value) > 2.0**-200
)


@settings(max_examples=200, deadline=None)
@given(st.lists(doubles, min_size=1, max_size=8))
def test_splitting_is_exact(values):
    found = lift(torch.tensor(values, dtype=torch.float64))
    assert fractions(found) == [Fraction(value) for value in values]
    assert largest_limb(found.limbs) <= 2**WIDTH
    assert all((limb == np.rint(limb)).all() for limb in found.limbs)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.data())
def test_a_product_of_limbs_is_exact(m, k, n, data):
    a = np.array(data.draw(st.lists(doubles, min_size=m * k, max_size=m * k))).reshape(m, k)
    b = np.array(data.draw(st.lists(doubles, min_size=k * n, max_size=k * n))).reshape(k, n)
    product = mm(lift(torch.from_numpy(a)), lift(torch.from_numpy(b)))
    left, right = ([[Fraction(v) for v in row] for row in x.tolist()] for x in (a, b))
    expected = [sum(left[i][h] * right[h][j] for h in range(k)) for i in range(m) for j in range(n)]
    assert fractions(product) == expected
    assert largest_limb(product.limbs) <= 2 ** (WIDTH - 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(doubles, min_size=2, max_size=6), st.integers(1, 10**6))
def test_the_radius_bounds_the_error_of_two_floats(values, divisor):
    x = torch.tensor(values, dtype=torch.float64)
    graph = trace(lambda x: (x * x * x - x.sum()) / divisor, (x,))
    (value,) = evaluate(graph, (x,), LIMBS)
    found = of_limbs(value)
    for true, hi, lo, radius in zip(fractions(value), found.hi, found.lo, found.radius, strict=True):
        assert abs(true - Fraction(float(hi)) - Fraction(float(lo))) <= Fraction(float(radius))
        assert hi == float(true) or abs(float(true - Fraction(float(hi)))) <= math.ulp(hi)
        assert radius <= 2.0**-95 * abs(hi)


def test_a_long_inner_dimension_is_halved_until_products_are_exact():
    limbs = np.random.default_rng(0).integers(2**18, 2**19, (2, 2**17)).astype(np.float64)
    a, b = Limbs((limbs[:1],)), Limbs((limbs[1:].T.copy(),))
    true = sum(int(x) * int(y) for x, y in zip(*limbs.tolist(), strict=True))
    assert true > EXACT  # the sum of all products would round
    assert fractions(mm(a, b)) == [true]


def test_a_carry_into_a_new_limb_is_kept():
    largest = torch.full((3, 3), 1 - 2.0**-53, dtype=torch.float64)
    (value,) = evaluate(trace(lambda x: x @ x @ x, (largest,)), (largest,), LIMBS)
    assert fractions(value) == [9 * (1 - Fraction(1, 2**53)) ** 3] * 9


@settings(max_examples=50, deadline=None)
@given(doubles, st.integers(1, 10**6), st.integers(1, 10**6))
def test_denominators_are_combined(value, p, q):
    x = torch.tensor([value], dtype=torch.float64)
    graph = trace(lambda x: x / p + x / q - (x - x / -q) * (x / p), (x,))
    f = Fraction(value)
    expected = [f / p + f / q - (f + f / q) * (f / p)]
    ((limbs,), (integers,)) = evaluate(graph, (x,), LIMBS), evaluate(graph, (x,), INTEGERS)
    assert fractions(limbs) == expected
    assert integers.fractions() == expected


@pytest.mark.parametrize("values", [[1.0, math.inf], [math.nan], [1e300, 1.0], [5e-324], [1e-300]])
def test_values_outside_the_range_of_limbs_are_computed_in_balls(values):
    x = torch.tensor(values, dtype=torch.float64)
    graph = trace(lambda x: x * x, (x,))
    with pytest.raises(RangeError):
        in_limbs(graph, (x,))
    if max(values) < 1:
        assert exact(graph, (x,), lambda i, hi: np.abs(hi) * 2.0**-40 + 5e-324).engine == "balls"


@pytest.mark.parametrize("value", [1e155, 1e160, 1e300])
def test_a_value_that_overflows_float64_has_no_enclosure(value):
    x = torch.tensor([value], dtype=torch.float64)
    with pytest.raises(PrecisionError, match="overflows"):
        exact(trace(lambda x: x * x, (x,)), (x,), tight)


def test_limbs_are_preferred_and_balls_compute_transcendental_functions():
    x = torch.tensor([0.5, 2.0], dtype=torch.float64)
    assert exact(trace(lambda x: x * x - 3 * x, (x,)), (x,), tight).engine == "limbs"
    found = exact(trace(lambda x: torch.exp(x), (x,)), (x,), tight)
    assert (found.engine, found.precision) == ("balls", 128)
    assert (found.results[0].radius <= tight(0, found.results[0].hi)).all()


def test_zeros_have_radius_zero():
    x = torch.zeros(2, 2, dtype=torch.float64)
    (found,) = exact(trace(lambda x: x @ x - x, (x,)), (x,), tight).results
    assert not found.hi.any()
    assert not found.radius.any()


@pytest.mark.slow
def test_a_large_reference_is_computed_in_limbs():
    """Balls would take several times as long."""
    problem = PROBLEMS["linear_autoencoder_batch"]
    tensors = tuple(inputs.rounded(inputs.draw(problem, problem.dims_at(1024), "uniform", 0), torch.float32).values())
    found = exact(trace(problem.forms("W1")["factored"].call, tensors), tensors, tight)
    assert found.engine == "limbs"
