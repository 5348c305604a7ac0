"""Which factor it is: a constant, or made of dimensions. Only several tuples of dimensions can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

CLOSE = 1e-9

CONSTANTS = {
    -1.0: "the sign is flipped",
    0.5: "a factor 2 is lost",
    2.0: "a factor 2 too many",
    -2.0: "the sign is flipped, and a factor 2 too many",
    -0.5: "the sign is flipped, and a factor 2 is lost",
    0.25: "a factor 4 is lost",
    4.0: "a factor 4 too many",
}
MULTIPLES = (1.0, 2.0, 0.5, -1.0, -2.0, -0.5, 4.0, 0.25)


def is_close(one: float, other: float) -> bool:
    """Equal to about nine digits."""
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))


def _products(dims: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """Simple products of dimensions: those above the line, those below it, and what such a factor comes from."""
    for name in dims:
        yield (name,), (), f"the mean's 1/{name} is lost"
        yield (), (name,), f"divided by {name} once too often"
    for one, other in permutations(dims, 2):
        yield (one,), (other,), f"divided by {other} instead of {one} (or multiplied by {one} instead of {other})"
    for one in dims:
        for other in dims:
            yield (one, other), (), f"1/({one} {other}) is lost"
            yield (), (one, other), f"divided by {one} {other} too often"


def _value(dims: Mapping[str, int], above: Sequence[str], below: Sequence[str]) -> float:
    value = 1.0
    for name in above:
        value *= dims[name]
    for name in below:
        value /= dims[name]
    return value


def _spelled(multiple: float, above: Sequence[str], below: Sequence[str]) -> str:
    top = " ".join(above) or "1"
    if multiple != 1:
        top = f"{multiple:g} {top}" if above else f"{multiple:g}"
    return f"{top}/{' '.join(below) if len(below) < 2 else '(' + ' '.join(below) + ')'}" if below else top


def number(value: float) -> str:
    """A factor as a reader wants it: what is close to 1 by its distance."""
    distance = value - 1
    if 0 < abs(distance) < 1e-4:
        return f"(1 {'+' if distance > 0 else '-'} {abs(distance):.3g})"
    return f"{value:.10g}"


def name_factor(factors: Sequence[float], dims: Sequence[Mapping[str, int]]) -> tuple[str, str | None]:
    """A factor seen at several tuples of dimensions: how it is written, and what it comes from (None: a mere number).

    The constant wins where it is the same everywhere, unless there is one tuple alone.
    """
    first = factors[0]
    if all(is_close(first, factor) for factor in factors) and (len(factors) > 1 or first in CONSTANTS):
        for constant, words in CONSTANTS.items():
            if is_close(first, constant):
                return number(constant), words
        return number(first), None
    for multiple in MULTIPLES:
        for above, below, words in _products(list(dims[0])):
            if all(is_close(f, multiple * _value(d, above, below)) for f, d in zip(factors, dims, strict=True)):
                also = "" if multiple == 1 else f", and {CONSTANTS.get(multiple, f'a factor {multiple:g}')}"
                return _spelled(multiple, above, below), words + also
    seen = ", ".join(
        f"{number(f)} at {' '.join(f'{k}={v}' for k, v in d.items())}" for f, d in zip(factors, dims, strict=True)
    )
    return seen, None
