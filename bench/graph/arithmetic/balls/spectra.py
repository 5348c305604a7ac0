"""Eigenvalues and singular values in balls, enclosed by FLINT's `acb_mat.eig` (van der Hoeven & Mourrain 2017).

Multiple eigenvalues are enclosed, and their vectors are NaN. Order, signs and phases are those that PyTorch returns
for the midpoints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from flint import acb, arb, ctx

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.arithmetic.balls.matrices import (
    adjoint,
    batched,
    conjugate,
    entries,
    from_matrix,
    is_complex,
    matrix,
    middle,
    norm,
    product,
    real_part,
    undefined,
)


def _eigensystem(a: Array) -> tuple[list[Any], Array]:
    """The eigenvalues in any order, and the right eigenvectors as columns of any length and phase.

    All of them are NaN where two eigenvalues are closer than the precision can separate.
    """
    n = len(a)
    if n == 0:
        return [], a
    if _is_finite(a):
        try:
            values, vectors = matrix(a, complex_entries=True).eig(right=True)
            return values, from_matrix(vectors)
        except ValueError:
            pass
    return [arb("nan")] * n, undefined(n, n)


def _multiple(a: Array) -> list[Any]:
    """The eigenvalues of a matrix that may have multiple ones; NaN where FLINT does not enclose them."""
    found: list[Any] = matrix(a, complex_entries=True).eig(multiple=True, nonstop=True)
    return found


def _unit(v: Array, like: torch.Tensor, place: int, is_real: bool) -> Array:
    """An eigenvector of length 1, real at an entry, with the sign of a float64 vector; real if `is_real`."""
    v = v / v[place]
    if is_real:
        v = entries([real_part(a) for a in v])
    v = v / norm(v)
    overlap = complex(torch.vdot(middle(v).to(torch.complex128), like.to(torch.complex128)))
    return -v if overlap.real < 0 else v


def _turned(v: Array, like: torch.Tensor) -> Any:
    """The factor of modulus 1 that turns a vector to a float64 vector."""
    overlap = complex(torch.vdot(middle(v).to(torch.complex128), like.to(torch.complex128)))
    if not is_complex(v):
        return arb(-1 if overlap.real < 0 else 1)
    factor = acb(overlap.real, overlap.imag)
    return factor / abs(factor) if abs(overlap) > 0 else acb(1)


def _largest_entry(v: Array) -> int:
    return int(np.argmax([float(abs(a).mid()) for a in v]))


def _separated(a: Array) -> list[Any]:
    """Eigenvalues of a Hermitian matrix that has multiple ones, from a nearby matrix H that has none.

    By Weyl's theorem, an eigenvalue of A and that of H differ by at most ‖H − A‖.
    """
    n, size = len(a), sum((abs(x) for x in a.ravel()), arb(0))
    unit = (size if size > 0 else arb(1)).mid() * arb(2) ** -ctx.prec
    with ctx.workprec(4 * ctx.prec):
        change = entries([[arb(i * j + i + j).cos() * unit for j in range(n)] for i in range(n)]).reshape(n, n)
        nearby = np.frompyfunc(lambda x: x.mid(), 1, 1)(a + change)
        values, _ = _eigensystem(nearby)
        distance = sum((abs(x) for x in (a - nearby).ravel()), arb(0)).abs_upper()
    return [real_part(value) + arb(0, distance) for value in values]


def _hermitian(a: Array, with_vectors: bool) -> tuple[Array, Array]:
    """Ascending eigenvalues of a Hermitian matrix, and unit eigenvectors whose sign or phase is not fixed."""
    values, vectors = _eigensystem(a)
    if _is_finite(a) and not all(value.is_finite() for value in values):
        values = _separated(a)
    order = sorted(range(len(a)), key=lambda i: float(real_part(values[i]).mid()))
    is_real, columns = not is_complex(a), []
    for i in order if with_vectors else ():
        v = vectors[:, i]
        v = v / v[_largest_entry(v)]
        v = entries([real_part(x) for x in v]) if is_real else v
        columns.append(v / norm(v))
    return entries([real_part(values[i]) for i in order]), entries(columns).reshape(len(columns), len(a)).T


def eigh(a: Array, uplo: str = "L", compute_v: bool = True) -> tuple[Any, ...]:
    """Ascending eigenvalues and unit eigenvectors of the Hermitian matrix in one triangle of A."""

    def decompose(one: Array) -> tuple[Array, Array]:
        lower = one if uplo.upper() == "L" else adjoint(one)
        n = len(one)
        full = entries([[_entry(lower, i, j) for j in range(n)] for i in range(n)]).reshape(n, n)
        values, vectors = _hermitian(full, compute_v)
        if not compute_v:
            return values, undefined(0)
        likes = torch.linalg.eigh(middle(one), UPLO=uplo)[1] if _is_finite(full) else None
        columns = [v if likes is None else v * _turned(v, likes[:, i]) for i, v in enumerate(vectors.T)]
        return values, entries(columns).reshape(n, n).T

    return batched(decompose, a)


def _entry(lower: Array, i: int, j: int) -> Any:
    if i == j:
        return acb(lower[i, i].real) if isinstance(lower[i, i], acb) else lower[i, i]
    return lower[i, j] if i > j else conjugate(entries(lower[j, i])).item()


def _is_finite(a: Array) -> bool:
    return all(entry.is_finite() for entry in a.ravel())


def eig(a: Array) -> tuple[Any, ...]:
    """Eigenvalues in PyTorch's order, and unit eigenvectors whose largest entry is real, as LAPACK's geev has them."""

    def decompose(one: Array) -> tuple[Array, Array]:
        n = len(one)
        if not _is_finite(one):
            return undefined(n), undefined(n, n)
        values, vectors = _eigensystem(one)
        if not all(value.is_finite() for value in values):
            return entries(_multiple(one)), undefined(n, n)
        wanted, likes = torch.linalg.eig(middle(one))
        left, columns, order = list(range(n)), [], []
        for i, target in enumerate(wanted.tolist()):
            nearest = min(left, key=lambda k: abs(complex(acb(values[k]).mid()) - target))
            left.remove(nearest)
            order.append(acb(values[nearest]))
            is_real = not is_complex(one) and target.imag == 0
            unit = _unit(vectors[:, nearest], likes[:, i], int(likes[:, i].abs().argmax()), is_real)
            columns.append([acb(x) for x in unit])
        return entries(order), entries(columns).reshape(n, n).T

    return batched(decompose, a)


def _root(x: arb) -> arb:
    """√x of a number that is not negative, whose ball may be."""
    if x > 0 or x.is_nan() or x == 0:
        return x.sqrt()
    top = arb(x.abs_upper()).sqrt()
    return arb(0).union(top)


def _completed(columns: Array, likes: torch.Tensor) -> Array:
    """Orthonormal columns, followed by further ones near those of a float64 matrix."""
    found = list(columns.T)
    for like in likes.T[len(found) :]:
        v = entries([acb(x) if like.is_complex() else arb(x) for x in like.tolist()])
        for other in found:
            v = v - other * sum(conjugate(other) * v)
        found.append(v / norm(v))
    return entries(found).reshape(len(found), len(columns)).T


def svd(a: Array, full_matrices: bool = False, compute_uv: bool = True, driver: str | None = None) -> tuple[Any, ...]:
    """U, descending S and Vᴴ with A = U S Vᴴ, from the eigenvectors of the smaller of AᴴA and AAᴴ."""

    def decompose(one: Array) -> tuple[Array, Array, Array]:
        is_wide = one.shape[0] < one.shape[1]
        tall = adjoint(one) if is_wide else one
        values, vectors = _hermitian(product(adjoint(tall), tall), compute_uv)
        sizes = entries([_root(x) for x in values[::-1]])
        if not compute_uv or not _is_finite(one):
            n, m = one.shape
            k = len(sizes)
            return undefined(n, n if full_matrices else k), sizes, undefined(m if full_matrices else k, m)
        right = vectors[:, ::-1]
        left = product(tall, right) / sizes
        if is_wide:
            left, right = right, left
        u, _, vh = torch.linalg.svd(middle(one), full_matrices=full_matrices)
        factors = entries([_turned(v, like) for v, like in zip(right.T, vh.mH.T, strict=False)])
        left, right = left * factors, right * factors
        if full_matrices:
            left, right = _completed(left, u), _completed(right, vh.mH)
        return left, sizes, adjoint(right)

    return batched(decompose, a)
