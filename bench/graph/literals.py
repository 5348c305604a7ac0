"""Which constants of a program are exact and which were rounded when they were written down.

A float that uses few of its significand's bits (3.0, 0.375) is taken to be meant as it stands; one that uses nearly all
of them (0.1, 2/7, a float32 √8) is taken to be a real number rounded to nearest, off by up to half a unit in the last
place. A rounded number passes for an exact one by chance once in 2^(p/2).
"""

from __future__ import annotations

import math

import torch

PRECISION = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}
"""Significand bits, the hidden bit included."""


def significant_bits(value: float) -> int:
    """The bits from the first 1 to the last 1 of a finite value's significand; 0 for zero."""
    numerator, _ = value.as_integer_ratio()
    magnitude = abs(numerator)
    return (magnitude // (magnitude & -magnitude)).bit_length() if magnitude else 0


def literal_precision(value: float, dtype: torch.dtype = torch.float64) -> int | None:
    """The precision p in which `value` was rounded, or None where it is exact (or not finite).

    A float64 that float32 holds exactly, and that is no short fraction, was a float32 before (`tensor.item()`).
    """
    if not math.isfinite(value) or value.is_integer():
        return None
    bits = significant_bits(value)
    precision = PRECISION[dtype]
    if dtype == torch.float64 and bits <= PRECISION[torch.float32]:
        precision = PRECISION[torch.float32]
    return None if bits <= precision // 2 else precision


def half_unit(value: float, precision: int) -> float:
    """Half a unit in the last place of `value` in a format of `precision` bits: the most that rounding moved it."""
    _, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - precision - 1)
