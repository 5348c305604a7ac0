"""Losses of one operation each: products and linear algebra. Operation → level, shapes of the inputs, loss."""

from __future__ import annotations

import torch
from torch.nn import functional

linalg = torch.linalg


def energy(x):
    """The sum of squares, so that the operation's cotangent varies."""
    return (x * x).sum()


def dominant(A):
    """An invertible matrix that is not symmetric."""
    return A + 8 * torch.eye(A.shape[-1], dtype=A.dtype)


def definite(A):
    """A symmetric positive definite matrix."""
    return A @ A.mT + torch.eye(A.shape[-1], dtype=A.dtype)


PRODUCTS = {
    "matmul": ("proved", "m k; k n", lambda A, B: energy(A @ B)),
    "matmul of matrix and vector": ("proved", "m n; n", lambda A, x: energy(A @ x)),
    "matmul of vector and matrix": ("proved", "m; m n", lambda x, A: energy(x @ A)),
    "matmul with broadcasting": ("proved", "2 3 4; 4 5", lambda A, B: energy(A @ B)),
    "mm": ("proved", "m k; k n", lambda A, B: energy(torch.mm(A, B))),
    "bmm": ("proved", "2 3 4; 2 4 3", lambda A, B: energy(torch.bmm(A, B))),
    "mv": ("proved", "m n; n", lambda A, x: energy(torch.mv(A, x))),
    "dot": ("proved", "n; n", lambda x, y: torch.dot(x, y) ** 2),
    "inner": ("proved", "m n; k n", lambda A, B: energy(torch.inner(A, B))),
    "vdot": ("proved", "n; n", lambda x, y: torch.vdot(x, y) ** 2),
    "vecdot": ("proved", "m n; m n", lambda A, B: energy(linalg.vecdot(A, B))),
    "outer": ("proved", "m; n", lambda x, y: energy(torch.outer(x, y))),
    "einsum": ("proved", "3 4 2; 4 5", lambda A, B: energy(torch.einsum("ijk,jl->kil", A, B))),
    "einsum of a trace": ("proved", "n n; n n", lambda A, B: torch.einsum("ij,ji->", A, B) ** 2),
    "einsum of a diagonal": ("proved", "n n", lambda A: energy(torch.einsum("ii->i", A))),
    "kron": ("proved", "2 3; 3 2", lambda A, B: energy(torch.kron(A, B))),
    "tensordot": ("proved", "2 3 4; 3 4 2", lambda A, B: energy(torch.tensordot(A, B, 2))),
    "multi_dot": ("proved", "2 3; 3 4; 4 2", lambda A, B, C: energy(linalg.multi_dot([A, B, C]))),
    "chain_matmul": ("proved", "2 3; 3 4; 4 2", lambda A, B, C: energy(linalg.multi_dot((A, B, C)))),
    "trace": ("proved", "n n", lambda A: A.trace() ** 2),
    "addmm": ("proved", "3 2; 3 4; 4 2", lambda C, A, B: energy(torch.addmm(C, A, B, beta=2, alpha=3))),
    "addmv": ("proved", "3; 3 4; 4", lambda y, A, x: energy(torch.addmv(y, A, x))),
    "addr": ("proved", "3 4; 3; 4", lambda A, x, y: energy(torch.addr(A, x, y))),
    "addbmm": ("proved", "3 2; 2 3 4; 2 4 2", lambda C, A, B: energy(torch.addbmm(C, A, B))),
    "baddbmm": ("proved", "2 3 2; 2 3 4; 2 4 2", lambda C, A, B: energy(torch.baddbmm(C, A, B))),
    "linear": ("proved", "b n; m n; m", lambda X, W, b: energy(functional.linear(X, W, b))),
    "bilinear": ("proved", "2 3; 2 4; 5 3 4; 5", lambda X, Y, W, b: energy(functional.bilinear(X, Y, W, b))),
    "cross": ("proved", "4 3; 4 3", lambda A, B: energy(linalg.cross(A, B))),
    "quadratic form": ("proved", "n; n n", lambda x, S: x @ S @ x),
    "matrix_power": ("proved", "3 3", lambda A: energy(linalg.matrix_power(A, 3))),
    "mul with broadcasting": ("proved", "m n; n", lambda A, x: energy(A * x)),
    "block_diag": ("proved", "2 3; 3 2", lambda A, B: energy(torch.block_diag(A, B))),
    "cov": ("exact", "3 4", lambda A: energy(torch.cov(A))),
}

