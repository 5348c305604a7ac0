"""Decompositions of linear algebra into few operations: solve, det, logabsdet, factorisations and moves of entries.

The operations of the namespace `gradiometer` stand for those parts of PyTorch's operations that have a derivative;
the factorisation that PyTorch returns beside them is an operation of its own, which is dropped where it is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import get_decompositions

from gradiometer.graph.own_operations import own_operation

aten: Any = torch.ops.aten
Tensor = torch.Tensor


@own_operation(lambda a, b: a.new_empty((*torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])))
def solve(a: Tensor, b: Tensor) -> Tensor:
    """A⁻¹B for A (… × n × n) and B (… × n × k); the leading dimensions are broadcast."""
    return torch.clone(torch.linalg.solve_ex(a, b)[0])


@own_operation(lambda a: a.new_empty(a.shape[:-2]))
def det(a: Tensor) -> Tensor:
    """det A for A (… × n × n)."""
    return torch.clone(torch.linalg.det(a))


@own_operation(lambda a: a.new_empty(a.shape[:-2], dtype=a.real.dtype))
def logabsdet(a: Tensor) -> Tensor:
    """log |det A| for A (… × n × n); it does not overflow where det A does."""
    return torch.clone(torch.linalg.slogdet(a)[1])


@own_operation(torch.empty_like)
def adjugate(a: Tensor) -> Tensor:
    """The adjugate det(A) A⁻¹, which a singular matrix has too, from the singular value decomposition."""
    u, s, vh = torch.linalg.svd(a)
    others = s.unsqueeze(-2).expand(a.shape).clone()
    others.diagonal(dim1=-2, dim2=-1).fill_(1)
    found: Tensor = torch.linalg.det(u @ vh)[..., None, None] * (vh.mH * others.prod(-1).unsqueeze(-2)) @ u.mH
    return found


def identity(a: Tensor, n: int | None = None) -> Tensor:
    """The identity, by default of the size of the square matrix A, with its dtype and device."""
    return torch.eye(a.shape[-1] if n is None else n, dtype=a.dtype, device=a.device)


def no_errors(a: Tensor) -> Tensor:
    """The zeros by which LAPACK reports success, one for each matrix."""
    return torch.zeros(a.shape[:-2], dtype=torch.int32, device=a.device)


def _factors(a: Tensor) -> Any:
    """The LU factorisation that PyTorch keeps for its backward pass: of Aᵀ where A is real and contiguous."""
    return aten.linalg_lu_factor_ex(a.mT if a.is_contiguous() and not a.is_complex() else a)


def _solve_keeps_transpose() -> bool:
    """Whether this version of PyTorch factors Aᵀ to solve with a contiguous A: the factors of A have 2 above the 1."""
    a = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    return float(aten._linalg_solve_ex(a, a)[1][0, 1]) != 2.0


SOLVE_KEEPS_TRANSPOSE = _solve_keeps_transpose()


def _solve_ex(a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    is_vector = b.dim() == 1 or (a.dim() - 1 == b.dim() and b.shape == a.shape[:-1])
    columns = b.unsqueeze(-1) if is_vector else b
    x = solve(a, columns) if left else solve(a.mT, columns.mT).mT
    lu, pivots, info = _factors(a) if SOLVE_KEEPS_TRANSPOSE else aten.linalg_lu_factor_ex(a)
    return (x.squeeze(-1) if is_vector else x), lu, pivots, info


def _inv_ex(a: Tensor, *, check_errors: bool = False) -> Any:
    return solve(a, identity(a).expand(a.shape)), no_errors(a)


def _det(a: Tensor) -> Any:
    lu, pivots, _ = _factors(a)
    return det(a), lu, pivots


def _slogdet(a: Tensor) -> Any:
    lu, pivots, _ = _factors(a)
    return aten.sgn(det(a)), logabsdet(a), lu, pivots


def _solve_triangular(a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    if unitriangular:
        a = (aten.triu(a, 1) if upper else aten.tril(a, -1)) + identity(a)
    else:
        a = aten.triu(a) if upper else aten.tril(a)
    return solve(a, b) if left else solve(a.mT, b.mT).mT


def _triangular_solve(
    b: Tensor, a: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    of = a.mT if transpose else a
    return _solve_triangular(of, b, upper=upper != transpose, unitriangular=unitriangular), a.clone()


def _cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Any:
    lower = aten.triu(factor).mH if upper else aten.tril(factor)
    return solve(lower.mH, solve(lower, b))


def _cholesky_inverse(factor: Tensor, upper: bool = False) -> Any:
    return _cholesky_solve(identity(factor).expand(factor.shape), factor, upper)


def _unpack(lu: Tensor, pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U with A = P L U, from LAPACK's compact form; `pivots` counts rows from 1."""
    rows, columns = lu.shape[-2:]
    least = min(rows, columns)
    nothing = lu.new_zeros((0,))
    permutation, lower, upper = nothing, nothing, nothing
    if unpack_data:
        lower = aten.tril(lu[..., :least], -1) + torch.eye(rows, least, dtype=lu.dtype, device=lu.device)
        upper = aten.triu(lu[..., :least, :])
    if unpack_pivots:
        permutation = permutation_matrix(pivots, rows).to(lu.dtype)
    return permutation, lower, upper


