"""Sums of absolute terms of results of linear algebra, as pairs (value, terms) of float64 arrays.

The terms M of a result are those of its first-order change for a change of at most M(A) in each entry of A, computed
from absolute values of the factors: |A⁻¹| (M(A) |X| + M(B)) for a solve (Higham, *Accuracy and Stability of Numerical
Algorithms*, 7.2), and the formulas of the derivatives for factorisations and spectra.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from gradiometer.graph.arithmetic.arrays import Array

Pair = tuple[Array, Array]


def _mt(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def _adjoint(x: Array) -> Array:
    return np.conj(_mt(x))


def _identity_like(a: Array) -> Array:
    return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)


def _by_torch(function: Callable[..., Any], *operands: Array, **options: Any) -> Any:
    """A function of PyTorch on arrays, so that signs and pivots are PyTorch's."""
    found = function(*(torch.from_numpy(np.ascontiguousarray(x)) for x in operands), **options)
    return tuple(part.numpy() for part in found) if isinstance(found, (tuple, list)) else found.numpy()


def _solution(a: Array, b: Array) -> Array:
    found: Array = _by_torch(lambda one, other: torch.linalg.solve_ex(one, other)[0], a, b)
    return found


def _inverse(a: Array) -> Array:
    return _solution(a, _identity_like(a))


def _with_terms(value: Array, terms: Array) -> Pair:
    return np.asarray(value), np.asarray(np.fmax(np.abs(value), terms))


def solve(a: Pair, b: Pair) -> Pair:
    """A⁻¹B."""
    x = _solution(a[0], b[0])
    return _with_terms(x, np.abs(_inverse(a[0])) @ (a[1] @ np.abs(x) + b[1]))


def _adjugate(a: Array) -> Array:
    found: Array = _by_torch(torch.ops.gradiometer.adjugate, a)
    return found


def det(a: Pair) -> Pair:
    """det A, with Σ |adj(A)ⱼᵢ| M(Aᵢⱼ)."""
    return _with_terms(_by_torch(torch.linalg.det, a[0]), (np.abs(_mt(_adjugate(a[0]))) * a[1]).sum((-2, -1)))


def logabsdet(a: Pair) -> Pair:
    """log |det A|, with Σ |A⁻¹ⱼᵢ| M(Aᵢⱼ)."""
    value = _by_torch(torch.linalg.slogdet, a[0])[1]
    return _with_terms(value, (np.abs(_mt(_inverse(a[0]))) * a[1]).sum((-2, -1)))


def adjugate(a: Pair) -> Pair:
    """det(A) A⁻¹."""
    value, inverse = _adjugate(a[0]), np.abs(_inverse(a[0]))
    return _with_terms(value, det(a)[1][..., None, None] * inverse + np.abs(value) @ a[1] @ inverse)


def cholesky(a: Pair, upper: bool = False, check_errors: bool = False) -> tuple[Pair, Any]:
    """L with |L| Φ(|L⁻¹| M(A) |L⁻ᴴ|), Φ the lower triangle."""
    factor, info = _by_torch(torch.linalg.cholesky_ex, a[0], upper=upper)
    lower = _adjoint(factor) if upper else factor
    inverse = np.abs(_inverse(lower))
    terms = np.abs(lower) @ np.tril(inverse @ a[1] @ _mt(inverse))
    return _with_terms(factor, _mt(terms) if upper else terms), torch.from_numpy(info)


def lu_factor(a: Pair, pivot: bool = True, check_errors: bool = False) -> tuple[Pair, Any, Any]:
    """The compact L and U of a square matrix with |L| tril(K, −1) and triu(K) |U|, K = |L⁻¹| P M(A) |U⁻¹|."""
    lu, pivots, info = _by_torch(torch.linalg.lu_factor_ex, a[0], pivot=pivot)
    if lu.shape[-1] != lu.shape[-2]:
        raise TypeError("expected a square matrix")
    lower, upper = np.tril(lu, -1) + _identity_like(lu), np.triu(lu)
    swaps = _mt(_by_torch(torch.ops.gradiometer.permutation_matrix, pivots, rows=lu.shape[-1])).astype(np.float64)
    inner = np.abs(_inverse(lower)) @ swaps @ a[1] @ np.abs(_inverse(upper))
    terms = np.tril(np.abs(lower) @ np.tril(inner, -1), -1) + np.triu(np.triu(inner) @ np.abs(upper))
    return _with_terms(lu, terms), torch.from_numpy(pivots), torch.from_numpy(info)


def _over_gaps(x: Array, values: Array) -> Array:
    """Entries divided by the distances of eigenvalues; 0 on the diagonal."""
    gaps = np.abs(values[..., None, :] - values[..., :, None])
    return np.asarray(x / np.where(np.eye(gaps.shape[-1], dtype=bool), np.inf, gaps))


