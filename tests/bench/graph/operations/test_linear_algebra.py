"""Operations of linear algebra in balls, and their derivatives, agree with PyTorch."""

from __future__ import annotations

import pytest
import torch
from flint import ctx

from gradiometer.graph.arithmetic.balls import balls, is_rigorous
from gradiometer.graph.arithmetic.magnitudes import absolute_terms
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import trace
from tests.bench.graph.operations.agreement import assert_agreement

GENERATOR = torch.Generator().manual_seed(1)


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=GENERATOR, dtype=dtype)


SQUARE, OTHER, TALL, WIDE, V = normal(3, 3), normal(3, 2), normal(4, 2), normal(2, 4), normal(3)
BATCH, COLUMNS = normal(2, 3, 3), normal(2, 3, 2)
COMPLEX, COMPLEX_TALL = normal(3, 3, dtype=torch.complex128), normal(3, 2, dtype=torch.complex128)
COEFFICIENTS = normal(3, 3)
L = torch.linalg


def mixed(x):
    """A sum in which every entry has its own weight."""
    weights = torch.cos(torch.arange(x.numel(), dtype=torch.float64)).reshape(x.shape)
    return (
        (torch.view_as_real(x) * torch.stack([weights, weights.flip(-1)], -1)).sum()
        if x.is_complex()
        else (x * weights).sum()
    )


def positive(x):
    """A positive definite matrix."""
    return x @ x.mH + torch.eye(x.shape[-1], dtype=x.dtype)


def polar_factor(a):
    u, s, vh = L.svd(a, full_matrices=False)
    return mixed(u @ vh) + mixed(s)


def gaussian(x, v):
    """Negative log-likelihood of a Gaussian, by Cholesky and by LU."""
    s = positive(x)
    factor = L.cholesky(s)
    white = L.solve_triangular(factor, v[:, None], upper=False)
    by_lu = v @ L.solve(s, v) + L.slogdet(s).logabsdet
    return (white * white).sum() + 2 * factor.diagonal().log().sum() + by_lu + s.logdet()


