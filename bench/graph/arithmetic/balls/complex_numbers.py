"""Operations of complex numbers and Fourier transforms in balls; a complex number is an `acb`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from flint import acb, arb

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.arithmetic.balls.core import entrywise
from gradiometer.graph.arithmetic.balls.matrices import conjugate, real_part
from gradiometer.graph.evaluate import UndecidedError


def _imaginary_part(a: Any) -> arb:
    return a.imag if isinstance(a, acb) else arb(0)


def _angle(a: Any) -> arb:
    """The argument in (−π, π]; of a real number, 0 or π."""
    if isinstance(a, acb):
        return a.arg()
    if not a < 0 and not a >= 0:
        raise UndecidedError("an enclosure contains zero, so its sign cannot be decided")
    return arb.pi() if a < 0 else arb(0)


def _direction(a: Any) -> acb:
    """z / |z|; 0 at 0."""
    return acb(0) if a == 0 else a / abs(a)


def _fft(x: Array, dims: Sequence[int], normalization: int, forward: bool) -> Array:
    """The discrete Fourier transform with exp(∓2πi jk/n); `normalization` divides by nothing, √n or n."""
    for dim in dims:
        moved = np.moveaxis(x, dim, -1)
        n = moved.shape[-1]
        rows = [acb.dft(row.tolist(), inverse=not forward) for row in moved.reshape(-1, n)]
        x = np.moveaxis(np.array(rows, dtype=object).reshape(moved.shape), -1, dim)
    count = prod(x.shape[dim] for dim in dims)
    divisor = (1, arb(count).sqrt(), count)[normalization]
    scale = arb(1) / divisor if forward else arb(count) / divisor  # FLINT's inverse is divided by n
    return entrywise(lambda a: a * scale)(x)


to_complex = entrywise(acb)
to_real = entrywise(real_part)

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "_conj": conjugate,
    "_conj_physical": conjugate,
    "_fft_c2c": _fft,
    "_neg_view": entrywise(lambda a: -a),
    "angle": entrywise(_angle),
    "complex": entrywise(acb, 2),
    "conj_physical": conjugate,
    "resolve_conj": lambda x: x,
    "resolve_neg": lambda x: x,
    "sgn": entrywise(_direction),
    "to_complex": to_complex,
    "to_real": to_real,
    "view_as_complex": lambda x: entrywise(acb, 2)(x[..., 0], x[..., 1]),
    "view_as_real": lambda x: np.stack([to_real(x), entrywise(_imaginary_part)(x)], -1),
}
"""Operation → its function in balls. `to_complex` and `to_real` are changes of dtype."""
