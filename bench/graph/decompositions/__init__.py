"""Decompositions of composite operations, one file per family of operations. They are applied while tracing.

Each file provides DECOMPOSITIONS: operation overload → a function in PyTorch, written in operations that are
supported. May import torch and `errors` only. A decomposition is the simplest way to support an operation: evaluation
in every arithmetic, the derivative and the error bounds follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradiometer.graph.decompositions import (
    complex_numbers,
    convolution,
    core,
    distances,
    grid_sampling,
    indexing,
    layers,
    linear_algebra,
    losses,
    order,
    resampling,
    special,
)

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **core.DECOMPOSITIONS,
    **special.DECOMPOSITIONS,
    **distances.DECOMPOSITIONS,
    **losses.DECOMPOSITIONS,
    **linear_algebra.DECOMPOSITIONS,
    **convolution.DECOMPOSITIONS,
    **resampling.DECOMPOSITIONS,
    **grid_sampling.DECOMPOSITIONS,
    **indexing.DECOMPOSITIONS,
    **order.DECOMPOSITIONS,
    **layers.DECOMPOSITIONS,
    **complex_numbers.DECOMPOSITIONS,
}
"""Operation overload → its decomposition."""
