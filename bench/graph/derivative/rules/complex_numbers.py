"""Rules of complex numbers and Fourier transforms.

Cotangents c of a complex value z satisfy dL = Re Σ c dz, as the sweep has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from gradiometer.graph.derivative.rules.core import to_shape, unary

Tensor = torch.Tensor
Cotangents = Sequence[Tensor | None]

aten: Any = torch.ops.aten


def _parts(c: Tensor) -> Tensor:
    """d Re z and d Im z of Re(c dz), in the last dimension."""
    return torch.view_as_real(c.conj().resolve_conj())


def _abs(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """conj(sgn z); 0 at 0."""
    return g * x.sgn().conj() if x.is_complex() else g * x.sign()


def _angle(g: Tensor, y: Tensor, x: Tensor) -> Cotangents:
    """dθ = Re(−i conj(z) dz) / |z|²; 0 at 0 and for real numbers."""
    if not x.is_complex():
        return (None,)
    real, imaginary = torch.view_as_real(x.resolve_conj()).unbind(-1)
    square = real * real + imaginary * imaginary
    nothing = torch.zeros_like(square)
    scale = torch.where(square == 0, nothing, g / square)
    return (torch.complex(-imaginary * scale, -real * scale),)


def _sgn(g: Tensor, y: Tensor, x: Tensor) -> Cotangents:
    """d(z/|z|) = (dz − Re(conj(y) dz) y) / |z|; 0 at 0."""
    if not x.is_complex():
        return (None,)
    size = x.abs()
    along = torch.view_as_real(g * y).select(-1, 0)
    found = g - along * y.conj()
    return (torch.where(size == 0, torch.zeros_like(found), found / size),)


def _complex(g: Tensor, y: Tensor, real: Tensor, imaginary: Tensor) -> Cotangents:
    to_real, to_imaginary = _parts(g).unbind(-1)
    return to_shape(to_real, real), to_shape(to_imaginary, imaginary)


def _conjugate(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    return g.conj()


RULES: Mapping[str, Callable[..., Cotangents]] = {
    "_conj": unary(_conjugate),
    "_conj_physical": unary(_conjugate),
    "_fft_c2c": lambda g, y, x, dim, normalization, forward: (aten._fft_c2c(g, dim, normalization, forward),),
    "_neg_view": unary(lambda g, y, x: -g),
    "abs": unary(_abs),
    "angle": _angle,
    "complex": _complex,
    "conj_physical": unary(_conjugate),
    "resolve_conj": unary(lambda g, y, x: g),
    "resolve_neg": unary(lambda g, y, x: g),
    "sgn": _sgn,
    "view_as_complex": unary(lambda g, y, x: _parts(g)),
    "view_as_real": unary(lambda g, y, x: torch.complex(g.select(-1, 0), -g.select(-1, 1))),
}
"""Operation → its rule."""