def eigh(a: Pair, uplo: str = "L", compute_v: bool = True) -> tuple[Pair, Pair]:
    """Eigenvalues with the diagonal of K = |Vᴴ| M(A) |V|, eigenvectors with |V| K / gaps."""
    values, vectors = _by_torch(torch.linalg.eigh, a[0], UPLO=uplo)
    sizes = np.abs(vectors)
    inner = _mt(sizes) @ a[1] @ sizes
    terms = sizes @ _over_gaps(inner, values)
    return _with_terms(values, np.diagonal(inner, axis1=-2, axis2=-1)), _with_terms(vectors, terms)


def eig(a: Pair) -> tuple[Pair, Pair]:
    """Eigenvalues with the diagonal of K = |V⁻¹| M(A) |V|, eigenvectors with |V| K / gaps."""
    values, vectors = _by_torch(torch.linalg.eig, a[0])
    sizes = np.abs(vectors)
    inner = np.abs(_inverse(vectors)) @ a[1] @ sizes
    terms = sizes @ _over_gaps(inner, values)
    return _with_terms(values, np.diagonal(inner, axis1=-2, axis2=-1)), _with_terms(vectors, terms)


def svd(a: Pair, full_matrices: bool = False, compute_uv: bool = True, driver: str | None = None) -> tuple[Pair, ...]:
    """Singular values with the diagonal of K = |Uᴴ| M(A) |V|; vectors with their rotations and the part outside."""
    u, s, vh = _by_torch(torch.linalg.svd, a[0], full_matrices=full_matrices)
    k = s.shape[-1]
    left, right = np.abs(u[..., :, :k]), np.abs(_mt(vh[..., :k, :]))
    inner = _mt(left) @ a[1] @ right
    one, other = inner * s[..., None, :], s[..., :, None] * _mt(inner)
    beyond_u, beyond_v = a[1] @ right / s[..., None, :], _mt(a[1]) @ left / s[..., None, :]
    terms_u, terms_v = np.abs(u), np.abs(_mt(vh))
    terms_u[..., :, :k] = left @ _over_gaps(one + other, s * s) + beyond_u
    terms_v[..., :, :k] = right @ _over_gaps(_mt(one) + _mt(other), s * s) + beyond_v
    values = _with_terms(s, np.diagonal(inner, axis1=-2, axis2=-1))
    return _with_terms(u, terms_u), values, _with_terms(vh, _mt(terms_v))


def qr(a: Pair, mode: str = "reduced") -> tuple[Pair, Pair]:
    """Q with M(A) |R⁻¹| + |Q| |Qᴴ| M(A) |R⁻¹| and R with |Qᴴ| M(A) |R⁻¹| |R| of a matrix that is not wide."""
    if mode != "reduced" or a[0].shape[-2] < a[0].shape[-1]:
        raise TypeError("expected a reduced decomposition of a matrix that is not wide")
    q, r = _by_torch(torch.linalg.qr, a[0])
    scaled, sizes = a[1] @ np.abs(_inverse(r)), np.abs(q)
    inner = _mt(sizes) @ scaled
    return _with_terms(q, scaled + sizes @ inner), _with_terms(r, np.triu((inner + _mt(inner)) @ np.abs(r)))


def pinv(a: Pair, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Pair:
    """A⁺ with |A⁺| M |A⁺| + |A⁺A⁺ᴴ| Mᴴ |I − AA⁺| + |I − A⁺A| Mᴴ |A⁺ᴴA⁺|."""
    p = _by_torch(torch.linalg.pinv, a[0], hermitian=hermitian)
    adjoint, size = _adjoint(p), np.abs(p)
    one, other = np.abs(a[0] @ p - np.eye(p.shape[-1])), np.abs(p @ a[0] - np.eye(p.shape[-2]))
    terms = size @ a[1] @ size + np.abs(p @ adjoint) @ _mt(a[1]) @ one + other @ _mt(a[1]) @ np.abs(adjoint @ p)
    return _with_terms(p, terms)


def matrix_exp(a: Pair) -> Pair:
    """exp A, with the upper right block of exp [|A| M(A); 0 |A|]."""
    size = np.abs(a[0])
    block = np.concatenate([np.concatenate([size, a[1]], -1), np.concatenate([np.zeros_like(size), size], -1)], -2)
    n = size.shape[-1]
    return _with_terms(_by_torch(torch.linalg.matrix_exp, a[0]), _by_torch(torch.linalg.matrix_exp, block)[..., :n, n:])


MATRICES: Mapping[str, Callable[..., Any]] = {
    "_linalg_eigh": eigh,
    "_linalg_svd": svd,
    "adjugate": adjugate,
    "det": det,
    "linalg_cholesky_ex": cholesky,
    "linalg_eig": eig,
    "linalg_lu_factor_ex": lu_factor,
    "linalg_matrix_exp": matrix_exp,
    "linalg_pinv": pinv,
    "linalg_qr": qr,
    "logabsdet": logabsdet,
    "solve": solve,
}
"""Operation → its function of pairs."""
