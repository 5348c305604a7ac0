"""Callables whose ratio is known, or that are known to be hard. Each factory builds a fresh one at every call.

Durations are those of one call on a core of a few GHz; nothing depends on their being met.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

import torch

from gradiometer.timing.clocks import Call

DURATIONS = {"2us": 64, "50us": 160, "1ms": 448}
"""Name → the size of the operation that takes about so long."""
INNER = {"50us": 64, "0.5ms": 128, "1ms": 160, "3ms": 256}
"""Name → the size of the operation that takes about so long when it is done twenty times."""


def _operation(size: int) -> Call:
    """2x on a small vector, x·x on a matrix; its input is its own."""
    if size < 100:
        x = torch.rand(size)
        return lambda: 2 * x
    x = torch.rand(size, size)
    return lambda: x @ x


def operation(duration: str) -> Call:
    """One operation of about this duration: two of these are a null pair."""
    return _operation(DURATIONS[duration])


def repeated(duration: str, times: int) -> Call:
    """An operation done `times` times: n and m times have the ratio n/m, but for a loop's set-up of 0.15 µs."""
    inner = _operation(INNER[duration])

    def call() -> Any:
        result = None
        for _ in repeat(None, times):
            result = inner()
        return result

    return call


def doubled() -> Call:
    """2x on 64 entries: against `added`, a distinct operation whose ratio differs between processes."""
    x = torch.rand(64)
    return lambda: 2 * x


def added() -> Call:
    """x + x on 64 entries."""
    x = torch.rand(64)
    return lambda: x + x


def _loss() -> tuple[Any, torch.Tensor]:
    y, w2 = torch.rand(64, 1), torch.rand(64, 32)
    return (lambda w1: ((w2 @ (w1 @ y) - y) ** 2).sum()), torch.rand(32, 64)


def by_autograd() -> Call:
    """autograd.grad of a linear autoencoder of size 64: against `by_jacobian`, a pair as studies have them."""
    loss, at = _loss()
    leaf = at.requires_grad_()
    return lambda: torch.autograd.grad(loss(leaf), leaf)


def by_jacobian() -> Call:
    """functional.jacobian of the same."""
    loss, at = _loss()
    return lambda: torch.autograd.functional.jacobian(loss, at)


def hostile() -> Call:
    """Writes 16 MiB: what its neighbours had in the caches is gone."""
    x = torch.zeros(4 * 2**20)
    return lambda: x.add_(1.0)
