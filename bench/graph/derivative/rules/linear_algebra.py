"""Rules of linear algebra.

Sources: Giles 2008, *Collected matrix derivative results*; Seeger et al. 2017, arXiv 1710.08717 (Cholesky, QR);
Ionescu, Vantzos & Sminchisescu 2015, arXiv 1509.07838 (eigenvalues, singular values); Roberts & Roberts 2020, arXiv
2009.10071 (QR of wide matrices); Golub & Pereyra 1973, doi 10.1137/0710036 (pseudoinverse); Najfeld & Havel 1995, doi
10.1006/aama.1995.1017 (matrix exponential). The gradient of a function that reads one triangle of a Hermitian matrix is
Hermitian, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

import gradiometer.graph.decompositions.linear_algebra  # noqa: F401  # registers the operations below
from gradiometer.graph.derivative.rules.core import to_shape

Tensor = torch.Tensor
Cotangents = Sequence[Tensor | None]

aten: Any = torch.ops.aten
ours: Any = torch.ops.gradiometer


def conjugated(rule: Callable[..., Cotangents]) -> Callable[..., Cotangents]:
    """A rule that is written for PyTorch's gradients, which are the conjugates of the cotangents of the sweep."""

    def cotangents(g: Any, y: Any, *args: Any, **options: Any) -> Cotangents:
        parts = tuple(_conjugate(part) for part in g) if isinstance(g, tuple) else _conjugate(g)
        return tuple(map(_conjugate, rule(parts, y, *args, **options)))

    return cotangents


def _conjugate(g: Tensor | None) -> Tensor | None:
    return None if g is None else g.conj()


def _identity(a: Tensor, n: int) -> Tensor:
    return torch.eye(n, dtype=a.dtype, device=a.device)


def _inverse(a: Tensor) -> Tensor:
    found: Tensor = ours.solve(a, _identity(a, a.shape[-1]).expand(a.shape))
    return found


def _right(x: Tensor, a: Tensor) -> Tensor:
    """X A⁻¹."""
    found: Tensor = ours.solve(a.mT, x.mT).mT
    return found


def _diagonal(x: Tensor) -> Tensor:
    return torch.diagonal(x, dim1=-2, dim2=-1)


def _halved(x: Tensor) -> Tensor:
    """The lower triangle with half of the diagonal."""
    return torch.tril(x, -1) + torch.diag_embed(_diagonal(x) / 2)


def _off_diagonal(differences: Tensor) -> Tensor:
    """Differences of eigenvalues with 1 on the diagonal, by which a numerator of 0 there can be divided."""
    on = torch.eye(differences.shape[-1], dtype=torch.bool, device=differences.device)
    return torch.where(on, torch.ones_like(differences), differences)


def _without_diagonal(x: Tensor) -> Tensor:
    on = torch.eye(x.shape[-1], dtype=torch.bool, device=x.device)
    return torch.where(on, torch.zeros_like(x), x)