LINEAR_ALGEBRA = {
    "solve": ("exact", "4 4; 4 2", lambda A, B: energy(linalg.solve(dominant(A), B))),
    "solve for a vector": ("exact", "4 4; 4", lambda A, b: energy(linalg.solve(dominant(A), b))),
    "solve from the right": ("exact", "4 4; 2 4", lambda A, B: energy(linalg.solve(dominant(A), B, left=False))),
    "solve in batches": ("exact", "2 3 3; 2 3 1", lambda A, B: energy(linalg.solve(dominant(A), B))),
    "tensorsolve": ("exact", "4 4; 2 2", lambda A, b: energy(linalg.tensorsolve(dominant(A).reshape(2, 2, 4), b))),
    "inv": ("exact", "4 4", lambda A: energy(linalg.inv(dominant(A)))),
    "inv_ex": ("exact", "4 4", lambda A: energy(linalg.inv_ex(dominant(A))[0])),
    "tensorinv": ("exact", "4 4", lambda A: energy(linalg.tensorinv(dominant(A).reshape(2, 2, 4), 2))),
    "inverse times a vector": ("exact", "4; 4 4", lambda x, A: x @ torch.inverse(dominant(A)) @ x),
    "negative matrix_power": ("exact", "3 3", lambda A: energy(linalg.matrix_power(dominant(A), -2))),
    "det": ("exact", "4 4", lambda A: linalg.det(A)),
    "logdet": ("exact", "4 4", lambda A: torch.logdet(definite(A))),
    "slogdet": ("exact", "4 4", lambda A: linalg.slogdet(dominant(A)).logabsdet),
    "cholesky": ("exact", "4 4", lambda A: linalg.cholesky(definite(A)).sum()),
    "cholesky, upper": ("exact", "4 4", lambda A: linalg.cholesky(definite(A), upper=True).sum()),
    "cholesky_ex": ("exact", "4 4", lambda A: linalg.cholesky_ex(definite(A)).L.sum()),
    "log-determinant by cholesky": ("exact", "4 4", lambda A: linalg.cholesky(definite(A)).diagonal().log().sum()),
    "cholesky_inverse": ("exact", "4 4", lambda A: energy(torch.cholesky_inverse(dominant(A).tril()))),
    "cholesky_solve": ("exact", "4 2; 4 4", lambda B, A: energy(torch.cholesky_solve(B, dominant(A).tril()))),
    "solve_triangular": (
        "exact",
        "4 4; 4 2",
        lambda A, B: energy(linalg.solve_triangular(dominant(A), B, upper=True)),
    ),
    "triangular_solve": (
        "exact",
        "4 2; 4 4",
        lambda B, A: energy(torch.triangular_solve(B, dominant(A), upper=False)[0]),
    ),
    "lu": ("exact", "4 4", lambda A: energy(linalg.lu(dominant(A))[2])),
    "lu_factor": ("exact", "4 4", lambda A: energy(linalg.lu_factor(dominant(A))[0])),
    "lu_solve": ("exact", "4 4; 4 2", lambda A, B: energy(linalg.lu_solve(*linalg.lu_factor(dominant(A)), B))),
    "eigvalsh": ("exact", "4 4", lambda A: (linalg.eigvalsh(A + A.mT) ** 3).sum()),
    "largest eigenvalue": ("exact", "4 4", lambda A: linalg.eigvalsh(A + A.mT)[-1]),
    "eigh": ("exact", "4 4", lambda A: (linalg.eigh(A + A.mT).eigenvectors ** 4).sum()),
    "eigvals": ("exact", "3 3", lambda A: linalg.eigvals(A).abs().pow(2).sum()),
    "svdvals": ("exact", "3 4", lambda A: (linalg.svdvals(A) ** 3).sum()),
    "svd": ("exact", "3 4", lambda A: (linalg.svd(A, full_matrices=False).U ** 4).sum()),
    "low-rank part by svd": (
        "exact",
        "3 4",
        lambda A: energy((lambda U, S, V: U[:, :2] * S[:2] @ V[:2])(*linalg.svd(A, False)) ** 2),
    ),
    "qr": ("exact", "4 3", lambda A: linalg.qr(A).R.pow(3).sum()),
    "pinv": ("agrees", "4 3", lambda A: energy(linalg.pinv(A))),
    "pinv, hermitian": ("agrees", "3 3", lambda A: energy(linalg.pinv(definite(A), hermitian=True))),
    "lstsq": ("agrees", "5 3; 5 2", lambda A, B: energy(linalg.lstsq(A, B).solution)),
    "matrix_exp": ("exact", "3 3", lambda A: energy(linalg.matrix_exp(A))),
    "norm of order 1": ("exact", "m", lambda x: linalg.vector_norm(x, 1)),
    "norm of order 2": ("exact", "m", lambda x: linalg.vector_norm(x)),
    "norm of order 3": ("exact", "7", lambda x: linalg.vector_norm(x, 3)),
    "norm of order 1.5": ("exact", "7", lambda x: linalg.vector_norm(x, 1.5)),
    "norm of order infinity": ("exact", "7", lambda x: linalg.vector_norm(x, float("inf"))),
    "norm of order minus infinity": ("exact", "7", lambda x: linalg.vector_norm(x, -float("inf"))),
    "norms of rows": ("exact", "m n", lambda A: A.norm(dim=1).sum()),
    "norm, Frobenius": ("exact", "m n", lambda A: linalg.matrix_norm(A)),
    "norm, nuclear": ("exact", "3 4", lambda A: linalg.matrix_norm(A, "nuc")),
    "norm, spectral": ("exact", "3 4", lambda A: linalg.matrix_norm(A, 2)),
    "matrix norm of order 1": ("exact", "3 4", lambda A: linalg.matrix_norm(A, 1)),
    "matrix norm of order infinity": ("exact", "3 4", lambda A: linalg.matrix_norm(A, float("inf"))),
    "cond": ("exact", "3 3", lambda A: linalg.cond(A)),
    "vander": ("exact", "3", lambda x: energy(linalg.vander(x))),
    "householder_product": ("exact", "4 3; 3", lambda A, t: energy(linalg.householder_product(A, t))),
    "corrcoef": ("agrees", "3 5", lambda A: torch.corrcoef(A).pow(3).sum()),
    "Mahalanobis distance": ("exact", "4; 4 4", lambda x, A: (x @ linalg.solve(definite(A), x)).sqrt()),
}
