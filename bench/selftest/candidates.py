"""Callables whose ratio is known, or that are hard to time. Each factory builds a new callable with its own data.

The names of durations hold on a core of a few GHz. Nothing depends on them.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

import torch

from gradiometer.timing.clocks import Call

DURATIONS = {"2us": 64, "50us": 160, "1ms": 448}
"""Duration → size of the operation that takes about that long."""
INNER = {"50us": 64, "0.5ms": 128, "1ms": 160, "3ms": 256}
"""Duration → size of the operation of which twenty take about that long."""


def _operation(size: int) -> Call:
    """2x for a small vector, the product x·x for a matrix."""
    if size < 100:
        x = torch.rand(size)
        return lambda: 2 * x
    x = torch.rand(size, size)
    return lambda: x @ x


def operation(duration: str) -> Call:
    """One operation of about this duration. Two of them are a pair of identical functions."""
    return _operation(DURATIONS[duration])


def repeated(duration: str, times: int) -> Call:
    """An operation repeated `times` times. The ratio of n to m repetitions is n/m, except for 0.15 µs of the loop."""
    inner = _operation(INNER[duration])

    def call() -> Any:
        result = None
        for _ in repeat(None, times):
            result = inner()
        return result

    return call


def doubled() -> Call:
    """2x for 64 entries. Its ratio to `added` differs between processes."""
    x = torch.rand(64)
    return lambda: 2 * x


def added() -> Call:
    """x + x for 64 entries."""
    x = torch.rand(64)
    return lambda: x + x


def _loss() -> tuple[Any, torch.Tensor]:
    y, w2 = torch.rand(64, 1), torch.rand(64, 32)
    return (lambda w1: ((w2 @ (w1 @ y) - y) ** 2).sum()), torch.rand(32, 64)


def by_autograd() -> Call:
    """autograd.grad of a linear autoencoder of size 64. With `by_jacobian` it is a typical pair of a study."""
    loss, at = _loss()
    leaf = at.requires_grad_()
    return lambda: torch.autograd.grad(loss(leaf), leaf)


def by_jacobian() -> Call:
    """functional.jacobian of the same loss."""
    loss, at = _loss()
    return lambda: torch.autograd.functional.jacobian(loss, at)


def hostile() -> Call:
    """Write 16 MiB, which evicts the data of other candidates from the caches."""
    x = torch.zeros(4 * 2**20)
    return lambda: x.add_(1.0)
