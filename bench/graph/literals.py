"""Constants of a program: exact, or rounded when they were written.

A float with few significant bits (3.0, 0.375) is taken as exact. A float that uses nearly all of its significand (0.1,
2/7, √8 in float32) is taken as a real number rounded to nearest, with an error of up to half a unit in the last place.
A rounded number of p bits looks exact by chance with probability 2^(−p/2).
"""

from __future__ import annotations

import math

import torch

PRECISION = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}
"""Significand bits, including the hidden bit."""


def significant_bits(value: float) -> int:
    """Number of bits from the first 1 to the last 1 in the significand of a finite value; 0 for zero."""
    numerator, _ = value.as_integer_ratio()
    magnitude = abs(numerator)
    return (magnitude // (magnitude & -magnitude)).bit_length() if magnitude else 0


def literal_precision(value: float, dtype: torch.dtype = torch.float64) -> int | None:
    """The precision in bits to which `value` was rounded; None where it is exact or not finite.

    A float64 that float32 holds exactly, and that has many significant bits, is taken as rounded to float32: it comes
    from a `tensor.item()`.
    """
    if not math.isfinite(value) or value.is_integer():
        return None
    bits = significant_bits(value)
    precision = PRECISION[dtype]
    if dtype == torch.float64 and bits <= PRECISION[torch.float32]:
        precision = PRECISION[torch.float32]
    return None if bits <= precision // 2 else precision


def half_unit(value: float, precision: int) -> float:
    """Half a unit in the last place of `value` in a format of `precision` bits: the largest rounding error."""
    _, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - precision - 1)
