"""Tuples of dimensions at which gradients are compared, drawn from the seed of a verification.

Together they cover both orders of every pair of dimensions, an even number, a 1, and one large number for each
dimension. The first two hold distinct odd primes and share none, so no ratio of two dimensions equals a third and a
number that was written for a dimension fails at one of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from gradiometer.errors import GradiometerError
from gradiometer.problems.problem import Problem

LARGE = (257, 263, 269, 271, 277, 281, 283, 293)
MIDDLE = (67, 71, 73, 79, 83, 89, 97)
"""Large dimensions, and those for a problem that is too slow at LARGE."""
SIZES = (7, 12, 17)
"""Sizes for a problem that can take none of the tuples; its dimensions then follow from its own factors."""

Dims = dict[str, int]


class DimensionsError(GradiometerError):
    """Dimensions at which the problem cannot be sampled, or its loss cannot be evaluated."""


@dataclass(frozen=True)
class Extra:
    """A further tuple: one dimension is special (`name`; None for all), the others are small.

    `smaller` replaces a tuple that is too slow.
    """

    dims: Dims
    name: str | None = None
    smaller: Dims | None = None


def new_seed(source: str = "") -> int:
    """A seed of 62 bits from the source's hash, the clock and the system's random numbers."""
    text = f"{source} {time.time_ns()} {os.urandom(16).hex()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2


def dims_text(dims: Dims) -> str:
    """`m=13 n=7`."""
    return " ".join(f"{name}={value}" for name, value in dims.items()) or "no named dimension"


def _odd_primes(count: int) -> list[int]:
    found: list[int] = []
    number = 3
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 2
    return found


def prime_tuples(problem: Problem, seed: int, count: int = 3) -> list[Dims]:
    """Tuples of distinct odd primes without a common one; the second has the opposite order of the first."""
    names, chosen = list(problem.dims), random.Random(f"primes {seed}")
    primes = _odd_primes(count * len(names) + 2)
    chosen.shuffle(primes)
    parts = [sorted(primes[i * len(names) : (i + 1) * len(names)]) for i in range(count)]
    order = names[:]
    chosen.shuffle(order)
    first, second, *others = ({name: part[order.index(name)] for name in names} for part in parts)
    turned = {name: parts[1][len(names) - 1 - order.index(name)] for name in names} if names else second
    return [first, turned, *others]


def small_tuples(problem: Problem) -> list[Dims]:
    """Two tuples of the smallest primes in opposite orders, for a loss with a loop over a dimension."""
    names = list(problem.dims)
    primes = [2, *_odd_primes(2 * len(names))]
    first, second = primes[1 : 2 * len(names) : 2], primes[0 : 2 * len(names) : 2]
    return [dict(zip(names, first, strict=True)), dict(zip(names, reversed(second), strict=True))]


def tied_tuples(problem: Problem, seed: int) -> Iterator[tuple[str, list[Dims]]]:
    """Pairs of tuples under a condition, named in words, for a problem that cannot take every tuple."""
    names, chosen = list(problem.dims), random.Random(f"tied {seed}")
    primes = _odd_primes(2 * len(names) + 4)
    chosen.shuffle(primes)
    for i in range(12):  # an order such as n ≤ m
        order = names[:]
        random.Random(f"order {seed} {i}").shuffle(order)
        halves = sorted(primes[: len(names)]), sorted(primes[len(names) : 2 * len(names)])
        yield "", [{name: half[order.index(name)] for name in names} for half in halves]
    for one, other in combinations(names, 2):
        pair: list[Dims] = []
        for half in (primes[: len(names)], primes[len(names) : 2 * len(names)]):
            dims = dict(zip(names, half, strict=True))
            pair.append({**dims, other: dims[one]})
        yield f"{one} = {other}", pair
    if len(names) > 2:
        yield " = ".join(names), [dict.fromkeys(names, prime) for prime in primes[:2]]
    sizes = [problem.dims_at(size) for size in SIZES]
    yield "the dimensions follow from one size", sizes


def extra_tuples(problem: Problem, seed: int, condition: str, like: Dims) -> list[Extra]:
    """Tuples with even numbers, with a 1 and with a large number, one dimension at a time, smallest first.

    Under a condition of `tied_tuples`, equal dimensions stay equal, and other dimensions keep the order of `like`.
    """
    chosen = random.Random(f"extra {seed}")
    if condition.startswith("the dimensions"):
        return [Extra(problem.dims_at(size)) for size in (1, chosen.choice((4, 6)), chosen.choice(MIDDLE))]
    tied = condition.split(" = ") if " = " in condition else []
    groups = [[name] for name in problem.dims if name not in tied] + ([tied] if tied else [])
    if condition and not tied:
        groups.sort(key=lambda group: like[group[0]])
    if not groups:
        return []

    def dims(values: Sequence[int]) -> Dims:
        ordered = sorted(values) if condition and not tied else values
        given = {name: value for group, value in zip(groups, ordered, strict=True) for name in group}
        return {name: given[name] for name in problem.dims}

    evens = chosen.sample(range(4, 2 * len(groups) + 12, 2), len(groups))
    small = chosen.sample(range(2, len(groups) + 7), len(groups))
    found = [Extra(dims(evens))]
    for i, group in enumerate(groups):
        found.append(Extra(dims([*small[:i], 1, *small[i + 1 :]]), group[0]))
    for i, group in enumerate(groups):
        large, middle = chosen.choice(LARGE), chosen.choice(MIDDLE)
        found.append(
            Extra(dims([*small[:i], large, *small[i + 1 :]]), group[0], dims([*small[:i], middle, *small[i + 1 :]]))
        )
    return found
