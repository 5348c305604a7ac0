"""Operations of linear algebra in balls.

Every result is enclosed, by FLINT or by ball arithmetic on LAPACK's algorithm (Golub & Van Loan, *Matrix
Computations*, chapters 3 to 5). Where a result is not unique, it follows LAPACK as PyTorch calls it: pivots are those
of the float64 factorisation of the midpoints, and Householder reflections have LAPACK's signs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from flint import acb, arb

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.arithmetic.balls.matrices import (
    adjoint,
    batched,
    conjugate,
    entries,
    from_matrix,
    identity,
    matrix,
    middle,
    norm,
    product,
    real_part,
    solution,
    undefined,
)
from gradiometer.graph.arithmetic.balls.spectra import eig, eigh, svd

SUCCESS = torch.zeros((), dtype=torch.int32)
"""LAPACK's report of success."""


def solve(a: Array, b: Array) -> Array:
    """A⁻¹B."""
    (x,) = batched(lambda one, other: (solution(one, other),), a, b)
    return entries(x)


def det(a: Array) -> Array:
    """det A."""
    (found,) = batched(lambda one: (entries(matrix(one).det() if len(one) else arb(1)),), a)
    return entries(found)


def logabsdet(a: Array) -> Array:
    """log |det A|."""
    return entries(np.frompyfunc(lambda d: abs(d).log(), 1, 1)(det(a)))


def _adjugate(a: Array) -> tuple[Array]:
    n = len(a)
    if n == 0:
        return (a,)
    inverse = solution(a, identity(n))
    if all(entry.is_finite() for entry in inverse.ravel()):
        return (entries(inverse * matrix(a).det()),)
    found = undefined(n, n)
    for i, j in np.ndindex(n, n):
        minor = np.delete(np.delete(a, j, 0), i, 1)
        found[i, j] = (-1) ** (i + j) * (matrix(minor).det() if n > 1 else arb(1))
    return (found,)


def adjugate(a: Array) -> Array:
    """det(A) A⁻¹; by minors where A may be singular."""
    (found,) = batched(_adjugate, a)
    return entries(found)


def matrix_exp(a: Array) -> Array:
    """exp A."""
    (found,) = batched(lambda one: (from_matrix(matrix(one).exp()) if len(one) else one,), a)
    return entries(found)


def lu_factor(a: Array, pivot: bool = True, check_errors: bool = False) -> tuple[Any, ...]:
    """L − I and U with P A = L U in one array, the pivots, and LAPACK's report."""

    def factor(one: Array) -> tuple[Array, torch.Tensor, torch.Tensor]:
        lu, steps = one.copy(), min(one.shape)
        pivots = torch.arange(1, steps + 1, dtype=torch.int32)
        if pivot:
            pivots = torch.linalg.lu_factor_ex(middle(one))[1]
        for k in range(steps):
            swapped = int(pivots[k]) - 1
            lu[[k, swapped]] = lu[[swapped, k]]
            if lu[k, k] == 0:
                continue  # all entries below are 0 too
            lu[k + 1 :, k] = lu[k + 1 :, k] / lu[k, k]
            lu[k + 1 :, k + 1 :] -= np.outer(lu[k + 1 :, k], lu[k, k + 1 :])
        return lu, pivots, SUCCESS

    return batched(factor, a)


def cholesky(a: Array, upper: bool = False, check_errors: bool = False) -> tuple[Any, ...]:
    """L with A = L Lᴴ, from the lower triangle of A; with `upper`, Lᴴ from the upper triangle."""

    def factor(one: Array) -> tuple[Array, torch.Tensor]:
        of, n = adjoint(one) if upper else one, len(one)
        lower = entries(np.full((n, n), arb(0), dtype=object))
        for k in range(n):
            row = lower[k, :k]
            lower[k, k] = arb(real_part(of[k, k]) - sum((abs(x) ** 2 for x in row), arb(0))).sqrt()
            for i in range(k + 1, n):
                lower[i, k] = (of[i, k] - sum(lower[i, :k] * conjugate(row), arb(0))) / lower[k, k]
        return (adjoint(lower) if upper else lower), SUCCESS

    return batched(factor, a)


def _reflection(x: Array) -> tuple[Any, Any, Any]:
    """β, τ and v (without its leading 1) of LAPACK's larfg: (I − τ v vᴴ)ᴴ x = β e₁."""
    first, rest = x[0], x[1:]
    is_real = not isinstance(first, acb) or first.imag == 0
    if is_real and all(entry == 0 for entry in rest):
        return first, arb(0), rest
    leading = real_part(first)
    beta = -norm(x) if float(leading.mid()) >= 0 else norm(x)
    tau = (beta - leading) / beta
    factor = acb(tau, -first.imag / beta) if isinstance(first, acb) else tau
    return beta, factor, rest / (first - beta)