def _solve(g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Cotangents:
    to_b = ours.solve(a.mT, g)
    return to_shape(-(to_b @ y.mT), a), to_shape(to_b, b)


def _cholesky(g: Any, y: Any, a: Tensor, *, upper: bool = False, **_: Any) -> Cotangents:
    """L⁻ᴴ Φ(Lᴴ Ḡ) L⁻¹ made Hermitian, with Φ the lower triangle and half of the diagonal."""
    lower, to_lower = (y[0].mH, g[0].mH) if upper else (y[0], g[0])
    inner = _halved(lower.mH @ to_lower)
    found = ours.solve(lower.mH, _right(inner, lower))
    return ((found + found.mH) / 2,)


def _lu(g: Any, y: Any, a: Tensor, *, pivot: bool = True, **_: Any) -> Cotangents:
    """P L⁻ᴴ (tril(Lᴴ L̄, −1) + triu(Ū Uᴴ)) U⁻ᴴ; rows and columns beyond the square part are linear in it."""
    (lu, pivots, _), g = y, g[0]
    rows, columns = a.shape[-2:]
    n = min(rows, columns)
    lower = torch.tril(lu[..., :n, :n], -1) + _identity(lu, n)
    upper = torch.triu(lu[..., :n, :n])
    to_lower, to_upper, parts = torch.tril(g[..., :n, :n], -1), torch.triu(g[..., :n, :n]), []
    if rows > n:
        below = _right(g[..., n:, :], upper.mH)
        to_upper = to_upper - torch.triu(lu[..., n:, :].mH @ below)
        parts = [below]
    if columns > n:
        beside = ours.solve(lower.mH, g[..., :, n:])
        to_lower = to_lower - torch.tril(beside @ lu[..., :, n:].mH, -1)
        parts = [beside]
    inner = torch.tril(lower.mH @ to_lower, -1) + torch.triu(to_upper @ upper.mH)
    square = ours.solve(lower.mH, _right(inner, upper.mH))
    found = torch.cat([square, *parts], -2 if rows > n else -1)
    if not pivot:
        return (found,)
    return (ours.permutation_matrix(pivots, rows).to(a.dtype) @ found,)


def _eigh(g: Any, y: Any, a: Tensor, uplo: str = "L", compute_v: bool = True) -> Cotangents:
    """V (diag Λ̄ + (Vᴴ V̄) / (λⱼ − λᵢ)) Vᴴ made Hermitian."""
    values, vectors = y if compute_v else aten._linalg_eigh(a, uplo, True)
    inner = torch.zeros_like(vectors)
    if g[0] is not None:
        inner = inner + torch.diag_embed(g[0]).to(a.dtype)
    if len(g) > 1 and g[1] is not None:
        gaps = _off_diagonal(values.unsqueeze(-2) - values.unsqueeze(-1))
        inner = inner + _without_diagonal(vectors.mH @ g[1]) / gaps
    found = vectors @ inner @ vectors.mH
    return ((found + found.mH) / 2,)


def _eig(g: Any, y: Any, a: Tensor) -> Cotangents:
    """V⁻ᴴ (diag Λ̄ + (Vᴴ V̄ − Vᴴ V diag Re(Vᴴ V̄)) / conj(λⱼ − λᵢ)) Vᴴ for eigenvectors of length 1."""
    values, vectors = y
    inner = torch.zeros_like(vectors)
    if g[0] is not None:
        inner = inner + torch.diag_embed(g[0])
    if g[1] is not None:
        against = vectors.mH @ g[1]
        along = _diagonal(against).real.to(vectors.dtype).unsqueeze(-2)
        gaps = _off_diagonal((values.unsqueeze(-2) - values.unsqueeze(-1)).conj())
        inner = inner + _without_diagonal(against - (vectors.mH @ vectors) * along) / gaps
    found = ours.solve(vectors.mH, inner @ vectors.mH)
    return (found if a.is_complex() else found.real,)


def _svd(g: Any, y: Any, a: Tensor, full_matrices: bool = False, compute_uv: bool = True, **_: Any) -> Cotangents:
    """U (S̄ + skew(Uᴴ Ū)/E S + S skew(Vᴴ V̄)/E) Vᴴ and the parts outside the spans of U and V; Eᵢⱼ = sⱼ² − sᵢ²."""
    u, s, vh = y if compute_uv else aten._linalg_svd(a, False, True)
    k = s.shape[-1]
    u, vh = u[..., :, :k], vh[..., :k, :]
    to_u = None if not compute_uv or g[0] is None else g[0][..., :, :k]
    to_v = None if not compute_uv or g[2] is None else g[2][..., :k, :].mH
    sizes, v = s.to(a.dtype), vh.mH
    inner = torch.zeros(*s.shape, k, dtype=a.dtype, device=a.device)
    if g[1] is not None:
        inner = inner + torch.diag_embed(g[1]).to(a.dtype)
    squares = s * s
    gaps = _off_diagonal(squares.unsqueeze(-2) - squares.unsqueeze(-1)).to(a.dtype)
    outside = None
    if to_u is not None:
        turn = _skew(u.mH @ to_u)
        inner = inner + _without_diagonal(turn) / gaps * sizes.unsqueeze(-2)
        if a.is_complex():
            inner = inner + torch.diag_embed(_diagonal(turn) / (2 * sizes))
        if a.shape[-2] > k:
            outside = ((to_u - u @ (u.mH @ to_u)) / sizes.unsqueeze(-2)) @ vh
    if to_v is not None:
        inner = inner + sizes.unsqueeze(-1) * (_without_diagonal(_skew(v.mH @ to_v)) / gaps)
        if a.shape[-1] > k:
            beside = (u / sizes.unsqueeze(-2)) @ (to_v - v @ (v.mH @ to_v)).mH
            outside = beside if outside is None else outside + beside
    found = u @ inner @ vh
    return (found if outside is None else found + outside,)


def _skew(x: Tensor) -> Tensor:
    return x - x.mH


def _qr(g: Any, y: Any, a: Tensor, mode: str = "reduced") -> Cotangents:
    """(Q̄ + Q sym(triu(R̄ Rᴴ − Qᴴ Q̄))) R⁻ᴴ; for a wide matrix [X Y] the square part X, and Q R̄ for Y."""
    q, r = y if mode != "r" else aten.linalg_qr(a, "reduced")
    rows, columns = a.shape[-2:]
    n = min(rows, columns)
    to_q = torch.zeros_like(q) if mode == "r" or g[0] is None else g[0]
    to_r = torch.zeros_like(r) if g[1] is None else g[1]
    beyond = q @ to_r[..., :, n:]
    if columns > n:
        to_q = to_q + a[..., :, n:] @ to_r[..., :, n:].mH
    if rows > n and mode == "complete":
        raise ValueError("the derivative of a complete QR decomposition of a tall matrix is not defined")
    r, to_r = r[..., :, :n], to_r[..., :, :n]
    inner = torch.triu(to_r @ r.mH - q.mH @ to_q)
    inner = torch.triu(inner, 1) + torch.triu(inner, 1).mH + torch.diag_embed(_diagonal(inner).real).to(a.dtype)
    found = _right(to_q + q @ inner, r.mH)
    return (torch.cat([found, beyond], -1) if columns > n else found,)


def _pinv(g: Tensor, y: Tensor, a: Tensor, **_: Any) -> Cotangents:
    """dA⁺ = −A⁺ dA A⁺ + A⁺A⁺ᴴ dAᴴ (I − A A⁺) + (I − A⁺A) dAᴴ A⁺ᴴA⁺ for constant rank."""
    p, adjoint = y, g.mH
    rows, columns = a.shape[-2:]
    first = (_identity(a, rows) - a @ p) @ adjoint @ p @ p.mH
    second = p.mH @ p @ adjoint @ (_identity(a, columns) - p @ a)
    return (-(p.mH @ g @ p.mH) + first + second,)


def _matrix_exp(g: Tensor, y: Tensor, a: Tensor) -> Cotangents:
    """The upper right block of exp [Aᵀ Ḡ; 0 Aᵀ]."""
    n, of = a.shape[-1], a.mT
    block = torch.cat([torch.cat([of, g], -1), torch.cat([torch.zeros_like(of), of], -1)], -2)
    return (aten.linalg_matrix_exp(block)[..., :n, n:],)


RULES: Mapping[str, Callable[..., Cotangents]] = {
    "_linalg_eigh": conjugated(_eigh),
    "_linalg_svd": conjugated(_svd),
    "det": lambda g, y, a: (g[..., None, None] * ours.adjugate(a).mT,),
    "linalg_cholesky_ex": conjugated(_cholesky),
    "linalg_eig": conjugated(_eig),
    "linalg_lu_factor_ex": conjugated(_lu),
    "linalg_matrix_exp": _matrix_exp,
    "linalg_pinv": conjugated(_pinv),
    "linalg_qr": conjugated(_qr),
    "logabsdet": lambda g, y, a: (g[..., None, None] * _inverse(a).mT,),
    "solve": _solve,
}
"""Operation → its rule."""
