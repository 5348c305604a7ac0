"""Tracing, derivatives and arithmetics agree with PyTorch and with results derived by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gradiometer.graph.arithmetic.balls import Widening, balls
from gradiometer.graph.arithmetic.enclosure import in_balls
from gradiometer.graph.arithmetic.magnitudes import absolute_terms
from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import UndecidedError, evaluate
from gradiometer.graph.literals import half_unit, literal_precision, significant_bits
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


X, Y, W1, W2, V = normal(5, 7), normal(7, 1), normal(3, 7), normal(7, 3), normal(7)
LABELS = torch.tensor([1, 0, 2, 1, 0])
ONE_HOT = torch.eye(3, dtype=torch.float64)[LABELS]
CAUSAL = torch.ones(5, 5).triu(1).bool()


def in_place(x):
    z = torch.zeros_like(x)
    z[0] = x[1] * 2
    z[:, 1] += x[:, 2] ** 2
    z.diagonal().mul_(x[0, :5])
    z[torch.tensor([3, 4]), torch.tensor([1, 1])] = x[2, :2]
    return (z**2).sum()


LOSSES = {
    "autoencoder, one sample": (lambda Y, A, B: ((Y - B @ (A @ Y)) ** 2).sum(), (Y, W1, W2)),
    "the notebook's 1 × 1": (lambda Y, A, B: (Y - B @ (A @ Y)).T @ (Y - B @ (A @ Y)), (Y, W1, W2)),
    "autoencoder, batch": (lambda X, A, B: ((X @ A.T @ B.T - X) ** 2).sum() / 5, (X, W1, W2)),
    "the notebook's sum(sum(z))": (lambda X, A, B: sum(sum(torch.mul(X @ A.T @ B.T - X, X))) / 5, (X, W1, W2)),
    "nn.MSELoss": (lambda X, A, B: torch.nn.MSELoss()(X @ A.T @ B.T, X) * 7, (X, W1, W2)),
    "tanh with biases": (
        lambda X, A, a, B, b: ((torch.tanh(functional.linear(X, A, a)) @ B.T + b - X) ** 2).mean(),
        (X, W1, normal(3), W2, V),
    ),
    "logistic": (lambda A, x: functional.softplus(-(A @ x)).sum() - functional.logsigmoid(A @ x).sum(), (X, V)),
    "binary cross-entropy": (lambda A, x: functional.binary_cross_entropy(torch.sigmoid(A @ x), ONE_HOT[:, 0]), (X, V)),
    "cross-entropy": (lambda A, W: functional.cross_entropy(A @ W, LABELS), (X, W2)),
    "softmax": (lambda A, W: -(torch.softmax(A @ W, 1) * ONE_HOT).sum().log(), (X, W2)),
    "layer norm": (lambda X, g, b: functional.layer_norm(X, (7,), g, b).pow(3).sum(), (X, V, normal(7))),
    "attention": (lambda Q, K, U: ((torch.softmax(Q @ K.T / 7, -1) @ U) ** 2).sum(), (X, normal(6, 7), normal(6, 3))),
    "causal attention": (
        lambda Q, K, U: (torch.softmax((Q @ K.T).masked_fill(CAUSAL, float("-inf")), -1) @ U).pow(2).sum(),
        (X, normal(5, 7), normal(5, 3)),
    ),
    "attention by torch": (
        lambda Q, K, U: functional.scaled_dot_product_attention(Q[None], K[None], U[None]).pow(2).sum(),
        (X, normal(6, 7), normal(6, 3)),
    ),
    "log-sum-exp": (lambda v: torch.logsumexp(40 * v, 0), (V,)),
    "log-sum-exp by hand": (lambda v: torch.log(torch.exp(v - v.max()).sum()) + v.max(), (V,)),
    "in-place code": (in_place, (X,)),
    "norms": (lambda x: torch.linalg.norm(x) + x.norm(dim=1).sum() + x.abs().sum() + x.std() + x.var(0).sum(), (X,)),
    "selections": (
        lambda x: x.max(1).values.sum() + x.min() + x.clamp(-0.5, 0.5).sum() + torch.relu(x).sum() + x.amin((0, 1)),
        (X,),
    ),
    "activations": (
        lambda x: functional.gelu(x).sum() + functional.silu(x).sum() + functional.elu(x).sum()
        + functional.leaky_relu(x).sum() + functional.huber_loss(x, x.flip(0)), (X,),
    ),
    "moves": (
        lambda x: (torch.cat([x, x[:2] * 3]) ** 3).sum() + torch.stack([x[0], x[1] * 2]).tril().pow(2).sum()
        + x.cumsum(1).pow(2).sum() + (x.roll(1, 0) * x).sum() + x.chunk(2, 1)[0].sum() + x.unbind(1)[2].exp().sum(),
        (X,),
    ),
    "functions": (
        lambda x: torch.einsum("ij,kj->ik", x, x).trace() + torch.sin(x).cos().sum() + x.exp().log1p().expm1().sum()
        + (2**x).sum() + (x.abs() ** x).sum() + x.square().sqrt().rsqrt().sum() + torch.erf(x).sum()
        + (x * x) .pow(0.3).sum() + torch.atan(x).sum() + (1 / x).sum(), (X,),
    ),
    "positions": (
        lambda x: x[torch.tensor([0, 0, 1])].pow(2).sum() + x.gather(1, LABELS[:, None]).pow(2).sum()
        + torch.where(x > 0, x, torch.tensor(1)).pow(2).sum() + x.masked_fill(x > 0, -1.0).pow(2).sum(), (X,),
    ),
}  # fmt: skip


def floats(values):
    return [np.array([float(ball) for ball in value.ravel()]).reshape(value.shape) for value in values]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_differentiated_exactly(name):
    """Our derivative, PyTorch's formulas in balls and PyTorch's kernels give one gradient."""
    loss, inputs = LOSSES[name]
    graph = trace(loss, inputs, name)
    exact = derivative(graph, inputs, range(len(inputs)))
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    kernels = torch.autograd.grad(loss(*leaves).reshape(()), leaves, allow_unused=True)
    by_torch = trace(torch.func.grad(lambda *x: loss(*x).reshape(()), tuple(range(len(inputs)))), inputs)
    with ctx.workprec(300):
        ours, theirs = evaluate(exact, inputs, balls()), evaluate(by_torch, inputs, balls())
        forward = evaluate(graph, inputs, balls())
    sizes = absolute_terms(exact, inputs)
    assert np.allclose(floats(forward)[0], loss(*inputs).numpy(), rtol=1e-12)
    for one, other, kernel, run, size in zip(floats(ours), floats(theirs), kernels, exact(*inputs), sizes, strict=True):
        scale = size + 1e-300
        assert (np.abs(one) <= 1.001 * size + 1e-300).all()
        assert (np.abs(one - other) <= 1e-14 * scale).all()
        assert (np.abs(one - run.numpy()) <= 1e-13 * scale).all()
        assert kernel is None or (np.abs(one - kernel.numpy()) <= 1e-13 * scale).all()
    assert max(float(ball.rad()) for part in ours for ball in part.ravel()) < 2.0**-150


def test_balls_contain_the_true_value():
    graph = trace(lambda x: torch.exp(x).sum() / 3 + x.mean(), (V,))
    with ctx.workprec(53):
        coarse = evaluate(graph, (V,), balls())[0].item()
    with ctx.workprec(2000):
        fine = evaluate(graph, (V,), balls())[0].item()
        assert coarse.contains(fine)
        assert 0 < coarse.rad() < 1e-13


def test_the_derivative_of_a_mean_has_no_rounded_constant():
    x = torch.arange(1.0, 8.0, dtype=torch.float64)  # 2/7 is not a float
    exact = derivative(trace(lambda x: functional.mse_loss(x, x * 0), (x,)), (x,), [0])
    by_torch = trace(torch.func.grad(lambda x: functional.mse_loss(x, x * 0)), (x,))
    with ctx.workprec(200):
        (ours,), (theirs,) = evaluate(exact, (x,), balls()), evaluate(by_torch, (x,), balls())
        assert all((7 * ball - 2 * n).contains(0) for ball, n in zip(ours, range(1, 8), strict=True))
        assert not any((7 * ball - 2 * n).contains(0) for ball, n in zip(theirs, range(1, 8), strict=True))


def test_the_derivative_of_a_fractional_power_does_not_round_the_exponent():
    x = V.abs()
    with ctx.workprec(300):
        (slopes,) = evaluate(derivative(trace(lambda x: (x**0.1).sum(), (x,)), (x,), [0]), (x,), balls())
        for slope, value in zip(slopes, x.tolist(), strict=True):
            assert (slope - arb(0.1) * arb(value) ** arb(0.1) / value).contains(0)  # 0.1 − 1 is not a float


def test_a_constant_is_computed_in_the_arithmetic_and_a_tensor_of_a_closure_is_exact():
    root = torch.tensor(8.0).sqrt()  # float32
    inside = trace(lambda x: x * torch.tensor(8.0).sqrt(), (V,))
    outside = trace(lambda x: x * root, (V,))
    with ctx.workprec(200):
        ratio = [evaluate(graph, (V,), balls())[0][0] / arb(float(V[0])) for graph in (inside, outside)]
        assert (ratio[0] ** 2 - 8).contains(0)
        assert 1e-9 < abs(float(ratio[1] - arb(8).sqrt())) < 2e-7
        widening = Widening()
        widened = evaluate(outside, (V,), balls(widening))[0][0]
        assert widened.contains(arb(8).sqrt() * arb(float(V[0])))
    assert widening.coarsest == 24


def test_halves_are_lifted_exactly():
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        x = V.to(dtype)
        graph = trace(lambda x: x * x, (x,))
        (squares,) = evaluate(graph, (x,), balls())
        assert [Fraction(float(ball)) for ball in squares] == [Fraction(v) ** 2 for v in x.double().tolist()]


@pytest.mark.parametrize(
    ("value", "dtype", "precision"),
    [
        (3.0, torch.float64, None), (0.375, torch.float64, None), (1e15, torch.float64, None),
        (float("inf"), torch.float64, None), (0.0, torch.float64, None), (0.1, torch.float64, 53),
        (2 / 7, torch.float64, 53),
        (float(torch.tensor(0.1)), torch.float64, 24), (float(torch.tensor(0.1)), torch.float32, 24),
        (float(torch.tensor(0.1, dtype=torch.bfloat16)), torch.bfloat16, 8),
    ],
)  # fmt: skip
def test_which_literals_were_rounded(value, dtype, precision):
    assert literal_precision(value, dtype) == precision


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False, min_value=1e-300, max_value=1e300))
def test_half_a_unit_is_half_the_distance_to_the_next_float(value):
    following = float(np.nextafter(value, np.inf))
    assert half_unit(value, 53) == (following - value) / 2
    assert 1 <= significant_bits(value) <= 53


def branch(x):
    return x * 2 if x.sum() > 0 else x


def item(x):
    return x * x.sum().item()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (branch, "branch branches on the data"),
        (item, "item branches on the data"),
        (lambda x: x.mul_(2), "writes into an input"),
        (lambda x: x * torch.rand(7, dtype=x.dtype), "draws random numbers"),
        (lambda x: functional.dropout(x, 0.5), "draws random numbers"),
        (lambda x: x @ torch.ones(3, dtype=x.dtype), "cannot be traced: RuntimeError"),
    ],
)
def test_a_function_that_cannot_be_traced_is_refused_in_one_line(function, words):
    with pytest.raises(TraceError, match=words) as caught:
        trace(function, (V,))
    assert "\n" not in str(caught.value)


def test_tracing_does_not_change_the_inputs():
    x = V.clone()
    with pytest.raises(TraceError):
        trace(lambda x: x.mul_(2), (x,))
    assert torch.equal(x, V)


def test_an_unknown_operation_names_itself_and_its_function():
    graph = trace(lambda x: torch.special.airy_ai(x), (V,), "airy")
    with pytest.raises(UnknownOperationError, match=r"special_airy_ai.default in airy"):
        evaluate(graph, (V,), balls())
    with pytest.raises(UnknownOperationError, match=r"special_airy_ai.* in airy"):
        derivative(trace(lambda x: torch.special.airy_ai(x).sum(), (V,), "airy"), (V,), [0])


def test_an_unsupported_overload_of_a_supported_operation_is_refused():
    without_alpha = replace(balls(), operations={"add": lambda a, b: a + b})
    with pytest.raises(UnknownOperationError, match=r"aten.add.Tensor"):
        evaluate(trace(lambda x: torch.add(x, x, alpha=3), (V,)), (V,), without_alpha)


def test_a_comparison_of_overlapping_balls_is_undecided():
    graph = trace(lambda x: torch.where(torch.exp(torch.log(x)) > x, x, 2 * x), (V.abs(),))
    with pytest.raises(UndecidedError):
        evaluate(graph, (V.abs(),), balls())


def test_precision_is_doubled_until_the_radius_is_small():
    x = torch.tensor([1.0], dtype=torch.float64)
    graph = trace(lambda x: torch.exp(x) + 2.0**300 - 2.0**300, (x,))
    found = in_balls(graph, (x,), lambda i, hi: np.abs(hi) * 2.0**-80)
    assert found.precision >= 512
    ((hi, lo, radius),) = zip(found.results[0].hi, found.results[0].lo, found.results[0].radius, strict=True)
    assert (hi, lo) == (2.718281828459045, 1.4456468917292502e-16)
    assert radius < 2.0**-79


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_absolute_terms_are_those_derived_by_hand(m, n, p, seed):
    """(2/m)(Ē|W2|)ᵀ|X| and (2/m)Ēᵀ|X||W1|ᵀ with Ē = |X||W1|ᵀ|W2|ᵀ + |X|."""
    generator = torch.Generator().manual_seed(seed)
    x, a, b = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((m, n), (p, n), (n, p)))
    exact = derivative(trace(lambda X, A, B: ((X @ A.T @ B.T - X) ** 2).sum() / m, (x, a, b)), (x, a, b), [1, 2])
    X, A, B = (tensor.abs().numpy() for tensor in (x, a, b))
    E = X @ A.T @ B.T + X
    by_hand = 2 / m * (E @ B).T @ X, 2 / m * E.T @ X @ A.T
    for found, expected in zip(absolute_terms(exact, (x, a, b)), by_hand, strict=True):
        assert np.allclose(found, expected, rtol=1e-12)


def test_a_polynomial_has_a_degree_and_a_denominator():
    shapes = [tensor.shape for tensor in (X, W1, W2)]
    batch = derivative(trace(LOSSES["autoencoder, batch"][0], (X, W1, W2)), (X, W1, W2), [1])
    found = polynomial(batch, shapes)
    assert (found.degree, found.denominator) == (5, 5)  # 2/5 (E W2)ᵀ X, E of degree 3
    assert polynomial(trace(lambda x: x / 7 + 0.375, (V,)), [V.shape]).denominator == 56
    assert polynomial(trace(lambda x: x**3 * x, (V,)), [V.shape]).degree == 4
    for function in (torch.exp, lambda x: 1 / x, lambda x: x**-1, lambda x: x**0.5, lambda x: x.abs(), lambda x: x / 0):
        assert polynomial(trace(function, (V,)), [V.shape]) is None


def test_a_derivative_needs_one_result_of_one_element():
    for function in (lambda x: x * 2, lambda x: (x.sum(), x.sum())):
        with pytest.raises((ValueError, TraceError), match="expected"):
            derivative(trace(function, (V,)), (V,), [0])