@own_operation(lambda pivots, rows: pivots.new_empty((*pivots.shape[:-1], rows, rows), dtype=torch.int64))
def permutation_matrix(pivots: Tensor, rows: int) -> Tensor:
    """The matrix P of zeros and ones for LAPACK's interchanges of rows."""
    lead = pivots.shape[:-1]
    places = pivots.reshape(lead.numel(), pivots.shape[-1])
    found = torch.zeros(lead.numel(), rows, rows, dtype=torch.int64)
    for matrix, swaps in zip(found, places.tolist(), strict=True):
        order = list(range(rows))
        for row, pivot in enumerate(swaps):
            order[row], order[pivot - 1] = order[pivot - 1], order[row]
        matrix[order, range(rows)] = 1
    return found.reshape(*lead, rows, rows).to(pivots.device)


def _lu(a: Tensor, *, pivot: bool = True) -> Any:
    lu, pivots, _ = aten.linalg_lu_factor_ex(a, pivot=pivot)
    return _unpack(lu, pivots, unpack_pivots=pivot)


def _lu_solve(lu: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False) -> Any:
    permutation, lower, upper = _unpack(lu, pivots)
    a = permutation @ lower @ upper
    a = a.mH if adjoint else a
    return solve(a, b) if left else solve(a.mT, b.mT).mT


def _householder_product(a: Tensor, tau: Tensor) -> Any:
    """The first columns of (I − τ₁ v₁ v₁ᴴ)(I − τ₂ v₂ v₂ᴴ)…, with vₖ below the diagonal of A and 1 on it."""
    start = torch.eye(*a.shape[-2:], dtype=a.dtype, device=a.device).expand(a.shape)
    return _reflected(start, a, tau)


def _reflected(x: Tensor, a: Tensor, tau: Tensor, transpose: bool = False) -> Tensor:
    """Q X or Qᴴ X for the product Q of the reflections."""
    count, rows = tau.shape[-1], a.shape[-2]
    vectors = aten.tril(a, -1)[..., :count] + torch.eye(rows, count, dtype=a.dtype, device=a.device)
    for k in range(count) if transpose else reversed(range(count)):
        v, scale = vectors[..., k : k + 1], tau[..., k, None, None]
        x = x - (scale.conj() if transpose else scale) * (v @ (v.mH @ x))
    return x


