"""Constants of a program: exact, or rounded when they were written.

A float with few significant bits (3.0, 0.375) is exact. Any other float stands for a real number near it: 0.1 for its
decimal 1/10, 0.79788 for a number that rounds to these five digits, and a float that needs all digits of its format
(2/7, √8 in float32) for a number near it in units of its last place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

PRECISION = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}
"""Significand bits, including the hidden bit."""
FULL_DIGITS = {11: 4, 8: 3, 24: 7, 53: 16}
"""Significand bits → decimal digits from which a constant fills its format."""
MOST_UNITS = {53: 4.0}
"""Bits → half units in the last place by which a constant that fills the format may be off, 1 for other formats.

Python computes a constant such as 2 / math.sqrt(math.pi) with several roundings.
"""
LEAST_DECIMALS = 2
"""Fewest decimal digits of a constant that may be a rounded one. A constant of one digit (0.1) is its decimal."""


@dataclass(frozen=True)
class Literal:
    """A positive constant that is not exact.

    `text` is its shortest decimal, `digits` the number of decimal digits in it, and `bits` the precision of its format.
    """

    value: float
    text: str
    digits: int
    bits: int

    @property
    def fills_format(self) -> bool:
        """Whether it needs all digits of its format, so that it was rounded to the format."""
        return self.digits >= FULL_DIGITS[self.bits]

    @property
    def decimal(self) -> Fraction:
        """The number that it stands for: its decimal, or its float where it fills the format."""
        return Fraction(self.value) if self.fills_format else Fraction(self.text)

    @property
    def radius(self) -> float:
        """The largest difference between the number meant and `decimal`; 0 for a decimal that is not rounded."""
        if self.fills_format:
            return MOST_UNITS.get(self.bits, 1.0) * half_unit(self.value, self.bits)
        if self.digits < LEAST_DECIMALS:
            return 0.0
        return 0.5 * 10.0 ** (math.floor(math.log10(float(self.decimal))) - self.digits + 1)


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


def literal(value: float, dtype: torch.dtype = torch.float64) -> Literal | None:
    """The absolute value of a constant as a Literal; None where it is exact."""
    bits = literal_precision(value, dtype)
    if bits is None:
        return None
    size = abs(value)
    text = repr(size) if bits == PRECISION[torch.float64] else str(np.float32(size))
    mantissa = text.lower().split("e")[0].replace(".", "").lstrip("0").rstrip("0")
    return Literal(size, text, len(mantissa), bits)
