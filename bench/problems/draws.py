"""Random numbers that are the same bits on every machine: seeded generators, uniform and normal tensors.

Only operations whose results IEEE 754 fixes form the values, so no mathematical library can change a bit.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch

Shape = tuple[int, ...]


def seeded(*key: Any) -> torch.Generator:
    """A generator seeded by sha256 of the key, which consists of texts, numbers and lists."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def uniform(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    """Uniform in [0, 1), 53 random bits."""
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def normal(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    """Standard normal by the ratio of uniforms (Kinderman & Monahan, ACM TOMS 3, 1977).

    A value is one correctly rounded quotient; the logarithm only decides whether it is accepted.
    """
    count = torch.Size(shape).numel()
    width = 2 * (2 / torch.e) ** 0.5
    found = torch.empty(0, dtype=torch.float64)
    while len(found) < count:
        u = 1 - torch.rand(count + 16, generator=generator, dtype=torch.float64)
        v = (torch.rand(count + 16, generator=generator, dtype=torch.float64) - 0.5) * width
        x = v / u
        found = torch.cat([found, x[x * x <= -4 * torch.log(u)]])
    return found[:count].reshape(shape)


DRAWS = {"uniform": uniform, "normal": normal}
"""The generic kinds of data. A problem's own kinds come from its `sample`."""


def rotated(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Integer rows times one random orthogonal matrix, rounded once. log2(n) + 1 layers mix all coordinates.

    A LAPACK routine would give other bits on other machines. The matrix is a product of 3-4-5 rotations of random pairs
    of coordinates: integers, which float64 holds exactly, divided once at the end.
    """
    n = rows.shape[1]
    layers = max(1, (n - 1).bit_length()) + 1
    for _ in range(layers):
        order = torch.randperm(n, generator=generator)
        one, other, rest = order[: n // 2], order[n // 2 : n // 2 * 2], order[n // 2 * 2 :]
        turned = torch.empty_like(rows)
        turned[:, one] = 3 * rows[:, one] + 4 * rows[:, other]
        turned[:, other] = 3 * rows[:, other] - 4 * rows[:, one]
        turned[:, rest] = 5 * rows[:, rest]
        rows = turned
    return rows / 5.0**layers
