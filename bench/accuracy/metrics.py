"""Error metrics of a computed gradient against its reference, over float64 arrays.

e = Ĝ − G is the error; a dtype has p significand bits and u = 2⁻ᵖ. Arrays are flat, with the entries of the gradient; a
joint gradient is one vector.
Definitions after Higham, *Accuracy and Stability of Numerical Algorithms*, chapters 1–3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradiometer.storage.schema import FloatFormat

Array = np.ndarray[Any, np.dtype[np.float64]]


def norm_ratio(numerator: Array, denominator: Array) -> float | None:
    """‖a‖_F / ‖b‖_F, both scaled by b's largest entry first. 0/0 is 0; a/0 is None."""
    scale = float(np.max(np.abs(denominator), initial=0.0))
    if scale == 0:
        return 0.0 if not np.any(numerator) else None
    return float(np.linalg.norm(numerator / scale) / np.linalg.norm(denominator / scale))


def ulp_of(reference: Array, dtype: FloatFormat) -> Array:
    """Spacing of the dtype's numbers at each reference value: 2^(max(⌊log2|g|⌋, e_min) − p + 1)."""
    exponent = np.frexp(reference)[1] - 1
    exponent = np.where(reference == 0, dtype.min_exponent, np.maximum(exponent, dtype.min_exponent))
    spacing: Array = np.ldexp(np.ones_like(reference), exponent - dtype.precision + 1)
    return spacing


def rel_fro(error: Array, reference: Array, dtype: FloatFormat) -> float | None:
    """‖e‖_F / ‖G‖_F."""
    return norm_ratio(error, reference)


def rel_max(error: Array, reference: Array, dtype: FloatFormat) -> float | None:
    """max|e| / max|G|."""
    largest = float(np.max(np.abs(reference), initial=0.0))
    if largest == 0:
        return 0.0 if not np.any(error) else None
    return float(np.max(np.abs(error)) / largest)


def comp_max(error: Array, reference: Array, dtype: FloatFormat) -> float | None:
    """max |e|/|g| over the entries with g ≠ 0."""
    there = reference != 0
    if not np.any(there):
        return None
    return float(np.max(np.abs(error[there]) / np.abs(reference[there])))


METRICS: dict[str, Callable[[Array, Array, FloatFormat], float | None]] = {
    "rel_fro": rel_fro,
    "rel_max": rel_max,
    "comp_max": comp_max,
}


def ulp_errors(error: Array, reference: Array, dtype: FloatFormat) -> dict[str, float]:
    """Largest, mean and two quantiles of |e| in units in the last place."""
    ulps = np.abs(error) / ulp_of(reference, dtype)
    p50, p99 = np.quantile(ulps, [0.5, 0.99])
    return {"ulp_max": float(ulps.max()), "ulp_mean": float(ulps.mean()), "ulp_p50": float(p50), "ulp_p99": float(p99)}


def digits(relative_error: float | None, dtype: FloatFormat) -> float | None:
    """Correct decimal digits: −log10 of the relative error, between 0 and p·log10 2. None where there is no error."""
    if relative_error is None:
        return None
    most = dtype.precision * math.log10(2)
    return most if relative_error == 0 else min(most, max(0.0, -math.log10(relative_error)))


ZERO_SHARE = 1 / 8
"""Share of its terms above which a true entry cannot become zero by roundings alone."""
ZEROED_NORM = 0.01
"""Share of the gradient's norm at which zeroed entries are a failure."""


def zeroed(computed: Array, reference: Array, dtype: FloatFormat, terms: Array | None = None) -> Array:
    """Mask of the entries that are zero though the true value is a normal number and not small beside its terms.

    Their cause is an intermediate value that overflowed, underflowed or cancelled. Where `terms` (B) is not known, the
    largest entry takes its place.
    """
    largest = np.max(np.abs(reference), initial=0.0)
    sizes = largest if terms is None else np.where(np.isfinite(terms), terms, largest)
    is_normal = np.abs(reference) >= 2.0**dtype.min_exponent
    mask: Array = (computed == 0) & is_normal & (np.abs(reference) >= ZERO_SHARE * sizes)
    return mask


def is_zeroed(computed: Array, reference: Array, dtype: FloatFormat, terms: Array | None = None) -> bool:
    """Whether zeroed entries hold at least ZEROED_NORM of the gradient's norm."""
    lost = norm_ratio(np.where(zeroed(computed, reference, dtype, terms), reference, 0.0), reference)
    return lost is not None and lost >= ZEROED_NORM


def counts(computed: Array, reference: Array, dtype: FloatFormat, terms: Array | None = None) -> dict[str, int]:
    """Numbers of entries: NaN, infinite, spurious (not finite though the true value is in range), underflowed (zero
    though the true value is not), and zeroed.
    """
    finite = np.isfinite(computed)
    in_range = np.abs(reference) <= dtype.largest
    return {
        "n_nan": int(np.isnan(computed).sum()),
        "n_inf": int(np.isinf(computed).sum()),
        "n_spurious": int((~finite & in_range).sum()),
        "n_underflow": int(((computed == 0) & (reference != 0)).sum()),
        "n_zeroed": int(zeroed(computed, reference, dtype, terms).sum()),
    }


def backward_errors(error: Array, reference: Array, terms: Array, dtype: FloatFormat) -> dict[str, float | None]:
    """The error against B, the sum of the absolute values of each entry's terms; κ = ‖B‖_F / ‖G‖_F.

    `bwd_max_u` = max |e|/(u·B), `bwd_fro_u` = ‖e‖_F/(u‖B‖_F), 0/0 = 0. All are None where B is zero and e is not, or B
    is not finite. A large κ makes the relative error large in any arithmetic; the backward errors judge the method.
    """
    u = dtype.unit_roundoff
    if not np.isfinite(terms).all() or np.any((terms == 0) & (error != 0)):
        return dict.fromkeys(("bwd_max_u", "bwd_fro_u", "kappa"))
    there = terms > 0
    by_entry = np.abs(error[there]) / terms[there]
    whole = norm_ratio(error, terms)
    return {
        "bwd_max_u": float(np.max(by_entry, initial=0.0)) / u,
        "bwd_fro_u": None if whole is None else whole / u,
        "kappa": norm_ratio(terms, reference),
    }


def score(
    computed: Array, reference: Array, dtype: FloatFormat, rest: Array | float = 0.0, terms: Array | None = None
) -> dict[str, float | int | None]:
    """Columns of `errors` for one gradient. With any entry that is not finite, there are counts and no metrics.

    The true gradient is `reference` + `rest`: one float64 cannot hold it. `terms` is B, where it is known.
    """
    row: dict[str, float | int | None] = dict(counts(computed, reference, dtype, terms))
    if np.isfinite(computed).all() and np.isfinite(reference).all():
        error = (computed - reference) - rest
        row |= {name: metric(error, reference, dtype) for name, metric in METRICS.items()}
        row |= ulp_errors(error, reference, dtype)
        row["digits"] = digits(row["rel_fro"], dtype)
        if terms is not None:
            row |= backward_errors(error, reference, terms, dtype)
    return row
