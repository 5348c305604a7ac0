"""Names of a common factor: a constant, or a product of dimensions. Several tuples of dimensions separate the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from math import prod

CLOSE = 1e-9

CONSTANTS = {
    -1.0: "the sign is flipped",
    0.5: "a factor 2 is missing",
    2.0: "a factor 2 too many",
    -2.0: "the sign is flipped, and a factor 2 too many",
    -0.5: "the sign is flipped, and a factor 2 is missing",
    0.25: "a factor 4 is missing",
    4.0: "a factor 4 too many",
}
MULTIPLES = (1.0, 2.0, 0.5, -1.0, -2.0, -0.5, 4.0, 0.25)


ROOTS: Mapping[str, Callable[[int], float]] = {
    "√{}": lambda n: n**0.5,
    "1/√{}": lambda n: n**-0.5,
    "({0} - 1)/{0}": lambda n: (n - 1) / n,
    "{0}/({0} - 1)": lambda n: n / (n - 1) if n > 1 else 0.0,
    "{0} - 1": lambda n: n - 1.0,
    "1/({0} - 1)": lambda n: 1 / (n - 1) if n > 1 else 0.0,
}
"""Further factors of one dimension."""


def is_close(one: float, other: float) -> bool:
    """Whether two numbers agree to about nine digits."""
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))


def _products(dims: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Simple products of dimensions: the dimensions in the numerator, and those in the denominator."""
    for name in dims:
        yield (name,), ()
        yield (), (name,)
    for one, other in permutations(dims, 2):
        yield (one,), (other,)
    for one in dims:
        for other in dims:
            yield (one, other), ()
            yield (), (one, other)


def _value(dims: Mapping[str, int], above: Sequence[str], below: Sequence[str]) -> float:
    return prod(dims[name] for name in above) / prod(dims[name] for name in below)


def _spelled(multiple: float, above: Sequence[str], below: Sequence[str]) -> str:
    top = " ".join(above) or "1"
    if multiple != 1:
        top = f"{multiple:g} {top}" if above else f"{multiple:g}"
    return f"{top}/{' '.join(below) if len(below) < 2 else '(' + ' '.join(below) + ')'}" if below else top


def number(value: float) -> str:
    """A factor as text; a factor close to 1 is written by its distance from 1."""
    distance = value - 1
    if 0 < abs(distance) < 1e-4:
        return f"(1 {'+' if distance > 0 else '-'} {abs(distance):.3g})"
    return f"{value:.6g}"


def name_factor(factors: Sequence[float], dims: Sequence[Mapping[str, int]]) -> tuple[str, str | None]:
    """A factor found at several tuples of dimensions: its value as text, and its name (None for a mere number).

    The name says what the factor is, not how it arose. A factor that is the same at every tuple is a constant; at one
    tuple alone, only the factors in CONSTANTS are.
    """
    first = factors[0]
    if all(is_close(first, factor) for factor in factors) and (len(factors) > 1 or first in CONSTANTS):
        for constant, words in CONSTANTS.items():
            if is_close(first, constant):
                return number(constant), words
        return number(first), None
    for multiple in MULTIPLES:
        for above, below in _products(list(dims[0])):
            if all(is_close(f, multiple * _value(d, above, below)) for f, d in zip(factors, dims, strict=True)):
                written = _spelled(multiple, above, below)
                return written, f"off by a factor {written}"
    for name in dims[0]:
        for words, value in ROOTS.items():
            if len(factors) > 1 and all(is_close(f, value(d[name])) for f, d in zip(factors, dims, strict=True)):
                return words.format(name), f"off by a factor {words.format(name)}"
    found = ", ".join(
        f"{number(f)} at {' '.join(f'{k}={v}' for k, v in d.items())}" for f, d in zip(factors, dims, strict=True)
    )
    return found, None
