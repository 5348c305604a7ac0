"""Sums of absolute terms of complex numbers and Fourier transforms, as pairs (value, terms) of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from gradiometer.graph.arithmetic.arrays import Array

Pair = tuple[Array, Array]


def _quotient(x: Array, by: Array) -> Array:
    """x / y; 0 where y is 0."""
    return np.asarray(np.where(by == 0, 0, x / np.where(by == 0, 1, by)))


def _complex(real: Pair, imaginary: Pair) -> Pair:
    value = np.asarray(real[0] + 1j * imaginary[0])
    return value, np.asarray(np.broadcast_to(np.hypot(real[1], imaginary[1]), value.shape))


def _view_as_complex(x: Pair) -> Pair:
    value, terms = x
    return _complex((value[..., 0], terms[..., 0]), (value[..., 1], terms[..., 1]))


def _view_as_real(x: Pair) -> Pair:
    value, terms = x
    return np.stack([value.real, value.imag], -1), np.stack([terms, terms], -1)


def _angle(x: Pair) -> Pair:
    """arg z, with M(z) / |z|."""
    value = np.angle(x[0])
    turned = _quotient(x[1], np.abs(x[0])) if np.iscomplexobj(x[0]) else np.zeros_like(value)
    return np.asarray(value), np.asarray(np.fmax(np.abs(value), turned))


def _sgn(x: Pair) -> Pair:
    """z / |z|, with M(z) / |z|."""
    size = np.abs(x[0])
    return _quotient(x[0], size), _quotient(x[1], size)


def _fft(x: Pair, dims: Sequence[int], normalization: int, forward: bool) -> Pair:
    """A discrete Fourier transform: every result has all entries as terms."""
    value, terms = x
    count = prod(value.shape[dim] for dim in dims)
    scale = (1.0, count**-0.5, 1.0 / count)[normalization]
    found = np.fft.fftn(value, axes=dims) if forward else np.fft.ifftn(value, axes=dims) * count
    total = np.broadcast_to(np.sum(terms, axis=tuple(dims), keepdims=True), value.shape)
    return np.asarray(found * scale), np.asarray(total * scale)


def _conjugate(x: Pair) -> Pair:
    return np.asarray(np.conj(x[0])), x[1]


COMPLEX: Mapping[str, Callable[..., Any]] = {
    "_conj": _conjugate,
    "_conj_physical": _conjugate,
    "_fft_c2c": _fft,
    "_neg_view": lambda x: (np.asarray(-x[0]), x[1]),
    "angle": _angle,
    "complex": _complex,
    "conj_physical": _conjugate,
    "resolve_conj": lambda x: x,
    "resolve_neg": lambda x: x,
    "sgn": _sgn,
    "to_complex": lambda x: (np.asarray(x[0].astype(np.complex128)), x[1]),
    "to_real": lambda x: (np.asarray(x[0].real), x[1]),
    "view_as_complex": _view_as_complex,
    "view_as_real": _view_as_real,
}
"""Operation → its function of pairs. `to_complex` and `to_real` are changes of dtype."""
