"""High-precision arithmetic that is not rigorous: balls whose radius is dropped after each operation.

Every comparison is decided, by the midpoints. Use it where enclosures overlap at any precision, or where an operation
has no rigorous enclosure, and compare the results at two precisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from torch.utils._pytree import tree_map

from gradiometer.graph.arithmetic.balls import OPERATIONS, balls
from gradiometer.graph.evaluate import Arithmetic


def _midpoint(ball: Any) -> Any:
    return ball.mid() if hasattr(ball, "mid") else ball


_midpoints = np.frompyfunc(_midpoint, 1, 1)


def _stripped(value: Any) -> Any:
    """A value without radii; integers, booleans and tensors as they are."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.asarray(_midpoints(value), dtype=object)
    return value


def _without_radius(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: tree_map(_stripped, operation(*args, **kwargs))


@cache
def _operations() -> Mapping[str, Callable[..., Any]]:
    return {name: _without_radius(operation) for name, operation in OPERATIONS.items()}


def midpoints(operations: Mapping[str, Callable[..., Any]] | None = None) -> Arithmetic:
    """The arithmetic of midpoints; `operations` replaces some of them."""
    return replace(balls(), name="midpoints", operations={**_operations(), **(operations or {})})