LOSSES = {
    "solve": (lambda a, b: mixed(L.solve(a, b)), SQUARE, OTHER),
    "solve, vector": (lambda a, b: mixed(L.solve(a, b)), SQUARE, V),
    "solve, batch": (lambda a, b: mixed(L.solve(a, b)), BATCH, COLUMNS),
    "solve, one matrix": (lambda a, b: mixed(L.solve(a, b)), SQUARE, COLUMNS),
    "solve, from the right": (lambda a, b: mixed(L.solve(a, b.mT, left=False)), SQUARE, OTHER),
    "solve, transposed": (lambda a, b: mixed(L.solve(a.T, b)), SQUARE, OTHER),
    "solve, complex": (lambda a, b: mixed(L.solve(a, b)), COMPLEX, COMPLEX_TALL),
    "inv": (lambda a: L.inv(a).sum(), SQUARE),
    "inv, batch": (lambda a: mixed(torch.inverse(a)), BATCH),
    "inv_ex": (lambda a: mixed(L.inv_ex(a).inverse), SQUARE),
    "det": (lambda a: L.det(a), SQUARE),
    "det, batch": (lambda a: mixed(torch.det(a)), BATCH),
    "det, complex": (lambda a: mixed(L.det(a)), COMPLEX),
    "slogdet": (lambda a: mixed(L.slogdet(a).logabsdet * L.slogdet(a).sign), BATCH),
    "slogdet, complex": (lambda a: L.slogdet(a).logabsdet + mixed(L.slogdet(a).sign), COMPLEX),
    "logdet": (lambda a: torch.logdet(positive(a)), SQUARE),
    "cholesky": (lambda a: mixed(L.cholesky(positive(a))), BATCH),
    "cholesky, leaf": (lambda a: mixed(L.cholesky(a)), positive(SQUARE)),
    "cholesky, upper": (lambda a: mixed(L.cholesky(positive(a), upper=True)), SQUARE),
    "cholesky, complex": (lambda a: mixed(L.cholesky(positive(a))), COMPLEX),
    "torch.cholesky": (lambda a: mixed(torch.cholesky(positive(a))), SQUARE),
    "cholesky_ex": (lambda a: mixed(L.cholesky_ex(positive(a)).L), SQUARE),
    "cholesky_solve": (lambda a, b: mixed(torch.cholesky_solve(b, L.cholesky(positive(a)))), SQUARE, OTHER),
    "cholesky_solve, upper": (
        lambda a, b: mixed(torch.cholesky_solve(b, L.cholesky(positive(a), upper=True), upper=True)), SQUARE, OTHER,
    ),
    "cholesky_inverse": (lambda a: mixed(torch.cholesky_inverse(L.cholesky(positive(a)))), SQUARE),
    "Gaussian": (gaussian, SQUARE, V),
    "solve_triangular": (lambda a, b: mixed(L.solve_triangular(a, b, upper=True)), SQUARE, OTHER),
    "solve_triangular, unit": (
        lambda a, b: mixed(L.solve_triangular(a, b.T, upper=False, left=False, unitriangular=True)), SQUARE, OTHER,
    ),
    "triangular_solve": (lambda a, b: mixed(torch.triangular_solve(b, a, transpose=True)[0]), SQUARE, OTHER),
    "lu": (lambda a: mixed(L.lu(a).L) + mixed(L.lu(a).U), SQUARE),
    "lu, tall": (lambda a: mixed(L.lu(a).L) + mixed(L.lu(a).U), TALL),
    "lu, wide": (lambda a: mixed(L.lu(a).L) + mixed(L.lu(a).U), WIDE),
    "lu, complex": (lambda a: mixed(L.lu(a).L) + mixed(L.lu(a).U), COMPLEX),
    "lu_factor": (lambda a: mixed(L.lu_factor(a).LU), BATCH),
    "lu_solve": (lambda a, b: mixed(L.lu_solve(*L.lu_factor(a), b)), SQUARE, OTHER),
    "lu_solve, adjoint": (lambda a, b: mixed(L.lu_solve(*L.lu_factor(a), b, adjoint=True)), SQUARE, OTHER),
    "lu_unpack": (lambda a: mixed(torch.cat(torch.lu_unpack(*L.lu_factor(a))[1:])), SQUARE),
    "eigh": (lambda a: mixed(L.eigh(a + a.mT)[0]) + mixed(L.eigh(a + a.mT)[1]), SQUARE),
    "eigh, leaf": (lambda a: mixed(L.eigh(a, UPLO="U")[0]) + mixed(L.eigh(a, UPLO="U")[1]), SQUARE + SQUARE.T),
    "eigh, complex": (lambda a: (L.eigh(a + a.mH)[1].abs() * COEFFICIENTS).sum(), COMPLEX),
    "eigvalsh": (lambda a: mixed(L.eigvalsh(a + a.mT)), BATCH),
    "eigvals": (lambda a: L.eigvals(a).abs().pow(3).sum(), SQUARE),
    "eig": (lambda a: (L.eig(a)[1].abs() * COEFFICIENTS).sum() + mixed(L.eig(a)[0]), SQUARE),
    "eig, complex": (lambda a: (L.eig(a)[1].abs() * COEFFICIENTS).sum() + mixed(L.eig(a)[0]), COMPLEX),
    "svd": (lambda a: sum(mixed(part) for part in L.svd(a)), SQUARE),
    "svd, tall": (lambda a: sum(mixed(part) for part in L.svd(a, full_matrices=False)), TALL),
    "svd, wide": (lambda a: sum(mixed(part) for part in torch.svd(a)), WIDE),
    "svd, full": (lambda a: mixed(L.svd(a)[0][:, :2]), TALL),
    "svd, complex": (polar_factor, COMPLEX_TALL),
    "svdvals": (lambda a: mixed(L.svdvals(a)), BATCH),
    "nuclear norm": (lambda a: L.matrix_norm(a, "nuc"), TALL),
    "qr": (lambda a: mixed(L.qr(a)[0]) + mixed(L.qr(a)[1]), SQUARE),
    "qr, tall": (lambda a: mixed(L.qr(a)[0]) + mixed(L.qr(a)[1]), TALL),
    "qr, wide": (lambda a: mixed(L.qr(a)[0]) + mixed(L.qr(a)[1]), WIDE),
    "qr, complex": (lambda a: mixed(L.qr(a)[0]) + mixed(L.qr(a)[1]), COMPLEX_TALL),
    "pinv": (lambda a: mixed(L.pinv(a)), TALL),
    "pinv, wide": (lambda a: mixed(torch.pinverse(a)), WIDE),
    "pinv, rank 2 of 3": (lambda a, b: mixed(L.pinv(a @ b)), normal(4, 2), normal(2, 3)),
    "pinv, Hermitian": (lambda a: mixed(L.pinv(a + a.mT, hermitian=True)), SQUARE),
    "lstsq": (lambda a, b: mixed(L.lstsq(a, b).solution), TALL, normal(4, 2)),
    "lstsq, wide": (lambda a, b: mixed(L.lstsq(a, b).solution), WIDE, normal(2, 2)),
    "matrix_exp": (lambda a: mixed(L.matrix_exp(a)), BATCH),
    "matrix_exp, complex": (lambda a: mixed(torch.matrix_exp(a)), COMPLEX),
    "matrix_power": (lambda a: mixed(L.matrix_power(a, 5)) + mixed(L.matrix_power(a, -2)), SQUARE),
    "multi_dot": (lambda a, b: mixed(L.multi_dot([a, a, b])) + mixed(torch.chain_matmul(a, b)), SQUARE, OTHER),
    **{
        f"vector norm, {p}": (lambda x, p=p: mixed(L.vector_norm(x, p, dim=1)) + x.norm(p), TALL)
        for p in (1, 2, 3, 2.5, 0.5, -1.5, 0, float("inf"), float("-inf"))
    },
    **{
        f"matrix norm, {p}": (lambda x, p=p: L.matrix_norm(x, p), TALL)
        for p in ("fro", "nuc", 1, 2, -1, -2, float("inf"), float("-inf"))
    },
    "norm, complex": (lambda x: L.norm(x) + L.vector_norm(x, 3) + L.vector_norm(x, float("inf")), COMPLEX),
    "cond": (lambda a: L.cond(a), SQUARE),
    "rank": (lambda a: L.matrix_rank(a) * a.sum(), TALL),
    "cross": (lambda a, b: mixed(L.cross(a, b)) + mixed(torch.cross(a, b, dim=1)), SQUARE, normal(3, 3)),
    "bilinear": (
        lambda a, b, w, c: mixed(torch.nn.functional.bilinear(a, b, w, c)), SQUARE, OTHER, normal(2, 3, 2), normal(2),
    ),
    "products with a sum": (
        lambda a, b, v: mixed(torch.baddbmm(b, a, b, beta=2, alpha=3)) + mixed(torch.addbmm(b[0], a, b, beta=2))
        + mixed(torch.addmv(v, a[0], v, beta=2)) + mixed(torch.addr(a[0], v, v)) + mixed(torch.addmm(b[0], a[0], b[0])),
        BATCH, COLUMNS, V,
    ),
    "householder_product": (lambda a, t: mixed(L.householder_product(a, t)), TALL, normal(2)),
    "ormqr": (
        lambda a, t, c: mixed(torch.ormqr(a, t, c)) + mixed(torch.ormqr(a, t, c.T, False, True)), TALL, normal(2),
        normal(4, 3),
    ),
    "tensorinv": (lambda a: mixed(L.tensorinv(a, ind=1)), normal(4, 2, 2)),
    "tensorsolve": (lambda a, b: mixed(L.tensorsolve(a, b)), normal(2, 2, 4), normal(2, 2)),
    "trace, kron": (lambda a, b: mixed(torch.kron(a, b)) + a.trace(), SQUARE, OTHER),
    "vector @ matrix": (lambda v, a: mixed(v @ a) + v @ a @ v + v.dot(a.mv(v)) + mixed(torch.outer(v, v)), V, SQUARE),
    "renorm": (lambda a: mixed(torch.renorm(a, 2, 0, 0.5)), SQUARE),
    "cov": (lambda a: mixed(torch.cov(a)), SQUARE),
}  # fmt: skip


