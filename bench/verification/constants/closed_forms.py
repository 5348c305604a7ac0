"""Closed forms of constants: products of a small rational number and a well-known constant."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

from flint import arb, ctx, fmpq

from gradiometer.graph.literals import Literal

BITS = 1024
LARGEST = 32
"""Largest numerator and denominator of the rational factor."""
CLOSE = 1e-10
"""Largest relative distance of a closed form from a number that is known precisely."""


@cache
def _basis() -> dict[str, arb]:
    """Name → constant."""
    with ctx.workprec(BITS):
        pi, e = arb.pi(), arb(1).exp()
        return {
            "1": arb(1), "π": pi, "1/π": 1 / pi, "√π": pi.sqrt(), "1/√π": 1 / pi.sqrt(), "√(2π)": (2 * pi).sqrt(),
            "1/√(2π)": 1 / (2 * pi).sqrt(), "√(π/2)": (pi / 2).sqrt(), "√(2/π)": (2 / pi).sqrt(), "π²": pi**2,
            "1/π²": 1 / pi**2, "√2": arb(2).sqrt(), "√3": arb(3).sqrt(), "√5": arb(5).sqrt(), "√6": arb(6).sqrt(),
            "√10": arb(10).sqrt(), "e": e, "1/e": 1 / e, "log 2": arb(2).log(), "1/log 2": 1 / arb(2).log(),
            "log 10": arb(10).log(), "1/log 10": 1 / arb(10).log(), "log π": pi.log(), "log 2π": (2 * pi).log(),
            "γ": arb.const_euler(),
        }  # fmt: skip


def _spelled(ratio: Fraction, name: str, other: Literal | None) -> str:
    factors = [name] * (name != "1") + ([other.text] if other else [])
    if ratio != 1 or not factors:
        factors.insert(0, str(ratio))
    return " · ".join(factors)


def closed_form(value: arb, others: Sequence[Literal] = ()) -> str | None:
    """The closed form of a positive number; None where the table has none.

    `others` are constants of which the number may be a multiple. It must be known to more digits than the table can
    match by chance.
    """
    found = []
    for other in (None, *others):
        with ctx.workprec(BITS):
            unit = arb(1) if other is None else arb(fmpq(*other.decimal.as_integer_ratio()))
            quotients = {name: float((value / (unit * constant)).mid()) for name, constant in _basis().items()}
        for name, quotient in quotients.items():
            ratio = Fraction(quotient).limit_denominator(LARGEST) if 0 < quotient < LARGEST + 1 else Fraction(0)
            if 0 < ratio.numerator <= LARGEST and abs(float(ratio) - quotient) <= CLOSE * quotient:
                size = ratio.numerator + ratio.denominator + len(name) / 100
                found.append((other is not None, size, _spelled(ratio, name, other)))
    return min(found)[2] if found else None


def closed_value(one: Literal) -> arb | None:
    """The number of closed form that a constant can stand for: within its radius of `decimal`; None without one."""
    with ctx.workprec(BITS):
        written = arb(fmpq(*one.decimal.as_integer_ratio()))
        for constant in _basis().values():
            quotient = float((written / constant).mid())
            ratio = Fraction(quotient).limit_denominator(LARGEST) if 0 < quotient < LARGEST + 1 else Fraction(0)
            found = constant * ratio.numerator / ratio.denominator
            if ratio.numerator <= LARGEST and abs(found - written) <= one.radius:
                return found
        return None