def _householder(a: Array) -> tuple[Array, Array]:
    """LAPACK's geqrf: R above the vectors of the reflections, and their factors τ."""
    a, steps = a.copy(), min(a.shape)
    taus = entries(np.full(steps, arb(0), dtype=object))
    for k in range(steps):
        beta, tau, v = _reflection(a[k:, k])
        taus[k] = tau
        v = np.concatenate([entries([arb(1)]), v])
        a[k:, k + 1 :] -= np.outer(v, (conjugate(v) @ a[k:, k + 1 :]) * conjugate(entries(tau)))
        a[k, k], a[k + 1 :, k] = beta, v[1:]
    return a, taus


def qr(a: Array, mode: str = "reduced") -> tuple[Any, ...]:
    """Q and R with A = Q R; Q is empty in the mode "r"."""

    def factor(one: Array) -> tuple[Array, Array]:
        compact, taus = _householder(one)
        rows, least = len(one), len(taus)
        columns = rows if mode == "complete" else least
        q = identity(rows)[:, :columns]
        for k in reversed(range(least)):
            v = np.concatenate([entries([arb(1)]), compact[k + 1 :, k]])
            q[k:] -= np.outer(v, conjugate(v) @ q[k:]) * taus[k]
        r = compact[:columns].copy()
        r[np.tril_indices(columns, -1, r.shape[1])] = arb(0)
        return (undefined(0) if mode == "r" else q), r

    return batched(factor, a)


def _independent_columns(a: torch.Tensor, count: int) -> list[int]:
    """Columns that span the column space, by Gram–Schmidt with pivoting."""
    rest, found = a.clone(), []
    for _ in range(count):
        sizes = torch.linalg.vector_norm(rest, dim=0)
        place = int(sizes.argmax())
        found.append(place)
        direction = rest[:, place : place + 1] / sizes[place]
        rest = rest - direction @ (direction.mH @ rest)
    return found


def _inverse_of_full_rank(a: Array) -> Array:
    rows, columns = a.shape
    if rows < columns:
        return adjoint(_inverse_of_full_rank(adjoint(a)))
    return solution(product(adjoint(a), a), adjoint(a))


def pinv(a: Array, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Array:
    """The pseudoinverse. The rank is that of the midpoints in float64, so the result is not enclosed below full rank.

    Below full rank, A = C B with independent columns C of A and B = C⁺A, hence A⁺ = B⁺C⁺ (Golub & Van Loan, 5.5).
    """
    options = {
        name: torch.tensor([float(x) for x in entries(value).ravel()], dtype=torch.float64).max()
        for name, value in (("atol", atol), ("rtol", rtol))
        if value is not None
    }

    def inverse(one: Array) -> tuple[Array]:
        values = middle(one)
        rank = int(torch.linalg.matrix_rank(values, hermitian=hermitian, **options))
        if rank == min(one.shape):
            return (_inverse_of_full_rank(one),)
        if rank == 0:
            return (entries(np.full(one.shape[::-1], arb(0), dtype=object)),)
        chosen = one[:, _independent_columns(values, rank)]
        left = _inverse_of_full_rank(chosen)
        return (product(_inverse_of_full_rank(product(left, one)), left),)

    (found,) = batched(inverse, a)
    return entries(found)


def _permutation_matrix(pivots: Array, rows: int) -> Any:
    """The matrix of LAPACK's interchanges of rows, for pivots that are an input of the graph."""
    places = torch.tensor([int(float(x)) for x in pivots.ravel()], dtype=torch.int32).reshape(pivots.shape)
    return torch.ops.gradiometer.permutation_matrix(places, rows)


NOT_RIGOROUS = frozenset({"linalg_pinv"})
"""Operations whose result agrees in high precision but is not enclosed in every case."""

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "_linalg_eigh": eigh,
    "_linalg_svd": svd,
    "adjugate": adjugate,
    "det": det,
    "geqrf": lambda a: batched(_householder, a),
    "linalg_cholesky_ex": cholesky,
    "linalg_eig": eig,
    "linalg_lu_factor_ex": lu_factor,
    "linalg_matrix_exp": matrix_exp,
    "linalg_pinv": pinv,
    "linalg_qr": qr,
    "logabsdet": logabsdet,
    "permutation_matrix": _permutation_matrix,
    "solve": solve,
}
"""Operation → its function in balls."""