FAST = (
    "det",
    "slogdet",
    "Gaussian",
    "lu, wide",
    "eigh, leaf",
    "svd, tall",
    "qr, wide",
    "pinv, rank 2 of 3",
    "matrix_exp",
)
"""The losses that run by default; the others are marked slow."""
UNTRACED = ("det, complex", "svd, complex", "qr, complex")
"""Losses whose backward graph in PyTorch checks the data or uses strides, and is not traced."""


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in LOSSES]
)
def test_linear_algebra_is_differentiated_as_in_pytorch(name):
    loss, *inputs = LOSSES[name]
    assert_agreement(loss, inputs, by_torch=name not in UNTRACED)


def test_the_derivative_of_a_determinant_is_the_adjugate_where_the_matrix_is_singular():
    singular = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], dtype=torch.float64)
    (gradient,) = evaluate(derivative(trace(L.det, (singular,)), (singular,), [0]), (singular,), balls())
    assert gradient.tolist() == [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]]


def test_repeated_eigenvalues_are_enclosed_and_their_vectors_are_not():
    x = torch.diag(torch.tensor([2.0, 1.0, 2.0], dtype=torch.float64))
    y = torch.tensor([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    with ctx.workprec(200):
        for function, of, expected in ((L.eigvalsh, x, (1, 2, 2)), (L.svdvals, y, (5, 0))):
            (values,) = evaluate(trace(function, (of,)), (of,), balls())
            for ball, number in zip(values, expected, strict=True):
                assert ball.contains(number)
                assert ball.rad() < 1e-10
    (vectors,) = evaluate(trace(lambda x: L.eigh(x)[1], (x,)), (x,), balls())
    assert all(ball.is_nan() for ball in vectors.ravel())


def test_a_result_that_assumes_a_rank_is_not_rigorous():
    assert not is_rigorous(trace(L.pinv, (TALL,)))
    assert is_rigorous(trace(L.svd, (SQUARE,)))


RESULTS = {
    "solve": (lambda a: L.solve(a, OTHER), SQUARE),
    "det": (L.det, BATCH),
    "slogdet": (lambda a: L.slogdet(a).logabsdet, BATCH),
    "cholesky": (lambda a: L.cholesky(a @ a.mT), BATCH),
    "lu": (lambda a: L.lu_factor(a)[0], BATCH),
    "eigh": (lambda a: L.eigh(a + a.mT)[1], BATCH),
    "eigvals": (lambda a: torch.view_as_real(L.eig(a)[0]), BATCH),
    "svd": (lambda a: L.svd(a, full_matrices=False)[0], TALL),
    "svdvals": (L.svdvals, TALL),
    "qr": (lambda a: L.qr(a)[0], TALL),
    "pinv": (L.pinv, TALL),
    "matrix_exp": (L.matrix_exp, BATCH),
    "det, derivative": (torch.func.grad(lambda a: mixed(L.det(a))), BATCH),
    "fft": (lambda a: torch.view_as_real(torch.fft.fft(a) / 3), TALL),
    "complex": (lambda a: torch.complex(a, a.flip(0)).sgn().angle(), TALL),
}
"""Functions whose sums of absolute terms are compared with the effect of changes of the input."""


@pytest.mark.parametrize("name", RESULTS)
def test_a_small_relative_change_of_every_entry_changes_a_result_by_no_more_than_its_terms(name):
    function, x = RESULTS[name]
    (size,) = absolute_terms(trace(function, (x,)), (x,))
    step = 1e-7
    for sign in (torch.ones_like(x), torch.cos(5 * torch.arange(x.numel(), dtype=x.dtype)).reshape(x.shape).sign()):
        change = (function(x * (1 + step * sign)) - function(x)).abs() / step
        assert (change.numpy() <= size * (1 + 1e-5) + 1e-6).all()


@pytest.mark.parametrize("matrix", [SQUARE, SQUARE.mT])
@pytest.mark.parametrize("loss", [lambda a: mixed(L.solve(a, OTHER)), L.det, lambda a: L.slogdet(a).logabsdet])
def test_a_backward_pass_that_reuses_factors_is_recorded_as_it_runs(loss, matrix):
    def form(a):
        leaf = a.detach().requires_grad_()
        return torch.autograd.grad(loss(leaf), leaf)

    graph = trace(form, (matrix,))
    torch.testing.assert_close(graph(matrix)[0], form(matrix)[0])