def _ormqr(a: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Any:
    if left:
        return _reflected(other, a, tau, transpose)
    return _reflected(other.mH, a, tau, not transpose).mH


def _lstsq(a: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The least-squares solution for a matrix of full rank, by the normal equations.

    The solution has the smallest norm where A has more columns than rows. Residuals, rank and singular values are
    those that PyTorch returns with the driver; the rank is the full rank.
    """
    rows, columns = a.shape[-2:]
    is_vector = b.dim() == a.dim() - 1
    of = b.unsqueeze(-1) if is_vector else b
    x = solve(a.mH @ a, a.mH @ of) if rows >= columns else a.mH @ solve(a @ a.mH, of)
    residuals = values = a.new_zeros((0,))
    rank = torch.full(a.shape[:-2], min(rows, columns), dtype=torch.int64)
    if rows > columns and driver not in (None, "gelsy"):
        left = aten.abs(a @ x - of)
        residuals = aten.sum(left * left, [-2])
    if driver in ("gelss", "gelsd"):
        values = aten.detach(aten._linalg_svd(a, False, False)[1])  # PyTorch gives them no derivative
    return (x.squeeze(-1) if is_vector else x), residuals, rank, values


def vector_norm(x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """(Σ|x|^p)^(1/p) for any real p, with the limits 0 (the number of entries that are not zero) and ±∞.

    Its derivative at 0 is 0.
    """
    dims = [dim] if isinstance(dim, int) else list(dim or range(x.dim()))
    x = x if dtype is None else x.to(dtype)
    if ord == 2:
        squares = aten.sum(torch.view_as_real(x) ** 2, [-1]) if x.is_complex() else x * x
        total = aten.sum(squares, dims, keepdim)
        return _unless(total == 0, total, aten.sqrt)
    size = aten.abs(x)
    if ord == 0:
        return aten.sum((size != 0).to(size.dtype), dims, keepdim)
    if ord in (float("inf"), float("-inf")):
        return (aten.amax if ord > 0 else aten.amin)(size, dims, keepdim)
    if ord == 1:
        return aten.sum(size, dims, keepdim)
    inverse = aten.div(torch.ones((), dtype=size.dtype, device=x.device), ord)  # 1/p in Python would be rounded
    if ord > 0:
        total = aten.sum(aten.pow(size, ord), dims, keepdim)
        return _unless(total == 0, total, lambda x: aten.pow(x, inverse))
    one_is_zero = aten.amin(size, dims, True) == 0
    found = _unless(one_is_zero, size, lambda x: aten.pow(aten.sum(aten.pow(x, ord), dims, True), inverse))
    return found if keepdim else found.squeeze(dims)


def _unless(is_zero: Tensor, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A function of x; 0 with the derivative 0 where `is_zero` holds."""
    found = function(torch.where(is_zero, torch.ones_like(x), x))
    return torch.where(is_zero, torch.zeros_like(found), found)


def _trilinear(
    one: Tensor, two: Tensor, three: Tensor, expand1: Any, expand2: Any, expand3: Any, sumdim: Any, unroll_dim: int = 1
) -> Any:
    """The product of three tensors with new dimensions at the places named, summed over `sumdim`."""
    parts = []
    for x, places in ((one, expand1), (two, expand2), (three, expand3)):
        spread = x
        for place in places:
            spread = spread.unsqueeze(place)
        parts.append(spread)
    product = parts[0] * parts[1] * parts[2]
    return aten.sum(product, sumdim) if sumdim else product


def _addbmm(x: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    """βX + αΣᵢ AᵢBᵢ."""
    return beta * x + alpha * aten.sum(aten.bmm(a, b), [0])


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **get_decompositions([aten.linalg_cross, aten.renorm]),
    aten._linalg_check_errors.default: lambda *_, **__: None,
    aten._linalg_det.default: _det,
    aten._linalg_eigvals.default: lambda a: aten.linalg_eig(a)[0],
    aten._linalg_slogdet.default: _slogdet,
    aten._linalg_solve_ex.default: _solve_ex,
    aten._trilinear.default: _trilinear,
    aten.addbmm.default: _addbmm,
    aten.cholesky.default: lambda a, upper=False: aten.linalg_cholesky_ex(a, upper=upper)[0],
    aten.cholesky_inverse.default: _cholesky_inverse,
    aten.cholesky_solve.default: _cholesky_solve,
    aten.linalg_householder_product.default: _householder_product,
    aten.linalg_inv_ex.default: _inv_ex,
    aten.linalg_lstsq.default: _lstsq,
    aten.linalg_lu.default: _lu,
    aten.linalg_lu_solve.default: _lu_solve,
    aten.linalg_solve_triangular.default: _solve_triangular,
    aten.linalg_vector_norm.default: vector_norm,
    aten.lu_unpack.default: _unpack,
    aten.ormqr.default: _ormqr,
    aten.triangular_solve.default: _triangular_solve,
}
"""Operation overload → its decomposition."""
