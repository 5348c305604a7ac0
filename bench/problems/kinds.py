"""Declared kinds of inputs beside free real numbers: labels, masks, and numbers that meet a constraint.

A declaration is the name of a kind and its arguments, as in `"integer k"` or `"interval 0 1"`. KINDS is the table.
Draws meet their constraint exactly in float64 where float64 can, and to rounding otherwise (`orthogonal`, `unit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch

from gradiometer.errors import ProblemError
from gradiometer.problems import shapes
from gradiometer.problems.draws import DRAWS, Shape, rotated, uniform

TOLERANCE = 2.0**-40
"""Largest deviation from a constraint, relative to the input's size, that roundings explain."""
MARGIN = 2.0**-6
"""Draws from an interval keep this share of its width from both ends, so that no dtype rounds them out of it."""
LEAST_POSITIVE = 2.0**-10
"""Positive draws are at least this, which is a normal number in every dtype."""
SIMPLEX_BITS = 24
"""Entries on a simplex are multiples of 2⁻²⁴: their sum is exactly 1 in float64 and in float32, in any order."""

Draw = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    `draw(shape, data, generator, *arguments)` draws float64, int64, bool or complex128 entries. `holds(tensor,
    *arguments)` tells whether a tensor meets the constraint to rounding. `integers(shape, generator, bound)` draws
    random whole numbers below `bound` in size that meet the constraint; `keeps` says that every draw consists of whole
    numbers already. `arguments` names what each argument is; `least` is the least number of dimensions of the shape.
    """

    draw: Draw
    holds: Callable[..., bool]
    arguments: tuple[str, ...] = ()
    dtype: torch.dtype = torch.float64
    least: int = 0
    is_square: bool = False
    integers: Draw | None = None
    keeps: bool = False


@dataclass(frozen=True)
class Declared:
    """A kind with its arguments at given dimensions."""

    name: str
    kind: Kind
    arguments: tuple[Any, ...]


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    size = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    return bool(((found - expected).abs() <= TOLERANCE * size * max(1, found.shape[-1] if found.dim() else 1)).all())


def _whole(shape: Shape, generator: torch.Generator, bound: int) -> torch.Tensor:
    return torch.randint(-bound, bound, shape, generator=generator).double()


def _integer(shape: Shape, data: str, generator: torch.Generator, below: int) -> torch.Tensor:
    return torch.randint(0, below, shape, generator=generator)


def _boolean(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 2, shape, generator=generator).bool()


def _one_hot(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    labels = torch.randint(0, shape[-1], (*shape[:-1], 1), generator=generator)
    return torch.zeros(shape, dtype=torch.float64).scatter(-1, labels, 1.0)


def _holds_one_hot(x: torch.Tensor) -> bool:
    return bool((((x == 0) | (x == 1)).all() and (x.sum(-1) == 1).all()).item())


def _simplex(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    """Uniform on the simplex: the gaps between sorted random multiples of 2⁻²⁴, all of them positive."""
    count = shape[-1]
    bits = SIMPLEX_BITS if count < 2 ** (SIMPLEX_BITS - 4) else 50
    free = 2**bits - count + 1
    cuts = torch.randint(0, free, (*shape[:-1], count - 1), generator=generator).sort(-1).values
    steps = cuts + torch.arange(1, count)
    edge = torch.zeros((*shape[:-1], 1), dtype=torch.int64)
    return torch.cat([edge, steps, edge + 2**bits], -1).diff().double() / 2.0**bits


def _simplex_integers(shape: Shape, generator: torch.Generator, bound: int) -> torch.Tensor:
    """Whole numbers with sum 1: a polynomial that is 0 on the simplex is 0 wherever the sum is 1."""
    found = _whole(shape, generator, bound)
    found[..., -1] = 1 - found[..., :-1].sum(-1)
    return found


def _holds_simplex(x: torch.Tensor) -> bool:
    return bool((x >= 0).all()) and _close(x.sum(-1), torch.ones_like(x.sum(-1)))


def _positive(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    return LEAST_POSITIVE + DRAWS[data](shape, generator).abs()


def _interval(shape: Shape, data: str, generator: torch.Generator, low: float, high: float) -> torch.Tensor:
    return low + (high - low) * (MARGIN + (1 - 2 * MARGIN) * uniform(shape, generator))


def _mirrored(x: torch.Tensor) -> torch.Tensor:
    return x.tril() + x.tril(-1).mT


def _symmetric(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    return _mirrored(DRAWS[data](shape, generator))


def _symmetric_integers(shape: Shape, generator: torch.Generator, bound: int) -> torch.Tensor:
    return _mirrored(_whole(shape, generator, bound))


def _positive_definite(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    """I/2 + GGᵀ/s with whole numbers / 8 in G and a power of two s ≥ n: exact in float64, in any order of sums."""
    factor = torch.randint(-8, 9, shape, generator=generator).double()
    scale = 64 * 2.0 ** (shape[-1] - 1).bit_length()
    return factor @ factor.mT / scale + torch.eye(shape[-1], dtype=torch.float64) / 2


def _holds_symmetric(x: torch.Tensor) -> bool:
    return _close(x, x.mT)


def _holds_positive_definite(x: torch.Tensor) -> bool:
    return _holds_symmetric(x) and bool((torch.linalg.cholesky_ex(x).info == 0).all())


def _orthogonal(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    """Orthonormal rows, or columns where there are more rows than columns; rotations with random signs."""
    *batch, height, width = shape
    n = max(height, width)
    found = []
    for _ in range(torch.Size(batch).numel()):
        signs = 1.0 - 2.0 * torch.randint(0, 2, (n,), generator=generator).double()
        rows = rotated(torch.diag(signs), generator)[: min(height, width)]
        found.append(rows if height <= width else rows.T)
    return torch.stack(found).reshape(shape).contiguous()


def _holds_orthogonal(x: torch.Tensor) -> bool:
    short = x if x.shape[-2] <= x.shape[-1] else x.mT
    return _close(short @ short.mT, torch.eye(short.shape[-2], dtype=x.dtype).expand(*x.shape[:-2], -1, -1))


def _unit(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    """x/‖x‖ with odd whole numbers in x, so few bits that the sum of squares is exact."""
    bits = (50 - shape[-1].bit_length()) // 2
    low = 0 if data == "uniform" else -(2 ** (bits - 1))
    x = (2 * torch.randint(low, 2 ** (bits - 1), shape, generator=generator) + 1).double()
    return x / (x * x).sum(-1, keepdim=True).sqrt()


def _holds_unit(x: torch.Tensor) -> bool:
    squares = (x * x).sum(-1)
    return _close(squares, torch.ones_like(squares))


def _complex(shape: Shape, data: str, generator: torch.Generator) -> torch.Tensor:
    return torch.complex(DRAWS[data](shape, generator), DRAWS[data](shape, generator))


KINDS: Mapping[str, Kind] = {
    "integer": Kind(
        _integer, lambda x, k: bool(((x >= 0) & (x < k)).all()), ("dimension",), torch.int64, keeps=True,
    ),
    "boolean": Kind(_boolean, lambda x: True, dtype=torch.bool, keeps=True),
    "one_hot": Kind(_one_hot, _holds_one_hot, least=1, keeps=True),
    "simplex": Kind(_simplex, _holds_simplex, least=1, integers=_simplex_integers),
    "positive": Kind(
        _positive, lambda x: bool((x > 0).all()),
        integers=lambda shape, generator, bound: torch.randint(1, bound, shape, generator=generator).double(),
    ),
    "interval": Kind(
        _interval, lambda x, low, high: bool(((x >= low) & (x <= high)).all()), ("number", "number"), integers=_whole,
    ),
    "symmetric": Kind(_symmetric, _holds_symmetric, least=2, is_square=True, integers=_symmetric_integers),
    "positive_definite": Kind(
        _positive_definite, _holds_positive_definite, least=2, is_square=True, integers=_symmetric_integers,
    ),
    "orthogonal": Kind(_orthogonal, _holds_orthogonal, least=2),
    "unit": Kind(_unit, _holds_unit, least=1),
    "complex": Kind(
        _complex, lambda x: True, dtype=torch.complex128,
        integers=lambda shape, generator, bound: torch.complex(
            _whole(shape, generator, bound), _whole(shape, generator, bound)
        ),
    ),
}  # fmt: skip
"""Name → kind. Whole numbers for `interval` and `positive_definite` may leave the set: a polynomial that is 0 on an
open set is 0 everywhere."""


def check(declaration: Any, shape: str, dims: Mapping[str, float], here: str) -> None:
    """Raise ProblemError unless the declaration names a kind, gives its arguments and fits the shape.

    `here` begins the message.
    """
    name, *given = declaration.split() if isinstance(declaration, str) and declaration.strip() else [str(declaration)]
    if name not in KINDS:
        raise ProblemError(f"{here}: expected one of {', '.join(KINDS)}; found {declaration!r}")
    kind = KINDS[name]
    usage = " ".join([name, *{"dimension": ["k"], "number": ["0", "1"]}[kind.arguments[0]]]) if kind.arguments else name
    if len(given) != len(kind.arguments):
        raise ProblemError(f"{here}: expected {usage!r}, found {declaration!r}")
    if kind.arguments[:1] == ("dimension",):
        shapes.check(given[0], dims, here)
    if kind.arguments == ("number", "number"):
        low, high = (_number(text) for text in given)
        if low is None or high is None or not low < high:
            raise ProblemError(f"{here}: expected two numbers, the smaller one first, found {declaration!r}")
    sides = shape.split()
    if len(sides) < kind.least:
        raise ProblemError(f"{here}: {name} needs at least {kind.least} dimension(s), the shape is {shape!r}")
    if kind.is_square:
        for size in (7, 12):
            at = {dim: max(1, round(factor * size)) for dim, factor in dims.items()}
            if shapes.value_of(sides[-1], at) != shapes.value_of(sides[-2], at):
                raise ProblemError(f"{here}: {name} needs two equal last dimensions, the shape is {shape!r}")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def declared(declaration: str, dims: Mapping[str, int]) -> Declared:
    """A checked declaration at these dimensions."""
    name, *given = declaration.split()
    kind = KINDS[name]
    pairs: Sequence[tuple[str, str]] = list(zip(kind.arguments, given, strict=True))
    values = tuple(shapes.value_of(text, dims) if what == "dimension" else float(text) for what, text in pairs)
    return Declared(name, kind, values)
