"""Matrices of balls: conversion to FLINT, batches, and the float64 matrix at the midpoints.

Used by the operations of linear algebra. An entry is an `arb`, or an `acb` where it is complex.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from flint import acb, acb_mat, arb, arb_mat

from gradiometer.graph.arithmetic.arrays import Array


def is_complex(*arrays: Array) -> bool:
    """Whether any entry is a complex ball."""
    return any(isinstance(entry, acb) for x in arrays for entry in x.ravel())


def entries(x: Any) -> Array:
    """An object array of a result that may be a single ball."""
    return np.asarray(x, dtype=object)


def matrix(a: Array, complex_entries: bool | None = None) -> Any:
    """A matrix of FLINT, `acb_mat` where it has complex entries."""
    kind: Any = acb_mat if (is_complex(a) if complex_entries is None else complex_entries) else arb_mat
    return kind(*a.shape, a.ravel().tolist())


def from_matrix(a: Any) -> Array:
    """The entries of a matrix of FLINT."""
    return entries(a.entries()).reshape(a.nrows(), a.ncols())


def _is_empty(*arrays: Array) -> bool:
    return any(x.size == 0 for x in arrays)


def product(a: Array, b: Array) -> Array:
    """The product of two matrices."""
    if _is_empty(a, b):
        return entries(np.full((len(a), b.shape[1]), arb(0), dtype=object))
    either = is_complex(a, b)
    return from_matrix(matrix(a, either) * matrix(b, either))


def solution(a: Array, b: Array) -> Array:
    """A⁻¹B; NaN where FLINT cannot exclude that A is singular."""
    if _is_empty(a, b):
        return b
    either = is_complex(a, b)
    return from_matrix(matrix(a, either).solve(matrix(b, either), nonstop=True))


def conjugate(x: Array) -> Array:
    """The complex conjugate of every entry."""
    return entries(np.frompyfunc(lambda a: a.conjugate() if isinstance(a, acb) else a, 1, 1)(x))


def adjoint(a: Array) -> Array:
    """The conjugate transpose."""
    return conjugate(a.T)


def real_part(a: Any) -> arb:
    """The real part of a ball."""
    return a.real if isinstance(a, acb) else a


def identity(n: int) -> Array:
    """The identity of size n."""
    return entries([[arb(int(i == j)) for j in range(n)] for i in range(n)]).reshape(n, n)


def undefined(*shape: int) -> Array:
    """An array of NaN."""
    return entries(np.full(shape, arb("nan"), dtype=object))


def norm(v: Array) -> arb:
    """The Euclidean norm of a vector."""
    return arb(sum((abs(a) ** 2 for a in v), arb(0))).sqrt()


def middle(a: Array) -> torch.Tensor:
    """The midpoints in float64 (complex128 for complex entries): what PyTorch computes with."""
    if is_complex(a):
        return torch.tensor([complex(acb(x).mid()) for x in a.ravel()], dtype=torch.complex128).reshape(a.shape)
    return torch.tensor([float(x.mid()) for x in a.ravel()], dtype=torch.float64).reshape(a.shape)


def batched(function: Callable[..., tuple[Any, ...]], *operands: Array) -> tuple[Any, ...]:
    """A function of matrices, applied to each of a batch; the leading dimensions of the operands are broadcast.

    The function returns a tuple of arrays of balls or of tensors.
    """
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in operands))
    spread = [np.broadcast_to(x, lead + x.shape[-2:]).reshape(prod(lead), *x.shape[-2:]) for x in operands]
    found = [function(*matrices) for matrices in zip(*spread, strict=True)]
    if found:
        return tuple(_stacked(parts, lead) for parts in zip(*found, strict=True))
    shapes = function(*(entries(np.full(x.shape[-2:], arb(1), dtype=object)) for x in operands))  # an empty batch
    return tuple(part.reshape((1, *part.shape))[:0].reshape((*lead, *part.shape)) for part in shapes)


def _stacked(parts: tuple[Any, ...], lead: tuple[int, ...]) -> Any:
    if isinstance(parts[0], torch.Tensor):
        return torch.stack(parts).reshape((*lead, *parts[0].shape))
    arrays = [entries(part) for part in parts]
    return np.stack(arrays).reshape(lead + arrays[0].shape)
